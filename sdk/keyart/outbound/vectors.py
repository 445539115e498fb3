"""Vectors: what a device answers to an offer, by kind and topic: first in numbers no longer than 1, then in integers
with noise."""

from __future__ import annotations

import hmac
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from ..catalog import folded_kind
from ..errors import SettingError
from ..features.rows import Rows
from .bounded import BoundedTogether, TrendingLayout, together_vectors, trending_vector
from .clip import clipped, rounded
from .evaluation import EvaluationLayout, candidate, evaluation_vector, replay
from .experiment import ExperimentLayout, Question, experiment_vectors
from .gradient import Log
from .layout import Places
from .lived import Lived
from .noised import NoisedPopulation, NoisedTraining, population_vectors, training_vectors
from .offer import Offer
from .segments import SegmentLayout, differences, rates, segment_vector
from .skellam import Random, skellam

if TYPE_CHECKING:
    from ..catalog import Catalog
    from ..installed import Installed
    from ..policy import Policy
    from ..profile import Profile

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Source:
    """What a vector is made from. secret: of the device, which draws the arms of experiments. policy: that pictures
    are drawn with here; None: not known, and no candidate can be evaluated. labels: what the host says of the device,
    by kind, for groups of experiments."""

    profile: Profile
    installed: Installed
    catalog: Catalog
    secret: bytes
    policy: Policy | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """layout: of an offer's vector here, None where the offer does not fit this device. vector: [layout.size]."""

    layout: Callable[[Offer, Source], Places | None]
    vector: Callable[[Offer, Source], Doubles]


def find(offer: Offer) -> Kind | None:
    """What answers this offer; None: this keyart knows nothing of the kind."""
    return _KINDS.get((offer.kind, "" if offer.kind == "experiment" else offer.topic))


def fits(kind: Kind, offer: Offer, source: Source) -> bool:
    """Whether the offer's size and payload are those of this device's model and catalogue."""
    layout = kind.layout(offer, source)
    return layout is not None and layout.size == offer.size


def answer(kind: Kind, offer: Offer, source: Source, random: Random = os.urandom) -> npt.NDArray[np.int64]:
    """[offer.size]: clipped, rounded, with this device's share of the noise. Only a masked round may see it."""
    numbers, _ = clipped(kind.vector(offer, source), 1.0)  # once more: nothing that a kind forgets gets past this
    return rounded(numbers, offer.units, random) + skellam(offer.size, offer.variance, random)


def arm_of(secret: bytes, experiment: str, arms: int) -> int:
    """In which arm of an experiment a device is: drawn by its secret, the same each time, unknown to the server."""
    digest = hmac.digest(secret, b"keyart/arm/" + experiment.encode(), "sha256")
    return int.from_bytes(digest[:16], "little") % arms


def _training_layout(offer: Offer, source: Source) -> NoisedTraining | None:
    installed, scale = source.installed, offer.numbers
    latents = installed.latents is not None
    layout = NoisedTraining.fitting(installed.spec, len(installed.encoded.artwork), latents, len(scale))
    return layout if (scale > 0).all() else None


def _training(offer: Offer, source: Source) -> Doubles:
    log, artworks = source.profile.training_log()
    layout = _training_layout(offer, source)
    if layout is None:
        raise SettingError("The offer's scale does not fit this device's model; nothing is sent.")
    most = float(offer.most_decisions)
    weights, scale = source.installed.weights, offer.numbers
    vectors = training_vectors(layout, weights, _alone(log), artworks[None], scale, offer.clip, most)
    return np.asarray(vectors[0])


def _population_layout(offer: Offer, source: Source) -> NoisedPopulation | None:
    return NoisedPopulation(source.installed.spec, len(source.catalog)) if not offer.payload else None


def _population(offer: Offer, source: Source) -> Doubles:
    profile, encoded = source.profile, source.installed.encoded
    log, artworks = profile.training_log()
    known = np.array([float(profile.history_weight > 0)], dtype=np.float32)
    layout = NoisedPopulation(source.installed.spec, len(source.catalog))
    titles = encoded.title_of[artworks][None]
    vectors = population_vectors(layout, _alone(log), titles, profile.viewer().affinity[None], known)
    return np.asarray(vectors[0])


def _trending_layout(offer: Offer, source: Source) -> TrendingLayout | None:
    return TrendingLayout(len(source.catalog)) if not offer.payload else None


def _trending(offer: Offer, source: Source) -> Doubles:
    catalog = source.catalog
    views = [view for view in source.profile.journal.views() if view.title_id in catalog]
    titles = np.array([catalog.index(view.title_id) for view in views], dtype=np.intp)
    ages = np.array([view.at.timestamp() - offer.since for view in views], dtype=np.float64)
    return trending_vector(TrendingLayout(len(catalog)), titles, ages)


def _together_layout(offer: Offer, source: Source) -> BoundedTogether | None:
    directions, rest = divmod(len(offer.numbers), len(source.catalog))
    return BoundedTogether(len(source.catalog), directions) if directions and not rest else None


def _together(offer: Offer, source: Source) -> Doubles:
    titles = len(source.catalog)
    asked = offer.numbers.reshape(titles, -1)
    layout = BoundedTogether(*asked.shape)
    return np.asarray(together_vectors(layout, source.profile.views_by_title()[None], asked, offer.clip)[0])


def _question(offer: Offer, source: Source) -> Question | None:
    question = Question.read(offer)
    if question is None or source.policy is None:
        return question
    return None if folded_kind(question.group) in source.policy.sensitive_kinds else question


def _experiment_layout(offer: Offer, source: Source) -> ExperimentLayout | None:
    question = _question(offer, source)
    return question.layout if question is not None else None


def _experiment(offer: Offer, source: Source) -> Doubles:
    question = _question(offer, source)
    if question is None:
        raise SettingError("The experiment asks for what no device tells; nothing is sent.")
    arm = arm_of(source.secret, question.name, question.arms)
    lived = Lived.of(source.profile, source.catalog, source.installed.encoded)
    now = lived.within(offer.since, math.inf, offer.most_decisions)
    past = lived.within(-math.inf, offer.since, offer.most_decisions)
    group = question.place(lived.group(question.group, now, source.labels))
    told = experiment_vectors(
        question, np.array([arm]), np.array([group]), lived.measured(now)[None], lived.measured(past)[None]
    )
    return np.asarray(told[0])


def _evaluation_layout(offer: Offer, source: Source) -> EvaluationLayout | None:
    fits = source.policy is not None and candidate(source.installed, offer.numbers) is not None
    return EvaluationLayout() if fits else None


def _evaluation(offer: Offer, source: Source) -> Doubles:
    model, policy = candidate(source.installed, offer.numbers), source.policy
    if model is None or policy is None:
        raise SettingError("The candidate does not fit this device's model; nothing is sent.")
    w, r = replay(model, policy, source.profile, source.catalog, offer.since, offer.most_decisions)
    return evaluation_vector(EvaluationLayout(), w, r)


def _rates_layout(offer: Offer, source: Source) -> SegmentLayout | None:
    return SegmentLayout.of("rates", source.installed.spec) if not offer.payload else None


def _rates(offer: Offer, source: Source) -> Doubles:
    spec = source.installed.spec
    entries, y = rates(source.profile, source.catalog, offer.model_version, offer.since, offer.most_decisions)
    return segment_vector(SegmentLayout.of("rates", spec), spec, entries, y)


def _compare_layout(offer: Offer, source: Source) -> SegmentLayout | None:
    fits = _evaluation_layout(offer, source) is not None
    return SegmentLayout.of("compare", source.installed.spec) if fits else None


def _compare(offer: Offer, source: Source) -> Doubles:
    installed, spec = source.installed, source.installed.spec
    model, policy = candidate(installed, offer.numbers), source.policy
    if model is None or policy is None:
        raise SettingError("The candidate does not fit this device's model; nothing is sent.")
    entries, y = differences(
        model, installed, policy, source.profile, source.catalog, offer.since, offer.most_decisions
    )
    return segment_vector(SegmentLayout.of("compare", spec), spec, entries, y)


def _alone(log: Log) -> Log:
    """A fleet of one: each array with a leading axis of 1."""
    rows = Rows(**{name: value[None] for name, value in vars(log.rows).items()})
    one = {name: value[None] for name, value in vars(log).items() if name != "rows" and value is not None}
    return replace(log, rows=rows, **one)


_KINDS: Final = {
    ("training", ""): Kind(_training_layout, _training),
    ("statistics", "population"): Kind(_population_layout, _population),
    ("statistics", "trending"): Kind(_trending_layout, _trending),
    ("statistics", "together"): Kind(_together_layout, _together),
    ("statistics", "rates"): Kind(_rates_layout, _rates),
    ("experiment", ""): Kind(_experiment_layout, _experiment),
    ("evaluation", ""): Kind(_evaluation_layout, _evaluation),
    ("evaluation", "compare"): Kind(_compare_layout, _compare),
}
