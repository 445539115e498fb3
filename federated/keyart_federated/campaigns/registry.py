"""The registry of campaign kinds: what stands behind a campaign's kind and, for statistics, its topic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from threadpoolctl import threadpool_limits

from keyart.errors import SettingError

from . import cowatch, evaluation, experiment, population, rates, training, trending
from .campaign import Campaign, Kind
from .evaluation import EvaluationSettings
from .experiment import ExperimentSettings
from .noise import DELTA, EPSILON, PlannedRounds
from .private_sum import PrivateSum
from .protocol import CampaignKind, DeployedModel, Finished, RoundRequest, RoundResult, Wait
from .settings import CampaignSettings, Cohort, parsed, settings_of
from .statistics import StatisticsSettings
from .training import TrainingSettings

SETTINGS: Final[Mapping[Kind, type[CampaignSettings]]] = {
    "training": TrainingSettings,
    "statistics": StatisticsSettings,
    "experiment": ExperimentSettings,
    "evaluation": EvaluationSettings,
}
_KINDS: Final[Mapping[Kind, CampaignKind]] = {
    "training": training,
    "experiment": experiment,
    "evaluation": evaluation,
}
_TOPICS: Final[Mapping[str, CampaignKind]] = {
    "rates": rates,
    "trending": trending,
    "population": population,
    "co-watch": cowatch,
}


def find(campaign: Campaign) -> CampaignKind:
    """Return the module of a campaign's kind. Raises SettingError."""
    if campaign.kind == "statistics":
        return _TOPICS[settings_of(campaign, StatisticsSettings).topic]
    return _KINDS[campaign.kind]


def plan(campaign: Campaign, base: DeployedModel) -> Mapping[str, PlannedRounds]:
    """Return what all rounds of a campaign cost, by purpose (`CampaignKind.plan`)."""
    return find(campaign).plan(campaign, base)


def ask(
    campaign: Campaign, state: bytes | None, number: int, failed: int, base: DeployedModel, at: datetime
) -> RoundRequest | Wait | Finished:
    """Return what a campaign asks next (`CampaignKind.ask`)."""
    with _one_thread():
        return find(campaign).ask(campaign, state, number, failed, base, at)


def read(campaign: Campaign, state: bytes | None, summed: PrivateSum, base: DeployedModel) -> RoundResult:
    """Return the result of a round's sum (`CampaignKind.read`)."""
    with _one_thread():
        return find(campaign).read(campaign, state, summed, base)


def _one_thread() -> threadpool_limits:
    """Return the context of a computation whose result must not depend on the number of processors.

    The last bits of a matrix product depend on how many threads share it.
    """
    return threadpool_limits(limits=1, user_api="blas")


def checked(kind: Kind, settings: Mapping[str, Any], epsilon: float | None = None, delta: float | None = None) -> str:
    """Return settings as a campaign keeps them: JSON of all of them, so that a new default changes no campaign.

    They stay in the order in which they were given: the first of an experiment's metrics decides.

    Args:
        kind: Kind of the campaign.
        settings: The settings that were given.
        epsilon: ε of the campaign.
        delta: δ of the campaign.

    Raises:
        SettingError: A setting is wrong. The message names it and says what to do.
    """
    try:
        text = json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SettingError(f"Settings are JSON: texts, finite numbers, lists ({error}).") from None
    found = parsed(text, SETTINGS[kind])
    found.check(epsilon or EPSILON, delta or DELTA)
    if isinstance(found, Cohort):  # the number, so that another default changes no campaign
        found = found.model_copy(update={"cohorts": found.sub_cohorts})
    return json.dumps(found.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
