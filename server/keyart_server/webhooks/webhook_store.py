"""Receivers of events in the database. Every change writes its audit row in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from keyart.errors import InputError

from .. import audit_log
from ..access.people import checked_name
from ..access.sealing import Sealer
from ..access.secrets import make_id
from ..http.pagination import PageRequest, read_page
from ..state.tables import DeliveryRow, WebhookRow
from . import signature
from .webhook import MAX_WEBHOOKS, Webhook, checked_url
from .webhook_events import EVENTS

ROTATION: Final = timedelta(hours=24)  # in which messages are signed with the previous secret, too


def create(
    session: Session, at: datetime, actor: str, sealer: Sealer, name: str, url: str, events: Collection[str]
) -> tuple[Webhook, str]:
    """Register a receiver; return it and its secret, which is not shown again.

    Raises:
        InputError: for a wrong name or address, no events, or too many receivers.
    """
    name, url = checked_name(name), checked_url(url)
    chosen = [event for event in EVENTS if event in events]
    if not chosen:
        raise InputError("A webhook needs at least one event.")
    if (session.scalar(select(func.count()).select_from(WebhookRow)) or 0) >= MAX_WEBHOOKS:
        raise InputError(f"A server has at most {MAX_WEBHOOKS} webhooks; delete one first.")
    key, webhook_id = signature.make_key(), make_id()
    row = WebhookRow(
        id=webhook_id, name=name, url=url, events=" ".join(chosen), secret=sealer.seal(_purpose(webhook_id), key),
        previous_secret=None, previous_until=None, created=at, failing_since=None, disabled=None, reason="",
    )  # fmt: skip
    session.add(row)
    audit_log.append(session, at, actor, "webhook.create", webhook_id, name=name, url=url, events=row.events)
    return _webhook(row), signature.shown(key)


def find(session: Session, webhook_id: str) -> Webhook | None:
    """Return the receiver, or None."""
    row = session.get(WebhookRow, webhook_id)
    return None if row is None else _webhook(row)


def list_all(session: Session) -> list[Webhook]:
    """Return all receivers, oldest first."""
    return [_webhook(row) for row in session.scalars(select(WebhookRow).order_by(WebhookRow.created, WebhookRow.id))]


def read_list(session: Session, paging: PageRequest) -> tuple[list[Webhook], str | None]:
    """Return a page of the receivers, newest first, and the cursor of the next page or None."""
    found, following = read_page(session, select(WebhookRow), (WebhookRow.created, WebhookRow.id), paging)
    return [_webhook(row) for row in found], following


def rotate(session: Session, at: datetime, actor: str, sealer: Sealer, webhook_id: str) -> str | None:
    """Replace the secret and return the new one, or None if there is no such receiver."""
    row = session.get(WebhookRow, webhook_id, with_for_update=True)
    if row is None:
        return None
    key = signature.make_key()
    row.previous_secret, row.previous_until = row.secret, at + ROTATION
    row.secret = sealer.seal(_purpose(webhook_id), key)
    audit_log.append(session, at, actor, "webhook.rotate", webhook_id, name=row.name)
    return signature.shown(key)


def signing_keys(session: Session, at: datetime, sealer: Sealer, webhook_id: str) -> Sequence[bytes]:
    """Return the keys that sign messages to a receiver now, the newest first."""
    row = session.get_one(WebhookRow, webhook_id)
    sealed = [row.secret]
    if row.previous_secret is not None and row.previous_until is not None and at < row.previous_until:
        sealed.append(row.previous_secret)
    return [sealer.open(_purpose(webhook_id), secret) for secret in sealed]


def enable(session: Session, at: datetime, actor: str, webhook_id: str) -> Webhook | None:
    """Enable a receiver; it gets what happens from now on."""
    row = session.get(WebhookRow, webhook_id, with_for_update=True)
    if row is None:
        return None
    if row.disabled is not None:
        row.disabled, row.failing_since, row.reason = None, None, ""
        audit_log.append(session, at, actor, "webhook.enable", webhook_id, name=row.name)
    return _webhook(row)


def disable(session: Session, at: datetime, actor: str, webhook_id: str, reason: str = "") -> Webhook | None:
    """Disable a receiver; its pending messages are given up."""
    row = session.get(WebhookRow, webhook_id, with_for_update=True)
    if row is None:
        return None
    if row.disabled is None:
        row.disabled, row.reason = at, reason[:400]
        pending = DeliveryRow.webhook_id == webhook_id, DeliveryRow.standing == "pending"
        given_up = {"standing": "failed", "due": None, "outcome": "The webhook was disabled."}
        session.execute(update(DeliveryRow).where(*pending).values(**given_up))
        audit_log.append(session, at, actor, "webhook.disable", webhook_id, name=row.name, reason=row.reason)
    return _webhook(row)


def remove(session: Session, at: datetime, actor: str, webhook_id: str) -> bool:
    """Delete a receiver with its messages; return whether it existed."""
    row = session.get(WebhookRow, webhook_id)
    if row is None:
        return False
    session.delete(row)
    audit_log.append(session, at, actor, "webhook.remove", webhook_id, name=row.name)
    return True


def _webhook(row: WebhookRow) -> Webhook:
    return Webhook(
        row.id, row.name, row.url, tuple(row.events.split()), row.created, row.failing_since, row.disabled, row.reason
    )


def _purpose(webhook_id: str) -> str:
    return f"webhook {webhook_id}"
