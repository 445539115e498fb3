"""Evaluation: the reward that a candidate model would have had on the decisions of this device, before it is shown.

Each device replays its own decisions: with π the candidate's probability of the artwork that was shown and p the
logged one, w = min(π / p, `MAX_IMPORTANCE_WEIGHT`), and Σ w r / Σ w estimates the candidate's reward (Swaminathan and
Joachims 2015, "The self-normalized estimator for counterfactual learning", eq. 7; the cut of w: Ionides 2008,
"Truncated importance sampling"). Server side: `keyart_federated.campaigns.evaluation`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from ...context import Context
from ...errors import SettingError
from ...model.candidates import CandidateSets
from ...model.eligibility import NO_AGE_LIMIT, AgeLimit
from ...model.ranker import NumpyRanker, Weights
from ...model.ranker.weights import MAX_STORED_WEIGHT, parameter_count
from ...profile.event_codec import Entry
from ...profile.learner import Answered, Learner
from ...types import Doubles, Floats
from ..offer import Offer
from ..vector_layout import VectorLayout
from ..vectors import DeviceKind, VectorSource

if TYPE_CHECKING:
    from ...catalog import Catalog
    from ...model.loaded_model import LoadedModel
    from ...model.policy import Policy
    from ...profile.profile import Profile

MAX_IMPORTANCE_WEIGHT: Final = 10.0  # a picture that the candidate likes much better counts as so many
# The most that each part may be: what it is divided by, so that all are in 0–1.
EVALUATION_PART_MAXIMA: Final[Mapping[str, float]] = {
    "devices": 1.0,
    "logged": 1.0,
    "weight": MAX_IMPORTANCE_WEIGHT,
    "rewarded": MAX_IMPORTANCE_WEIGHT,
    "weight_weight": MAX_IMPORTANCE_WEIGHT**2,
    "rewarded_rewarded": MAX_IMPORTANCE_WEIGHT**2,
    "weight_rewarded": MAX_IMPORTANCE_WEIGHT**2,
}
EVALUATION_PART_NORM: Final = 1 / math.sqrt(
    len(EVALUATION_PART_MAXIMA)
)  # so that all of them together measure 1 or less
MISFIT: Final = "The candidate does not fit this device's model; nothing is sent."


@dataclass(frozen=True)
class EvaluationLayout(VectorLayout):
    """Layout of a device's means over its decisions.

    One entry each, divided by `EVALUATION_PART_MAXIMA` and times `EVALUATION_PART_NORM`.

    Its parts are: devices: 1 if there are decisions. logged: r. weight: w. rewarded: w r. Then their products:
    weight_weight: (mean w)². rewarded_rewarded: (mean w r)². weight_rewarded: mean w · mean w r.
    """

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Return the number of entries of each part, in order."""
        return dict.fromkeys(EVALUATION_PART_MAXIMA, 1)


@dataclass(frozen=True, slots=True)
class ReplayedDecision:
    """A decision that was replayed with a model.

    Attributes:
        entry: The decision.
        weight: w.
        reward: r.
        place: Place of the artwork that was shown among the title's A artworks.
        probability: Probability that the model draws each with, [A].
        value: Reward that the model expects of each, [A].
    """

    entry: Entry
    weight: float
    reward: float
    place: int
    probability: Doubles
    value: Floats


def candidate_model(installed: LoadedModel, numbers: Doubles) -> LoadedModel | None:
    """Return the model of an offer's payload, or None if the payload has another size or impossible numbers.

    The payload is the weights [P] as `Weights.flat` has them, then appeal [n, 2] by the catalogue's order. The rest
    is the installed model's, but for latents, of which there are none.
    """
    from ...bundle.trust import MAX_APPEAL

    spec, pictures = installed.spec, len(installed.encoded.artwork)
    split = parameter_count(spec)
    if len(numbers) != split + 2 * pictures:
        return None
    theta, appeal = numbers[:split], numbers[split:].reshape(pictures, 2)
    if not (np.abs(theta) <= MAX_STORED_WEIGHT).all() or not (np.abs(appeal) <= MAX_APPEAL).all():  # nor a NaN
        return None
    return as_candidate(replace(installed, weights=Weights.from_flat(spec, theta), appeal=appeal.astype(np.float32)))


def as_candidate(installed: LoadedModel) -> LoadedModel:
    """Return the installed model in the place of a candidate."""
    return replace(
        installed,
        version=installed.version + 1,  # all that was shown here is an older model's
        ranker=NumpyRanker(installed.weights),
        latents=None,
    )


def answered_decisions(profile: Profile, catalog: Catalog) -> list[tuple[Answered, float]]:
    """Return the decisions that count, by time, with their rewards.

    They have an outcome and no intent, and their artwork is in the catalogue.
    """
    places = catalog.artwork_places
    answered: list[Answered] = [
        (entry, entry.outcome)
        for entry in profile.journal.entries()
        if entry.outcome is not None and not entry.with_intent and entry.artwork_id in places
    ]
    rewards = profile.rewards_since(-math.inf)  # of the same decisions, in the same order
    return sorted(zip(answered, rewards, strict=True), key=lambda pair: pair[0][0].at)


def replay_weights(
    model: LoadedModel,
    policy: Policy,
    profile: Profile,
    catalog: Catalog,
    since: float,
    most: int,
    limit: AgeLimit = NO_AGE_LIMIT,
) -> tuple[Doubles, Doubles]:
    """Return w [N] and r [N] of the decisions of `replay_decisions`."""
    replayed = replay_decisions(model, policy, profile, catalog, since, most, limit)
    return np.array([decision.weight for decision in replayed]), np.array([decision.reward for decision in replayed])


def replay_decisions(
    model: LoadedModel,
    policy: Policy,
    profile: Profile,
    catalog: Catalog,
    since: float,
    most: int,
    limit: AgeLimit = NO_AGE_LIMIT,
) -> list[ReplayedDecision]:
    """Replay the latest `most` decisions since then (Unix seconds) with a model, in the order of time.

    Decisions count if they were drawn (a sticky one was not), have an outcome and no intent, and if their artwork is
    in the catalogue.

    The result estimates the value of the model once it is shipped to this device, so a head and artwork biases belong
    to it; but no decision may be judged by a head that knows its outcome, or every model would look better than it
    is. Each is judged by what this device would have learned on top of the model from earlier ones: from those before
    the first all at once, as after an update; then page by page (the same moment). History and stated preferences are
    today's: they concern titles, not which artwork was shown. Latents are left out, and so is what no log holds: the
    page around an artwork, trends, and the age limit of a context. That of the profile, `limit`, holds.
    """
    log = answered_decisions(profile, catalog)
    on_trial = [
        (entry.decision.id, entry.at)
        for (entry, _), _ in log
        if not entry.decision.sticky and entry.decision.propensity > 0 and entry.at.timestamp() >= since
    ][-most:]
    if not on_trial:
        return []
    ids, first = {decision_id for decision_id, _ in on_trial}, on_trial[0][1]
    viewer, learner = profile.viewer(), Learner(model, profile.stated)
    learner.learn_all([pair for pair, _ in log if pair[0].at < first], viewer)
    replayed: list[ReplayedDecision] = []
    later = (pair for pair in log if pair[0][0].at >= first)
    for at, page in itertools.groupby(later, key=lambda pair: pair[0][0].at):
        shown = list(page)
        head, own = learner.head, learner.own
        slates = CandidateSets(catalog, model, policy, viewer, head, profile.has_watched, profile.stated, own, limit)
        for (entry, _), reward in shown:
            decision = entry.decision
            if decision.id in ids:
                title = catalog.index(decision.title_id)
                (candidates,) = slates.candidates([title], Context(entry.device, at).at_slot(entry.slot))
                place = model.encoded.place[entry.artwork_id] - slates.pictures(title).start
                weighed = candidates.weighed()
                weight = min(weighed.probability[place] / decision.propensity, MAX_IMPORTANCE_WEIGHT)
                replayed.append(ReplayedDecision(entry, weight, reward, place, weighed.probability, weighed.value))
        for (entry, outcome), _ in shown:
            own_decision = replace(entry.decision, model_version=model.version)
            learner.learn(entry._replace(decision=own_decision), outcome, viewer)
    return replayed


def evaluation_vector(layout: EvaluationLayout, w: Doubles, r: Doubles) -> Doubles:
    """Return the vector with a norm of at most 1, [layout.size], for w [N] and r [N] in 0–1.

    It is zero without decisions.
    """
    if not len(w):
        return np.zeros(layout.size)
    weight, rewarded = float(w.mean()), float((w * r).mean())
    parts = {
        "devices": 1.0,
        "logged": float(r.mean()),
        "weight": weight,
        "rewarded": rewarded,
        "weight_weight": weight**2,
        "rewarded_rewarded": rewarded**2,
        "weight_rewarded": weight * rewarded,
    }
    return np.array([parts[name] / EVALUATION_PART_MAXIMA[name] for name in layout.sizes]) * EVALUATION_PART_NORM


def _layout(offer: Offer, source: VectorSource) -> EvaluationLayout | None:
    fits = source.policy is not None and candidate_model(source.installed, offer.numbers) is not None
    return EvaluationLayout() if fits else None


def _vector(offer: Offer, source: VectorSource) -> Doubles:
    model, policy = candidate_model(source.installed, offer.numbers), source.policy
    if model is None or policy is None:
        raise SettingError(MISFIT)
    w, r = replay_weights(
        model, policy, source.profile, source.catalog, offer.since, offer.most_decisions, source.limit
    )
    return evaluation_vector(EvaluationLayout(), w, r)


KIND: Final = DeviceKind("evaluation", ("",), _layout, _vector)
