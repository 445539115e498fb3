"""Several policies on the same impressions of one world, and their differences, paired by device."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import keyart
from keyart.errors import SettingError
from keyart_federated import World, simulate
from keyart_federated.baselines import best_fixed, play
from keyart_federated.charts import picture
from keyart_federated.charts.picture import COLOURS, COOL, FADED, PALE, WARM
from keyart_federated.learning.model import GlobalModel
from keyart_federated.metrics import MetricEstimate, Rewards, WorldTruth, capture, figures, mean, ratio, rewards
from keyart_federated.simulation.local_engine import encoded_catalog
from keyart_federated.simulation.setup import SimulationSetup
from keyart_federated.simulation.told_model import told_model

from ..model_evaluation.policy_value import plain
from .benchmark_plan import key_of
from .policies import BEST_FIXED, BUILT_IN_BASELINES, KEYART, ORACLE, SIMULATED
from .world_run import Oracle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# keyart's own rounds from a first bundle with these parts of `keyart_federated.simulation.told_model`.
WEIGHTS, APPEAL = ("theta", "population_taste", "base_rate"), ("appeal",)
TOLD: Mapping[str, Sequence[str]] = {
    "told weights": WEIGHTS,
    "told appeal": APPEAL,
    "told weights and appeal": WEIGHTS + APPEAL,
    "told model": (*WEIGHTS, *APPEAL, "title_latents", "artwork_latents"),
}
LADDER = (KEYART, "zero-shot + head", "central", *TOLD)  # what each part of not knowing costs
COMPARABLE = (*SIMULATED, *TOLD, *BUILT_IN_BASELINES, BEST_FIXED, ORACLE)
ALIASES = {
    "federated": KEYART,
    "none": "zero-shot + head",
    "uniform": "random",
}  # other names of policies
LINE_COLOURS = (WARM, COOL, PALE, FADED, *COLOURS[3:])


class RecordingWorld:
    """A world that records the artwork of each impression, for which a simulation asks for one outcome.

    `shown` [devices, impressions] holds indices of artworks in the catalogue.
    """

    def __init__(self, world: World, impressions: int) -> None:
        self.catalog, self.devices = world.catalog, world.devices
        self.history, self.impression, self.expected_reward = world.history, world.impression, world.expected_reward
        self.shown = np.zeros((world.devices, impressions), dtype=np.int32)
        self._outcome, self._places = world.outcome, world.catalog.artwork_places

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        """Return the outcome and record the artwork."""
        self.shown[i, k] = self._places[artwork_id]
        return self._outcome(i, k, artwork_id)


@dataclass(frozen=True)
class PolicyComparison:
    """A policy's result.

    Attributes:
        policy: name of the policy.
        figures: estimates, as in `keyart_federated.metrics.figures`.
        capture_by_round: capture of each round.
        apart: paired differences from the first policy in capture, last-quarter capture and value; empty for the
            first.
    """

    policy: str
    figures: Mapping[str, MetricEstimate]
    capture_by_round: tuple[float, ...]
    apart: Mapping[str, MetricEstimate]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; an infinite end of an interval (one device) becomes null."""
        return {
            "policy": self.policy,
            "figures": {name: plain(estimate) for name, estimate in self.figures.items()},
            "capture_by_round": list(self.capture_by_round),
            "apart_from_first": {name: plain(estimate) for name, estimate in self.apart.items()},
        }


def policies(text: str) -> tuple[str, ...]:
    """Parse at least two names of `COMPARABLE` policies, or "ladder" for those of `LADDER`.

    Raises:
        SettingError: a name is unknown, missing or repeated.
    """
    if key_of(text) == "ladder":
        return LADDER
    names = {key_of(name): name for name in COMPARABLE} | ALIASES
    chosen = []
    for word in filter(None, map(str.strip, text.split(","))):
        if key_of(word) not in names:
            raise SettingError(f"Unknown policy {word!r}; the policies are {', '.join(COMPARABLE)}.")
        chosen.append(names[key_of(word)])
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise SettingError("Compare at least two policies, each once, with commas between them: federated,central.")
    return tuple(chosen)


def compare(
    world: World, names: Sequence[str], steps: int, rounds: int, seed: int, tell: Callable[[int, int], None]
) -> list[PolicyComparison]:
    """Run policies on the same impressions.

    Args:
        world: the world to run on.
        names: names of the policies.
        steps: impressions per device and round.
        rounds: number of rounds.
        seed: random seed.
        tell: called with the number of policies done and the total number.

    Raises:
        KeyartError: a policy failed.
    """
    truth = WorldTruth.measure(world, steps * rounds)
    tell(0, len(names))
    told = _told(world, steps, rounds, seed) if any(name in TOLD for name in names) else None
    lines: list[PolicyComparison] = []
    first: Rewards | None = None
    for done, name in enumerate(names, 1):
        earned = rewards(truth, _shown(world, truth, name, steps, rounds, seed, told))
        windows = [earned.means(slice(r * steps, (r + 1) * steps)) for r in range(rounds)]
        by_round = tuple(capture(window, window.policy).value for window in windows)
        lines.append(
            PolicyComparison(name, figures(earned), by_round, _apart(first, earned) if first is not None else {})
        )
        first = first or earned
        tell(done, len(names))
    return lines


def _told(world: World, steps: int, rounds: int, seed: int) -> GlobalModel:
    return told_model(SimulationSetup(world, rounds, steps, world.devices, seed, learner="central"))


def _shown(
    world: World, truth: WorldTruth, name: str, steps: int, rounds: int, seed: int, told: GlobalModel | None
) -> npt.NDArray[np.int32]:
    impressions = steps * rounds
    if name not in SIMULATED and name not in TOLD:
        if name == ORACLE:
            return play(world, Oracle(truth), impressions).shown
        baseline = best_fixed(truth) if name == BEST_FIXED else BUILT_IN_BASELINES[name](world.catalog, seed)
        return play(world, baseline, impressions).shown
    settings = dict(SIMULATED.get(name, {}))
    if told is not None and name in TOLD:
        zero_shot = GlobalModel.zero_shot(encoded_catalog(world))
        settings["start"] = replace(zero_shot, **{part: getattr(told, part) for part in TOLD[name]})
    recording = RecordingWorld(world, impressions)
    with tempfile.TemporaryDirectory(prefix="keyart-") as folder:
        simulate(recording, steps, rounds, seed=seed, truth=truth, out=Path(folder) / "bundle", **settings)
    return recording.shown


def _apart(first: Rewards, other: Rewards) -> dict[str, MetricEstimate]:
    """Return paired differences; effects common to devices, titles and moments cancel."""
    impressions = first.policy.shape[1]
    whole, last = slice(None), slice(impressions * 3 // 4, impressions)
    differences = {}
    for name, window in (("capture", whole), ("last_quarter_capture", last)):
        first_means, other_means = first.means(window), other.means(window)
        differences[name] = ratio(other_means.policy - first_means.policy, first_means.oracle - first_means.random)
    differences["policy_value"] = mean(other.means().policy - first.means().policy)
    return differences


def draw(lines: Sequence[PolicyComparison], title: str, path: Path) -> None:
    """Draw capture by round and the differences from the first policy, as PNG or SVG.

    Raises:
        KeyartError: the file cannot be written.
    """
    figure = picture.figure(11, 4.4)
    rounds, apart = figure.subplots(1, 2, width_ratios=(3, 2))
    for number, line in enumerate(lines):
        at = range(1, len(line.capture_by_round) + 1)
        colour = LINE_COLOURS[number % len(LINE_COLOURS)]
        style = "-" if number < len(LINE_COLOURS) else "--"
        rounds.plot(at, line.capture_by_round, style, color=colour, label=line.policy, marker="o", markersize=3)
    rounds.set_xlabel("round")
    rounds.xaxis.get_major_locator().set_params(integer=True)
    rounds.set_title(f"{title}\ncapture (0: random picture, 1: oracle)", loc="left", fontsize=10)
    rounds.legend(frameon=False, fontsize=9)
    _draw_apart(apart, lines)
    for axes in (rounds, apart):
        picture.plain(axes, "both")
    picture.save(figure, path)


def _draw_apart(axes: Axes, lines: Sequence[PolicyComparison]) -> None:
    others = lines[1:]
    for place, line in enumerate(others):
        for name, form, shift in (("last_quarter_capture", "o", -0.12), ("capture", "D", 0.12)):
            estimate = line.apart[name]
            error = (
                [[estimate.value - estimate.low], [estimate.high - estimate.value]]
                if math.isfinite(estimate.high)
                else None
            )
            colour = LINE_COLOURS[(place + 1) % len(LINE_COLOURS)]
            axes.errorbar(
                estimate.value, place + shift, xerr=error, fmt=form, color=colour,
                markerfacecolor=colour if form == "o" else "white", markersize=6, capsize=3,
            )  # fmt: skip
    axes.axvline(0, color=FADED, linewidth=1)
    axes.set_yticks(range(len(others)), [line.policy for line in others])
    axes.set_ylim(len(others) - 0.5, -0.5)
    axes.set_title(
        f"capture above {lines[0].policy}'s, on the same devices\nfilled: last quarter, hollow: whole run; 95 %",
        loc="left", fontsize=10,
    )  # fmt: skip
