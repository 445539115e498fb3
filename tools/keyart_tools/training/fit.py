"""Training of the central learner on a log's viewers, with early stopping on held-out viewers.

Each pass is one damped Newton step on all training viewers' logs, with its evidence step
(`keyart_federated.learning.optimiser`). Viewers also learn personal heads, as their devices would, so that the model
does not learn individual preferences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

import keyart
from keyart.errors import SettingError
from keyart.model import EncodedCatalog, FeatureSpec, HeadPrior
from keyart_federated.export import ModelFile
from keyart_federated.learning.model import GlobalModel
from keyart_federated.metrics import MetricEstimate
from keyart_federated.simulation.central_learner import CentralLearner
from keyart_federated.simulation.devices import Devices

from ..logs import Log, LoggedViewer, require_variation
from ..model_evaluation.evaluation_set import EvaluationSet
from ..model_evaluation.policy_value import by_device, value
from ..model_evaluation.slate import loaded_from_file, slates
from .replay import replayed

MIN_GAIN, PATIENCE_PASSES = 2e-4, 2  # in nats a held-out decision, over so many passes: less, and learning is over
MEAN_WEIGHT_RANGE = (
    0.5,
    2.0,
)  # mean importance weight, expected to be 1: outside, the propensities are not what they were
MAX_JUDGED_DECISIONS = 20_000  # held-out decisions for the value


@dataclass(frozen=True)
class LogTrainingSettings:
    """Settings of the training.

    Attributes:
        passes: maximum number of passes; the best pass is kept.
        held_out: share of the viewers held out for evaluation.
        seed: random seed.
        personal_head: whether the devices have personal heads.
    """

    passes: int = 20
    held_out: float = 0.1
    seed: int = 0
    personal_head: bool = True

    def __post_init__(self) -> None:
        if self.passes < 1:
            raise SettingError(f"passes is {self.passes}; it must be at least 1.")
        if not 0 < self.held_out < 1:
            raise SettingError(f"held_out is {self.held_out}; it must be a share above 0 and below 1.")


@dataclass(frozen=True)
class TrainedModel:
    """A trained model and its quality.

    Attributes:
        file: the model file.
        best_pass: number of the best pass; 0 is the untrained model.
        likelihood: mean log likelihood per held-out decision, before the first pass and after each.
        value: SNIPS estimate of the model's value on held-out viewers, without heads; None if propensities do not
            fit, or if rows of the log could not be read.
        logged_value: value of the logged artworks there.
        viewers, decisions: numbers, by part.
        left_out: number of rows that were not used, by reason.
        broken_rows: number of rows of the log that could not be read.
    """

    file: ModelFile
    best_pass: int
    likelihood: tuple[float, ...]
    value: MetricEstimate | None
    logged_value: MetricEstimate
    viewers: Mapping[str, int]
    decisions: Mapping[str, int]
    left_out: Mapping[str, int]
    broken_rows: int


def fit(
    log: Log,
    catalog: keyart.Catalog,
    settings: LogTrainingSettings | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> TrainedModel:
    """Train a model on a log; the same seed gives the same model.

    Args:
        log: the log.
        catalog: catalogue of its titles.
        settings: settings of the training; None for the defaults.
        progress: called with the number of passes done and the maximum.

    Raises:
        HistoryError: the log is not sufficient for training.
    """
    settings = settings or LogTrainingSettings()
    log = log.within(catalog)
    require_variation(log)
    viewers = [viewer for viewer in log.viewers if viewer.decisions]
    training, held_out = _split(viewers, settings)
    encoded = EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog))
    head = HeadPrior() if settings.personal_head else None
    judges = replayed(catalog, held_out, encoded, None)
    start = GlobalModel.zero_shot(encoded)
    models, likelihood = [start], [_likelihood(judges, start)]
    learner = CentralLearner(encoded, start, keyart.Policy(stickiness=timedelta(0)), settings.seed)

    def judged(done: int, of: int) -> None:
        models.append(learner.state.model)
        likelihood.append(_likelihood(judges, learner.state.model))
        progress(done, of)
        if (
            done >= PATIENCE_PASSES
            and max(likelihood[-PATIENCE_PASSES:]) < max(likelihood[:-PATIENCE_PASSES]) + MIN_GAIN
        ):
            raise _Converged

    with suppress(_Converged):
        learner.run(replayed(catalog, training, encoded, head), 0, settings.passes, judged)
    best = int(np.argmax(likelihood))
    return _trained_model(log, catalog, models[best], best, likelihood, training, held_out)


class _Converged(Exception):
    """Further passes would not improve the model."""


def _split(
    viewers: Sequence[LoggedViewer], settings: LogTrainingSettings
) -> tuple[list[LoggedViewer], list[LoggedViewer]]:
    order = np.random.default_rng([settings.seed, 1]).permutation(len(viewers))
    count = min(max(round(settings.held_out * len(viewers)), 1), len(viewers) - 1)
    held_out = set(order[:count].tolist())
    return (
        [viewer for i, viewer in enumerate(viewers) if i not in held_out],
        [viewer for i, viewer in enumerate(viewers) if i in held_out],
    )


def _likelihood(judges: Sequence[Devices], model: GlobalModel) -> float:
    """Return the mean log likelihood per decision without heads: play and, given a play, quality are Bernoulli."""
    total = count = 0.0
    for part in judges:
        part.install(model)
        for _, log, _ in part.logs():
            play, keep = log.logits(part.weights)
            each = (
                log.played * play - np.logaddexp(0, play) + log.played * (log.quality * keep - np.logaddexp(0, keep))
            )
            total += float((each * log.counted).sum())
            count += float(log.counted.sum())
    return total / count


def _trained_model(
    log: Log,
    catalog: keyart.Catalog,
    model: GlobalModel,
    best: int,
    likelihood: Sequence[float],
    training: Sequence[LoggedViewer],
    held_out: Sequence[LoggedViewer],
) -> TrainedModel:
    parts = {"training": training, "held out": held_out}
    viewers = {name: len(part) for name, part in parts.items()}
    decisions = {name: sum(len(viewer.decisions) for viewer in part) for name, part in parts.items()}
    quality = {
        "held_out_log_likelihood": round(likelihood[best], 6),
        "held_out_log_likelihood_untrained": round(likelihood[0], 6),
    }
    about = {"round": best, "devices": len(training), "decisions": decisions["training"], "learner": "log"}
    file = ModelFile(replace(model, version=1), catalog, log.data, about, quality, log.evaluation_only)
    earned, logged = _values(file, catalog, replace(log, viewers=tuple(held_out)))
    if log.broken:
        earned = None
    if earned is not None:
        quality |= {"held_out_value": round(earned.value, 6), "held_out_logged_value": round(logged.value, 6)}
    return TrainedModel(
        replace(file, quality=quality),
        best,
        tuple(likelihood),
        earned,
        logged,
        viewers,
        decisions,
        log.left_out,
        len(log.broken),
    )


def _values(file: ModelFile, catalog: keyart.Catalog, held_out: Log) -> tuple[MetricEstimate | None, MetricEstimate]:
    """Return the values of the model and of the logged artworks."""
    evaluation_set = EvaluationSet.of_log(held_out, catalog, MAX_JUDGED_DECISIONS)
    installed, policy = loaded_from_file(file, catalog), keyart.Policy(stickiness=timedelta(0))
    gamma = policy.gamma(file.model.base_rate)
    devices, credits = [], []
    for slate in slates(evaluation_set, installed, policy):
        if slate.case is not None:
            devices.append(slate.case.device)
            probability = slate.weighed(installed.weights.quantized(), gamma).probability
            credits.append(slate.case.credit.of(probability))
    sums = by_device(np.array(devices), np.array(credits))
    reward, durations = keyart.Reward(), {title.id: title.duration for title in catalog}
    shown = [
        (
            sum(reward.of(decision.outcome, durations[decision.title_id]) for decision in viewer.decisions),
            len(viewer.decisions),
        )
        for viewer in held_out.viewers
    ]
    tells = MEAN_WEIGHT_RANGE[0] <= sums[:, 1].sum() / len(credits) <= MEAN_WEIGHT_RANGE[1]
    return value(sums) if tells else None, value(np.array(shown, dtype=np.float64))
