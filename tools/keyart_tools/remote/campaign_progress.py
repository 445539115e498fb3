"""Progress of a campaign: the stages of its newest round, ε, and what it waits for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from .answers import printable
from .object_tables import STAGES, epsilon

ENDED: Final = ("done", "stopped")
ACTIVE_STAGES: Final = ("keys", "share", "masked", "unmask")  # statuses of a round that waits for devices
BAR: Final = 24  # characters


@dataclass(frozen=True, slots=True)
class StageCount:
    """Devices that completed a stage."""

    label: str
    devices: int


@dataclass(frozen=True, slots=True)
class RoundProgress:
    """A round.

    Attributes:
        status: its status, as the API names it.
        stages: its stages in order.
        failure: why it failed, or "".
    """

    number: int
    topic: str
    status: str
    stages: tuple[StageCount, ...]
    failure: str

    @property
    def is_active(self) -> bool:
        """Tell whether the round waits for devices."""
        return self.status in ACTIVE_STAGES


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """A campaign at a moment.

    Attributes:
        minimum: minimum cohort of a round in devices, 0 if unknown.
        target: target cohort in devices, 0 if unknown.
        waiting: sentence that says why no round begins, or "".
        round_: the newest round; None before the first.
    """

    id: str
    name: str
    kind: str
    state: str
    rounds_done: int
    rounds: int
    epsilon: float | None
    charged: float
    minimum: int
    target: int
    waiting: str
    round_: RoundProgress | None

    @classmethod
    def read(cls, campaign: Mapping[str, Any], newest: Mapping[str, Any] | None) -> Self:
        """Read the progress from the campaign's object and that of its newest round."""
        settings = campaign.get("settings") or {}
        return cls(
            str(campaign.get("id", "")),
            printable(str(campaign.get("name", ""))),
            printable(str(campaign.get("kind", ""))),
            printable(str(campaign.get("state", ""))),
            campaign.get("rounds_done") or 0,
            campaign.get("rounds") or 0,
            campaign.get("epsilon"),
            campaign.get("epsilon_charged") or 0.0,
            settings.get("minimum_devices") or 0,
            (newest or {}).get("target") or settings.get("wanted") or 0,
            printable(campaign.get("waiting") or ""),
            None if newest is None else _round(newest),
        )

    @property
    def has_ended(self) -> bool:
        """Tell whether no further round can come."""
        return self.state in ENDED

    @property
    def succeeded(self) -> bool:
        """Tell whether the campaign ran to its end."""
        return self.state == "done"


def summary(progress: CampaignProgress) -> str:
    """Return the progress on one line, for a log."""
    parts = [
        f"{progress.name}: {progress.state}",
        f"{progress.rounds_done} of {progress.rounds} rounds done",
        f"ε {_charged(progress)}",
    ]
    round_ = progress.round_
    if round_ is not None and (round_.is_active or round_.failure):
        head = f"round {round_.number} ({round_.topic}) {round_.status}"
        parts.append(f"{head}: {round_.failure or _counts(round_, progress.minimum)}")
    return "; ".join(parts)


def lines(progress: CampaignProgress) -> list[str]:
    """Return the progress as lines for a live display."""
    done, planned = progress.rounds_done, progress.rounds
    found = [
        f"{progress.name}  ({progress.kind}, {progress.state})",
        f"  rounds         {_bar(done, planned)}  {done} of {planned}",
        f"  ε              {_bar(progress.charged, progress.epsilon or 0)}  {_charged(progress)}",
    ]
    if progress.waiting:
        found += ["", f"  {progress.waiting}"]
    round_ = progress.round_
    if round_ is not None:
        found += ["", f"Round {round_.number} ({round_.topic}): {round_.failure or round_.status}"]
        full = progress.target or progress.minimum or max((stage.devices for stage in round_.stages), default=0)
        for stage in round_.stages:
            minimum = f" of at least {progress.minimum:,}" if progress.minimum else ""
            bar = _bar(stage.devices, full, progress.minimum)
            found.append(f"  {stage.label:<15}{bar}  {stage.devices:,}{minimum}")
    return found


def _round(round_: Mapping[str, Any]) -> RoundProgress:
    cohort = round_.get("cohort") or {}
    return RoundProgress(
        round_.get("number") or 0,
        printable(str(round_.get("topic", ""))),
        printable(str(round_.get("standing", ""))),
        tuple(StageCount(label, cohort.get(name) or 0) for name, label in STAGES.items()),
        printable(round_.get("failure") or ""),
    )


def _counts(round_: RoundProgress, minimum: int) -> str:
    """Return the devices at each stage so far, against the minimum."""
    reached = round_.stages[: ACTIVE_STAGES.index(round_.status) + 1]
    counts = ", ".join(f"{stage.devices:,} {stage.label}" for stage in reached)
    return f"{counts} (at least {minimum:,} needed)" if minimum else counts


def _charged(progress: CampaignProgress) -> str:
    limit = "" if progress.epsilon is None else f" of {epsilon(progress.epsilon)}"
    return f"{epsilon(progress.charged)}{limit}"


def _bar(value: float, full: float, mark: float = 0) -> str:
    """Return a bar of value/full, with a mark at mark/full."""
    filled = round(BAR * min(value / full, 1)) if full > 0 else 0
    cells = ["█" if n < filled else "·" for n in range(BAR)]
    if 0 < mark < full:
        cells[min(BAR - 1, round(BAR * mark / full))] = "|"
    return "".join(cells)
