"""A release: one model version on its way to the devices, and its status. Pure.

candidate ──refuse──► refused                           wait: for the targets key, or for a decision
  │   └────wait────► waiting ◄───────┐                  publish: the intent, then the files, then the first share
  └──publish───┐        │ publish    │ wait: no key     widen: to the next share of its plan; the last is 1
               ▼        ▼            │                  hold: no further device gets it until it is promoted
             rolling (share 0) ──────┘
               │ widen               └──refuse──► refused
               ▼
             rolling ──widen──► released                candidate, waiting, rolling, held, released
               │ ▲ └─widen─┘       ▲                        └──withdraw──► withdrawn
          hold ▼ │ promote         │
              held ─────promote────┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns.rollout_plan import RolloutPlan

from .gate import Gate, worst_verdict

ReleaseStatus = Literal["candidate", "refused", "waiting", "rolling", "released", "held", "withdrawn"]
Action = Literal["examine", "refuse", "wait", "publish", "widen", "hold", "promote", "withdraw"]

RELEASE_STATUSES: Final[tuple[ReleaseStatus, ...]] = get_args(ReleaseStatus)
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
UNPUBLISHED: Final[frozenset[ReleaseStatus]] = frozenset({"candidate", "waiting"})
OFFERING: Final[frozenset[Action]] = frozenset(
    {"publish", "widen", "promote"}
)  # after these, more devices may get it

# Action: source statuses and target status. `widen` and `promote` lead to `released` with the last share.
MOVES: Final[Mapping[Action, tuple[frozenset[ReleaseStatus], ReleaseStatus]]] = {
    "examine": (frozenset({"candidate"}), "candidate"),
    "refuse": (frozenset({"candidate", "waiting", "rolling"}), "refused"),
    "wait": (frozenset({"candidate", "waiting", "rolling"}), "waiting"),
    "publish": (UNPUBLISHED, "rolling"),
    "widen": (frozenset({"rolling"}), "rolling"),
    "hold": (frozenset({"rolling"}), "held"),
    "promote": (frozenset({"held"}), "rolling"),
    "withdraw": (frozenset({"candidate", "waiting", "rolling", "released", "held"}), "withdrawn"),
}


class ReasonRequired(SettingError):
    """A person promotes a release to all devices without a reason."""


@dataclass(frozen=True, slots=True)
class Release:
    """A model version on its way to the devices.

    Attributes:
        version: model version.
        campaign_id: campaign that produced it; None for an upload.
        number: round of that campaign; 0 for an upload.
        base: version that it follows.
        standing: its status.
        share: share of devices that install it; a rolling release with share 0 is being published, a withdrawn one
            has share 0.
        digest: digest of its manifest.
        reason: sentence that explains the status.
        changed: time of the last change of status.
        weights: digest of everything that it has learned (`bundle_archive.weights_digest`).
        origin: version that it was made from; for a rollback, the one whose weights it has.
        reached: largest share of devices that it ever had.
        replaced_by: rollback that devices get in its place, if it was withdrawn after they could have it.
    """

    version: int
    campaign_id: str | None
    number: int
    base: int | None
    standing: ReleaseStatus
    share: float
    digest: str
    plan: RolloutPlan
    gates: tuple[Gate, ...]
    reason: str
    created: datetime
    changed: datetime
    weights: str | None = None
    origin: int | None = None
    reached: float = 0.0
    replaced_by: int | None = None

    @property
    def half_published(self) -> bool:
        """Tell whether the intent is recorded, but the files may not be signed yet."""
        return self.standing == "rolling" and self.share == 0

    @property
    def published(self) -> bool:
        """Tell whether devices may have it."""
        return self.share > 0 or self.reached > 0 or self.half_published

    @property
    def next_share(self) -> float | None:
        """Return the share that the next stage of its plan gives it, or None after the last."""
        return next((stage for stage in self.plan.stages if stage > self.share), None)

    def next(self, at: datetime, guard: Sequence[Gate] | None) -> Action | None:
        """Return the next action of a rolling release, or None if none is due.

        Args:
            at: current time.
            guard: gates over the devices that have it (`comparison_gates`); None before the first check.
        """
        if self.standing != "rolling" or self.half_published or guard is None:
            return None
        verdict = worst_verdict(guard)
        if verdict == "failed":
            return "hold"
        if at < self.changed + timedelta(hours=self.plan.hours):
            return None
        return "widen" if verdict == "passed" or self.plan.unclear == "go on" else "hold"

    def after(self, action: Action, at: datetime) -> Release:
        """Return the release after an action. Raises InputError if its status forbids the action."""
        sources, target = MOVES[action]
        if self.standing not in sources:
            raise InputError(
                f"Model {self.version} is {self.standing}, and {action} needs one that is "
                f"{' or '.join(sorted(sources))}."
            )
        if action in ("refuse", "wait") and self.share > 0:
            raise InputError(f"Model {self.version} is already published; hold or withdraw it.")
        if action == "hold" and self.half_published:
            raise InputError(f"Model {self.version} is being published; try again in a moment, or withdraw it.")
        if action == "withdraw":
            return replace(self, standing=target, share=0.0, reached=max(self.share, self.reached), changed=at)
        if action not in ("widen", "promote"):
            return replace(self, standing=target, changed=at)
        share = self.next_share
        if share is None:
            raise InputError(f"Model {self.version} has its last share already.")
        return replace(self, standing="released" if share == 1 else "rolling", share=share, reached=share, changed=at)
