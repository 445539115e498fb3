"""The policy of a bundle on a log: its probability of each artwork that the log showed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keyart
from keyart.errors import HistoryError
from keyart.model import LoadedModel
from keyart_federated.evaluation import Decisions

from ..logs import Log
from .evaluation_set import EvaluationSet, LoggedReward
from .slate import slates


def logged_decisions(
    log: Log,
    catalog: keyart.Catalog,
    installed: LoadedModel,
    policy: keyart.Policy,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Decisions:
    """Return the log's decisions with the probabilities of a model, by the device's own path.

    Features, scores, eligibility and probabilities are the SDK's, without a personal head. An artwork that the policy
    may not show has probability 0.

    Args:
        log: a log of this catalogue (`Log.within`).
        catalog: catalogue of the log's titles.
        installed: the model, loaded on the catalogue.
        policy: settings of choosing.
        tell: called with the number of decisions done and the total number.

    Raises:
        HistoryError: the log has no decision about the catalogue, or mixes two measures of reward.
    """
    cases = EvaluationSet.of_log(log, catalog, None)
    if not cases.each:
        raise HistoryError(
            "The log has no decision about an artwork of this catalogue; there is nothing to evaluate."
        )
    gamma = policy.gamma(installed.base_rate)
    rewards, propensities, targets, viewers = [], [], [], []
    for n, slate in enumerate(slates(cases, installed, policy), 1):
        case = slate.case
        if case is None or not isinstance(case.credit, LoggedReward):
            continue
        probability = slate.weighed(installed.weights, gamma).probability
        rewards.append(case.credit.reward)
        propensities.append(case.credit.propensity)
        targets.append(float(probability[case.credit.place]))
        viewers.append(case.device)
        tell(n, len(cases.each))
    return Decisions.of(rewards, propensities, targets, groups=viewers)


def never_trained(training: Mapping[str, Any]) -> str | None:
    """Return a sentence if a bundle has never been trained, by the `training` of its manifest; else None."""
    if training.get("round") or training.get("learner") == "central":  # which has no rounds
        return None
    return (
        "The bundle has never been trained: its weights are the prior that keyart starts from, so this is the value "
        "of that prior. Train it on a log (keyart train) or by rounds (keyart simulate, keyart serve)."
    )
