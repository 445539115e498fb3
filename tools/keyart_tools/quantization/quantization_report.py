"""The same slates scored with float and with int8 weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

import keyart
from keyart.model import FeatureSpec, Weights, distribution, stored_layout, weight_shapes
from keyart_federated.export.conformance_vectors import plausible, rows_of
from keyart_federated.metrics import MetricEstimate

from ..model_evaluation import EvaluationSet, ExpectedRewards, Slate, by_device, difference, plain, slates, value
from .quantization_source import QuantizationSource

SAME_WINNER_BAR, VALUE_BAR = 0.985, 0.002
MAX_WORST_CASES = 10
MADE_UP_CANDIDATES = 20
FLOAT_BYTES = 4
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TensorError:
    """The effect of rounding this tensor alone.

    Attributes:
        stored: how the bundle's format stores it.
        error_mean, error_max: of the value, which is a probability.
        same_winner: share of slates with the same winner.
    """

    name: str
    shape: tuple[int, ...]
    stored: str
    bytes_float: int
    bytes_int8: int
    error_mean: float
    error_max: float
    same_winner: float


@dataclass(frozen=True)
class ChangedWinner:
    """A slate with a changed winner; `lost` is the lost share of the float winner's value."""

    slate: int
    title_id: str | None
    float_winner: str
    int8_winner: str
    lost: float


@dataclass(frozen=True)
class QuantizationReport:
    """The report.

    Attributes:
        judged_on: "world", "log" or "made up".
        drawn: see `QuantizationSource`.
        slates: number of slates.
        same_winner: share of slates with the same winner.
        value_float, value_int8, value_difference: policy value without heads, by the world's expected rewards, by the
            log (SNIPS), or, for random slates, by the float model's predictions.
        value_change: relative change of the policy value.
        lost_mean: mean lost share of the winner's value, over slates with changed winners.
        tensors: effect of each tensor alone.
        worst: slates with the largest loss.
        margins: for each slate, the winner's lead as a share of its value.
        lost: for each changed slate, the lost share.
    """

    judged_on: str
    drawn: bool
    slates: int
    bytes_float: int
    bytes_int8: int
    same_winner: float
    value_float: MetricEstimate
    value_int8: MetricEstimate
    value_difference: MetricEstimate
    value_change: float
    lost_mean: float
    tensors: tuple[TensorError, ...]
    worst: tuple[ChangedWinner, ...]
    margins: Doubles
    lost: Doubles

    @property
    def missed_bars(self) -> tuple[str, ...]:
        """A phrase for each bar that the int8 weights miss: the figure, the bar, and by how much."""
        missed = []
        if self.same_winner < SAME_WINNER_BAR:
            missed.append(
                f"the winner stays the same on {self.same_winner:.2%} of {self.slates:,} slates, "
                f"{100 * (SAME_WINNER_BAR - self.same_winner):.2g} points below the bar of {SAME_WINNER_BAR:.1%}"
            )
        change = abs(self.value_change)
        if change > VALUE_BAR:
            missed.append(
                f"the policy value changes by {self.value_change:+.3%}, {100 * (change - VALUE_BAR):.2g} points "
                f"beyond the bar of ±{VALUE_BAR:.1%}"
            )
        return tuple(missed)

    @property
    def within_bars(self) -> bool:
        """Return whether winners and policy value change as little as the targets allow."""
        return not self.missed_bars

    @property
    def quality(self) -> dict[str, float]:
        """Figures for the `quality` of a bundle's manifest."""
        return {
            "int8_same_winner": round(self.same_winner, 6),
            "int8_value_change": round(self.value_change, 6),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with quantiles of `margins` and `lost`."""
        document = asdict(self)
        for name in ("value_float", "value_int8", "value_difference"):
            document[name] = plain(getattr(self, name))
        for name in ("margins", "lost"):
            values = document.pop(name)
            if len(values):
                quantiles = np.quantile(values, (0.05, 0.5, 0.95)).tolist()
                document[f"{name}_5_50_95_percent"] = quantiles
        return {**document, "within_bars": self.within_bars, "missed_bars": list(self.missed_bars)}


def measure(
    source: QuantizationSource,
    evaluation_set: EvaluationSet | None,
    count: int,
    seed: int,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> QuantizationReport:
    """Compare float and int8 weights.

    Args:
        source: the weights.
        evaluation_set: evaluation set; None for `count` random slates.
        count: number of random slates.
        seed: random seed of the slates.
        tell: called with the number of slates done and the total number.
    """
    policy = keyart.Policy(stickiness=timedelta(0))
    gamma = policy.gamma(source.base_rate)
    if evaluation_set is None:
        judged_on, of, each = "made up", count, _made_up(source, count, seed)
    else:
        judged_on, of = evaluation_set.judged_by, len(evaluation_set.each)
        each = slates(evaluation_set, source.installed(evaluation_set.catalog), policy)
    tensors = weight_shapes(source.spec)
    variants = [source.tensor_rounded(name) for name in tensors]
    errors: list[Doubles] = []  # a slate: [tensors, (mean, max, winner changed)]
    credits: list[tuple[tuple[float, float], tuple[float, float]]] = []
    devices, margins, changed = [], [], []
    for n, slate in enumerate(each):
        exact, rounded = slate.values(source.unrounded), slate.values(source.rounded)
        errors.append(_errors(slate, exact, variants))
        chances = [distribution(item, slate.allowed, gamma) for item in (exact, rounded)]
        case = slate.case
        credit = case.credit if case is not None else ExpectedRewards(np.where(slate.allowed, exact, 0.0))
        devices.append(case.device if case is not None else n)
        credits.append((credit.of(chances[0]), credit.of(chances[1])))
        margins.append(_margin(exact))
        if exact.argmax() != rounded.argmax():
            title = (
                evaluation_set.catalog.titles[case.title] if evaluation_set is not None and case is not None else None
            )
            changed.append(_changed(n, exact, rounded, title))
        tell(n + 1, of)
    sums = [by_device(np.array(devices), np.array([pair[form] for pair in credits])) for form in (0, 1)]
    values = [value(item) for item in sums]
    apart = difference(*sums)
    return QuantizationReport(
        judged_on=judged_on,
        drawn=source.drawn,
        slates=len(credits),
        bytes_float=FLOAT_BYTES * sum(math.prod(shape) for shape in tensors.values()),
        bytes_int8=sum(math.prod(shape) * dtype.itemsize for dtype, shape in stored_layout(source.spec).values()),
        same_winner=1 - len(changed) / len(credits),
        value_float=values[0],
        value_int8=values[1],
        value_difference=apart,
        value_change=apart.value / values[0].value if values[0].value else 0.0,
        lost_mean=float(np.mean([item.lost for item in changed])) if changed else 0.0,
        tensors=_tensors(source.spec, np.array(errors)),
        worst=tuple(sorted(changed, key=lambda item: -item.lost)[:MAX_WORST_CASES]),
        margins=np.array(margins),
        lost=np.array([item.lost for item in changed]),
    )


def _made_up(source: QuantizationSource, count: int, seed: int) -> Iterator[Slate]:
    rng = np.random.default_rng(seed)
    allowed = np.ones(MADE_UP_CANDIDATES, dtype=np.bool_)
    for _ in range(count):
        yield Slate(rows_of(plausible(source.spec, MADE_UP_CANDIDATES, rng)), allowed)


def _changed(
    n: int, exact: npt.NDArray[np.float32], rounded: npt.NDArray[np.float32], title: keyart.Title | None
) -> ChangedWinner:
    best, now = int(exact.argmax()), int(rounded.argmax())
    first, second = (title.artworks[at].id if title is not None else str(at) for at in (best, now))
    return ChangedWinner(
        n, title.id if title is not None else None, first, second, float(1 - exact[now] / exact[best])
    )


def _errors(slate: Slate, exact: npt.NDArray[np.float32], variants: Sequence[Weights]) -> Doubles:
    errors = np.empty((len(variants), 3))
    for row, weights in enumerate(variants):
        values = slate.values(weights)
        error = np.abs(values[slate.allowed] - exact[slate.allowed])
        errors[row] = error.mean(), error.max(), values.argmax() != exact.argmax()
    return errors


def _margin(values: npt.NDArray[np.float32]) -> float:
    """Return the lead of the best value as a share of it; 1 if it is the only one."""
    if len(values) < 2:
        return 1.0
    second, best = np.partition(values, -2)[-2:]
    return float(1 - max(second, 0.0) / best)


def _tensors(spec: FeatureSpec, errors: Doubles) -> tuple[TensorError, ...]:
    tensors = []
    for row, (name, shape) in enumerate(weight_shapes(spec).items()):
        size, rows = math.prod(shape), shape[0] if len(shape) > 1 else 1
        tensors.append(
            TensorError(
                name=name,
                shape=shape,
                stored="int8" if name == "play_artwork" else "float32",
                bytes_float=FLOAT_BYTES * size,
                bytes_int8=size + FLOAT_BYTES * rows,
                error_mean=float(errors[:, row, 0].mean()),
                error_max=float(errors[:, row, 1].max()),
                same_winner=float(1 - errors[:, row, 2].mean()),
            )
        )
    return tuple(tensors)
