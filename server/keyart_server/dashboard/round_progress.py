"""How far a round has come: its four stages, and how many devices are at each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from keyart.secagg import Stage

from ..rounds import Round
from ..rounds.round import OF_STAGE

# What a stage is for somebody who has not read the protocol.
PLAIN: Final[Mapping[Stage, str]] = {
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


def progress(of: Round, came: Mapping[Stage, int]) -> Progress:
    """came: devices that have answered at the stage that is open."""
    here = next((stage for stage, standing in OF_STAGE.items() if standing == of.standing), None)
    steps: list[Step] = []
    for stage, standing in OF_STAGE.items():
        devices = came.get(stage, 0) if stage is here else of.answered[stage]
        over = (
            of.standing in ("answered", "done")
            or (here is not None and stage < here)
            or (of.standing == "failed" and devices > 0)
        )
        where: Literal["over", "now", "coming"] = "now" if stage is here else "over" if over else "coming"
        lost = max(steps[-1].devices - devices, 0) if steps and where == "over" else 0
        steps.append(Step(PLAIN[stage], standing, where, devices, min(devices / max(of.wanted, 1), 1.0), lost))
    return Progress(tuple(steps), None if here is None else of.changed + timedelta(seconds=of.patience))
