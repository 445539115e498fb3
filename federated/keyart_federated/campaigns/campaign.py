"""A campaign: what a fleet is asked for, and where it stands. Pure.

draft ──start──► running ──pause──► paused        running ──finish──► done (its last round is over)
  │                 ▲ └──────────────┐ │          draft, running, paused ──stop──► stopped
  └─────stop────► stopped ◄──resume──┴─┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, get_args

from keyart.errors import InputError, SettingError

Kind = Literal["training", "statistics", "experiment", "evaluation"]
Standing = Literal["draft", "running", "paused", "stopped", "done"]
Action = Literal["start", "pause", "resume", "stop", "finish"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
STANDINGS: Final[tuple[Standing, ...]] = get_args(Standing)
MAX_NAME_LENGTH: Final = 120  # characters
MAX_ROUNDS: Final = 10_000
ROUNDS: Final = 10

# From where an action leads where.
MOVES: Final[Mapping[Action, tuple[frozenset[Standing], Standing]]] = {
    "start": (frozenset({"draft"}), "running"),
    "pause": (frozenset({"running"}), "paused"),
    "resume": (frozenset({"paused"}), "running"),
    "stop": (frozenset({"draft", "running", "paused"}), "stopped"),
    "finish": (frozenset({"running"}), "done"),
}


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign.

    Attributes:
        epsilon: Maximum privacy loss of a person over the whole campaign. None for the default.
        delta: Probability that belongs to `epsilon`. None for the default.
        rounds: Maximum number of rounds.
        settings: Settings of its kind, as JSON (`checked`).

    Raises:
        SettingError: A value is out of range.
    """

    id: str
    name: str
    kind: Kind
    state: Standing
    epsilon: float | None
    delta: float | None
    rounds: int
    created: datetime
    changed: datetime
    settings: str = "{}"

    def __post_init__(self) -> None:
        if not (self.name.strip() and len(self.name) <= MAX_NAME_LENGTH and self.name.isprintable()):
            raise SettingError(f"A campaign's name is a line of 1 to {MAX_NAME_LENGTH} characters that can be shown.")
        if self.kind not in KINDS:
            raise SettingError(f"A campaign is of a kind: {', '.join(KINDS)}.")
        if self.epsilon is not None and not self.epsilon > 0:
            raise SettingError(f"epsilon is {self.epsilon}; it must be above 0.")
        if self.delta is not None and not 0 < self.delta < 1:
            raise SettingError(f"delta is {self.delta}; it must be between 0 and 1.")
        if not 1 <= self.rounds <= MAX_ROUNDS:
            raise SettingError(f"rounds is {self.rounds}; it must be between 1 and {MAX_ROUNDS}.")

    def after(self, action: Action, at: datetime) -> Campaign:
        """Return the campaign after an action. Raises InputError for one that is not possible now."""
        sources, target = MOVES[action]
        if self.state not in sources:
            raise InputError(
                f"Campaign {self.id} is {self.state}, and {action} needs one that is {' or '.join(sorted(sources))}."
            )
        return replace(self, state=target, changed=at)
