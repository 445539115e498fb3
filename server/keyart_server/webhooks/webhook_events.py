"""Events: which rows of the audit log are events, and the data of their messages. Pure.

A message says what happened to what, and where to read more. It holds no reason, no count and no result, so nothing
about devices leaves the server through it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from ..audit_log import AuditEntry

EventType = Literal[
    "round.done", "round.failed", "campaign.paused", "campaign.finished",
    "release.held", "release.waiting", "release.released", "release.withdrawn", "budget.low",
]  # fmt: skip
EVENTS: Final[tuple[EventType, ...]] = get_args(EventType)
TEST_EVENT: Final = "webhook.test"  # sent by the button of that name, whatever a receiver has chosen
BUDGET_SHARE: Final = 0.8  # of ε, after which `budget.low` is sent

# Sentences for people: the choice of events on the page, and the documentation.
EVENT_TEXTS: Final[Mapping[EventType, str]] = {
    "round.done": "a round has ended with a result",
    "round.failed": "a round has failed",
    "campaign.paused": "the server has paused a campaign that needs a person",
    "campaign.finished": "a campaign has run all its rounds",
    "release.held": "a release is held by the guard",
    "release.waiting": "a release waits for a decision or for a key",
    "release.released": "a release reaches all devices",
    "release.withdrawn": "a release was withdrawn",
    "budget.low": "80 % of the privacy budget is spent",
}
_ROUNDS: Final[Mapping[str, EventType]] = {"round.finish": "round.done", "round.fail": "round.failed"}
_STATUSES: Final[Mapping[str, EventType]] = {
    "held": "release.held", "waiting": "release.waiting", "released": "release.released",
    "withdrawn": "release.withdrawn",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """An event.

    Attributes:
        data: what it is about; the keys are `campaign` and `round`, or `release`, or nothing.
        link: path of the page about it.
    """

    type: EventType
    data: Mapping[str, Any]
    link: str


def event_of(entry: AuditEntry) -> Event | None:
    """Return the event that a row of the audit log records, or None. The budget is watched apart from it."""
    details = json.loads(entry.details)
    if entry.action in _ROUNDS:
        data = {"campaign": entry.subject, "round": details["round"]}
        return Event(_ROUNDS[entry.action], data, f"/campaigns/{entry.subject}")
    if entry.action == "campaign.pause" and entry.actor == "server":
        return Event("campaign.paused", {"campaign": entry.subject}, f"/campaigns/{entry.subject}")
    if entry.action == "campaign.finish":
        return Event("campaign.finished", {"campaign": entry.subject}, f"/campaigns/{entry.subject}")
    if entry.action.startswith("release.") and details.get("standing") in _STATUSES:
        data = {"release": int(entry.subject)}
        return Event(_STATUSES[details["standing"]], data, f"/releases/{entry.subject}")
    return None


def changes_budget(entry: AuditEntry) -> bool:
    """Tell whether the ε spent, or its limit, may have changed."""
    return entry.action.startswith("budget.")
