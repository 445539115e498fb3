"""The progress of a round: its four stages and the devices at each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from keyart.secagg import Stage

from ..rounds import Round
from ..rounds.round import STATUS_OF_STAGE

# Stages in plain words.
STAGE_LABELS: Final[Mapping[Stage, str]] = {
    Stage.KEYS: "Registered",
    Stage.SHARE: "Key shares",
    Stage.MASKED: "Masked updates",
    Stage.UNMASK: "Unmasked",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of a round.

    Attributes:
        label: the stage in plain words.
        name: its name in the protocol.
        where: whether the stage is over, open or coming.
        devices: devices that have completed it so far.
        share: the same as a share of the target cohort, 0 to 1.
        lost: devices that dropped out since the stage before.
    """

    label: str
    name: str
    where: Literal["over", "now", "coming"]
    devices: int
    share: float
    lost: int


@dataclass(frozen=True, slots=True)
class Progress:
    """The stages of a round; `closes` is about when the open stage ends at the latest, or None."""

    steps: tuple[Step, ...]
    closes: datetime | None


def round_progress(round_: Round, submitted: Mapping[Stage, int]) -> Progress:
    """Return the progress of a round; `submitted` counts the submissions at the open stage."""
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
