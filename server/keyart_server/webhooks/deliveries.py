"""Messages in the database: made from the audit log, and due until they are delivered or given up.

A message is delivered at least once: after a kill between the answer and its record it is sent again, under the same
id, by which receivers recognise it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from .. import budget
from ..access.secrets import make_id
from ..audit_log import AuditEntry, entries_after, newest
from ..http.pagination import PageRequest, read_page
from ..state.tables import DeliveryRow, WebhookCursorRow, WebhookRow
from ..state.upsert import upsert
from . import webhook_store
from .webhook import Delivery, DeliveryStatus
from .webhook_events import BUDGET_SHARE, TEST_EVENT, Event, changes_budget, event_of

ROW: Final = 1
MAX_ENTRIES: Final = 500  # of the audit log in one transaction
# Waiting time after each failed attempt; in all a little less than a day.
RETRIES: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 7200, 5 * 3600, 8 * 3600, 8 * 3600)
)
GONE: Final = 410  # status with which a receiver says that it wants no more
KEPT: Final = timedelta(days=30)  # for the log of deliveries


class DueDelivery(NamedTuple):
    """A message to send now."""

    id: str
    webhook_id: str
    url: str
    body: bytes


def has_news(session: Session) -> bool:
    """Tell whether the audit log has rows that are not turned into messages yet."""
    cursor = session.get(WebhookCursorRow, ROW)
    head = newest(session, 1)
    return cursor is None or (bool(head) and head[0].number > cursor.number)


def create_due(session: Session, at: datetime, base_url: str) -> bool:
    """Make the messages about the next rows of the audit log, inside a write transaction.

    Returns:
        Whether rows may be left.
    """
    first = {"id": ROW, "number": 0, "budget_low": False}
    session.execute(upsert(session, WebhookCursorRow).values(first).on_conflict_do_nothing())
    cursor = session.get_one(WebhookCursorRow, ROW, with_for_update=True)
    entries = entries_after(session, cursor.number, MAX_ENTRIES)
    receivers = [webhook for webhook in webhook_store.list_all(session) if webhook.disabled is None]
    for entry in entries:
        for event in _events_of(session, cursor, entry):
            for receiver in receivers:
                if event.type in receiver.events and entry.at >= receiver.created:
                    body = _body(event.type, entry.at, {**event.data, "link": base_url + event.link})
                    _add(session, at, receiver.id, event.type, body)
        cursor.number = entry.number
    return len(entries) == MAX_ENTRIES


def create_test(session: Session, at: datetime, webhook_id: str) -> Delivery:
    """Make a message that a person has asked for, to try a receiver."""
    return _delivery(_add(session, at, webhook_id, TEST_EVENT, _body(TEST_EVENT, at, {})))


def list_due(session: Session, at: datetime) -> list[DueDelivery]:
    """Return the messages to send now, oldest first."""
    rows = (
        select(DeliveryRow.id, DeliveryRow.webhook_id, WebhookRow.url, DeliveryRow.body)
        .join(WebhookRow)
        .where(DeliveryRow.due <= at, WebhookRow.disabled.is_(None))
        .order_by(DeliveryRow.created, DeliveryRow.id)
        .limit(MAX_ENTRIES)
    )
    return [DueDelivery(row[0], row[1], row[2], row[3].encode()) for row in session.execute(rows)]


def record(session: Session, at: datetime, delivery_id: str, status: int | None, outcome: str) -> None:
    """Record an attempt; a receiver that has failed for a day, or says 410, is disabled.

    Args:
        session: a write transaction.
        at: current time.
        delivery_id: id of the message.
        status: HTTP status of the answer; None without one.
        outcome: sentence about the attempt.
    """
    row = session.get(DeliveryRow, delivery_id, with_for_update=True)
    if row is None or row.due is None:
        return  # deleted, or given up meanwhile
    receiver = session.get_one(WebhookRow, row.webhook_id, with_for_update=True)
    row.attempts, row.changed, row.outcome = row.attempts + 1, at, outcome[:200]
    if is_accepted(status):
        row.standing, row.due, receiver.failing_since = "delivered", None, None
        return
    receiver.failing_since = receiver.failing_since or at
    if row.attempts <= len(RETRIES):
        row.due = at + RETRIES[row.attempts - 1]
    else:
        row.standing, row.due = "failed", None
    session.flush()
    if status == GONE:
        webhook_store.disable(session, at, "server", receiver.id, "The receiver answered 410 Gone.")
    elif row.standing == "failed" and at >= receiver.failing_since + sum(RETRIES, timedelta()):
        reason = f"Every attempt of the last day has failed. The last one: {outcome}"
        webhook_store.disable(session, at, "server", receiver.id, reason)


def is_accepted(status: int | None) -> bool:
    """Tell whether the receiver has accepted a message; `status` is None without an answer."""
    return status is not None and 200 <= status < 300


def read_log(session: Session, webhook_id: str, paging: PageRequest) -> tuple[list[Delivery], str | None]:
    """Return a page of the messages to a receiver, newest first, and the cursor of the next page or None."""
    rows = select(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id)
    found, following = read_page(session, rows, (DeliveryRow.created, DeliveryRow.id), paging)
    return [_delivery(row) for row in found], following


def count_pending(session: Session) -> dict[str, int]:
    """Count the messages that wait for an attempt, by receiver."""
    rows = select(DeliveryRow.webhook_id, func.count()).where(DeliveryRow.due.is_not(None))
    return {row[0]: row[1] for row in session.execute(rows.group_by(DeliveryRow.webhook_id))}


def delete_old(session: Session, at: datetime) -> None:
    """Delete messages from the log that are done and older than `KEPT`."""
    session.execute(delete(DeliveryRow).where(DeliveryRow.due.is_(None), DeliveryRow.changed < at - KEPT))


def _events_of(session: Session, cursor: WebhookCursorRow, entry: AuditEntry) -> list[Event]:
    events = [event for event in [event_of(entry)] if event is not None]
    if changes_budget(entry):
        is_low = _is_budget_low(session)
        if is_low and not cursor.budget_low:
            events.append(Event("budget.low", {}, "/budget"))
        cursor.budget_low = is_low
    return events


def _is_budget_low(session: Session) -> bool:
    fleet = budget.fleet_budget(session)
    return fleet.spent >= BUDGET_SHARE * fleet.epsilon


def _body(event: str, at: datetime, data: Mapping[str, Any]) -> str:
    return json.dumps({"type": event, "timestamp": at.isoformat(), "data": data})


def _add(session: Session, at: datetime, webhook_id: str, event: str, body: str) -> DeliveryRow:
    row = DeliveryRow(
        id=f"msg_{make_id()}", webhook_id=webhook_id, event=event, body=body, standing="pending", created=at,
        attempts=0, due=at, changed=at, outcome="",
    )  # fmt: skip
    session.add(row)
    return row


def _delivery(row: DeliveryRow) -> Delivery:
    status = cast(DeliveryStatus, row.standing)
    return Delivery(row.id, row.event, status, row.created, row.attempts, row.due, row.changed, row.outcome)
