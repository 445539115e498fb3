"""How far a round has come: its four stages, and how many devices are at each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from keyart.secagg import Stage

from ..rounds import Round
from ..rounds.round import STATUS_OF_STAGE

# What a stage is for somebody who has not read the protocol.
STAGE_LABELS: Final[Mapping[Stage, str]] = {
    Stage.KEYS: "Joined",
    Stage.SHARE: "Agreed",
    Stage.MASKED: "Handed in",
    Stage.UNMASK: "Opened",
}


@dataclass(frozen=True, slots=True)
class Step:
    """name: as the protocol has it. devices: that have answered so far. share: of those that are wanted, 0 to 1.
    lost: fewer than at the stage before."""

    plain: str
    name: str
    where: Literal["over", "now", "coming"]
    devices: int
    share: float
    lost: int


@dataclass(frozen=True, slots=True)
class Progress:
    """closes: when the stage ends at the latest, about; None: no stage is open."""

    steps: tuple[Step, ...]
    closes: datetime | None


def round_progress(round_: Round, submitted: Mapping[Stage, int]) -> Progress:
    """came: devices that have answered at the stage that is open."""
    open_stage = next((stage for stage, standing in STATUS_OF_STAGE.items() if standing == round_.standing), None)
    steps: list[Step] = []
    for stage, standing in STATUS_OF_STAGE.items():
        devices = submitted.get(stage, 0) if stage is open_stage else round_.answered[stage]
        is_over = (
            round_.standing in ("answered", "done")
            or (open_stage is not None and stage < open_stage)
            or (round_.standing == "failed" and devices > 0)
        )
        position: Literal["over", "now", "coming"] = "now" if stage is open_stage else "over" if is_over else "coming"
        lost = max(steps[-1].devices - devices, 0) if steps and position == "over" else 0
        steps.append(
            Step(STAGE_LABELS[stage], standing, position, devices, min(devices / max(round_.wanted, 1), 1.0), lost)
        )
    return Progress(tuple(steps), None if open_stage is None else round_.changed + timedelta(seconds=round_.patience))
