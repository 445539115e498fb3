"""A release: one model version on its way to the devices, and where it stands. Pure.

candidate ──refuse──► refused                           wait: for the key of targets, or for a person's go
  │   └────wait────► waiting ◄───────┐                  publish: the intent, then files, then the first share
  └──publish───┐        │ publish    │ wait: no key     widen: to the next share of its plan; the last is 1
               ▼        ▼            │                  hold: nobody new gets it; only a person lets it go on
             rolling (share 0) ──────┘
               │ widen               └──refuse──► refused
               ▼
             rolling ──widen──► released                candidate, waiting, rolling, held, released
               │ ▲ └─widen─┘       ▲                        └──withdraw──► withdrawn
          hold ▼ │ go-on           │
              held ──────go-on─────┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from keyart.errors import InputError
from keyart_federated.campaigns.rollout_plan import RolloutPlan

from .gate import Gate, worst

Standing = Literal["candidate", "refused", "waiting", "rolling", "released", "held", "withdrawn"]
Action = Literal["examine", "refuse", "wait", "publish", "widen", "hold", "go-on", "withdraw"]

STANDINGS: Final[tuple[Standing, ...]] = get_args(Standing)
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
UNPUBLISHED: Final[frozenset[Standing]] = frozenset({"candidate", "waiting"})

# From where an action leads where. `widen` and `go-on` lead to released with the last share.
MOVES: Final[Mapping[Action, tuple[frozenset[Standing], Standing]]] = {
    "examine": (frozenset({"candidate"}), "candidate"),
    "refuse": (frozenset({"candidate", "waiting", "rolling"}), "refused"),
    "wait": (frozenset({"candidate", "waiting", "rolling"}), "waiting"),
    "publish": (UNPUBLISHED, "rolling"),
    "widen": (frozenset({"rolling"}), "rolling"),
    "hold": (frozenset({"rolling"}), "held"),
    "go-on": (frozenset({"held"}), "rolling"),
    "withdraw": (frozenset({"candidate", "waiting", "rolling", "released", "held"}), "withdrawn"),
}


@dataclass(frozen=True, slots=True)
class Release:
    """version: of the model. campaign_id, number: of the round that it came from; None and 0: by hand. base: the
    version that it follows. share: of all devices, those that are to have it; a rolling one with 0 is being
    published. digest: of its manifest. reason: a sentence on where it stands. changed: when it last moved.
    """

    version: int
    campaign_id: str | None
    number: int
    base: int | None
    standing: Standing
    share: float
    digest: str
    plan: RolloutPlan
    gates: tuple[Gate, ...]
    reason: str
    created: datetime
    changed: datetime

    @property
    def half_published(self) -> bool:
        """The intent is written, and whether the files are signed is not known here."""
        return self.standing == "rolling" and self.share == 0

    @property
    def published(self) -> bool:
        """Whether devices may have it."""
        return self.share > 0 or self.half_published

    def next(self, at: datetime, guard: Sequence[Gate] | None) -> Action | None:
        """What is due for one that is rolling out; None: nothing yet.

        guard: what the devices that have it tell (`gate.compared`); None: nobody has asked them yet.
        """
        if self.standing != "rolling" or self.half_published or guard is None:
            return None
        verdict = worst(guard)
        if verdict == "failed":
            return "hold"
        if at < self.changed + timedelta(hours=self.plan.hours):
            return None
        return "widen" if verdict == "passed" or self.plan.unclear == "go on" else "hold"

    def after(self, action: Action, at: datetime) -> Release:
        """Where it stands then. Raises InputError for an action that is not possible now."""
        sources, target = MOVES[action]
        if self.standing not in sources:
            raise InputError(
                f"Model {self.version} is {self.standing}, and {action} needs one that is "
                f"{' or '.join(sorted(sources))}."
            )
        if action in ("refuse", "wait") and self.share > 0:
            raise InputError(f"Model {self.version} is with devices already; hold or withdraw it.")
        if action == "hold" and self.half_published:
            raise InputError(f"Model {self.version} is being published; try again in a moment, or withdraw it.")
        if action not in ("widen", "go-on"):
            return replace(self, standing=target, changed=at)
        share = next(stage for stage in self.plan.stages if stage > self.share)
        return replace(self, standing="released" if share == 1 else "rolling", share=share, changed=at)
