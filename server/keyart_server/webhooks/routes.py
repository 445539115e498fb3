"""The routes under `/api/v1/webhooks`, for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field

from ..access import Who
from ..http.error_responses import error_schema, found_or_404
from ..http.pagination import Page, Paging
from ..service import Service
from ..state.tables.base import MAX_NAME_LENGTH
from ..state.tables.webhooks import MAX_URL_LENGTH
from . import deliveries, webhook_store
from .webhook import Delivery, Webhook
from .webhook_events import EventType

Id = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="The `id` returned on creation.")]
DISABLED = "The webhook is disabled; enable it first."


class NewWebhook(BaseModel):
    """Body of a request for a webhook.

    Attributes:
        name: name on pages and in the audit log.
        url: address that gets the messages: https, or http to this machine.
        events: events that it gets.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"name": "Chat", "url": "https://hooks.example/keyart", "events": ["round.failed"]}]
        },
    )

    name: str = Field(min_length=1, max_length=MAX_NAME_LENGTH)
    url: str = Field(min_length=1, max_length=MAX_URL_LENGTH)
    events: frozenset[EventType] = Field(min_length=1)


class RegisteredWebhook(BaseModel):
    """A registered webhook.

    Attributes:
        secret: key that signs messages, which is returned this once.
        webhook: the webhook.
    """

    secret: str
    webhook: Webhook


class WebhookSecret(BaseModel):
    """A new secret; messages are signed with the previous one, too, for 24 hours.

    Attributes:
        secret: key that signs messages, which is returned this once.
    """

    secret: str


class WebhookPage(Page[Webhook]):
    """One page of webhooks, newest first."""


class DeliveryPage(Page[Delivery]):
    """One page of the messages to a webhook, newest first."""


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes, all for administrators."""
    router = service.guard.router("administer")
    state, clock, sealer = service.state, service.clock, service.sealer
    missing: dict[int | str, dict[str, Any]] = {404: error_schema("No webhook has this id.")}

    @router.get("/api/v1/webhooks")
    def list_webhooks(paging: Paging) -> WebhookPage:
        """List webhooks, newest first."""
        with state.reading() as session:
            items, following = webhook_store.read_list(session, paging)
        return WebhookPage(items=items, next=following)

    @router.get("/api/v1/webhooks/{webhook_id}", responses=missing)
    def show_webhook(webhook_id: Id) -> Webhook:
        """Return a webhook."""
        with state.reading() as session:
            return found_or_404(webhook_store.find(session, webhook_id), "webhook")

    @router.get("/api/v1/webhooks/{webhook_id}/deliveries", responses=missing)
    def list_deliveries(webhook_id: Id, paging: Paging) -> DeliveryPage:
        """List the messages to a webhook, newest first."""
        with state.reading() as session:
            found_or_404(webhook_store.find(session, webhook_id), "webhook")
            items, following = deliveries.read_log(session, webhook_id, paging)
        return DeliveryPage(items=items, next=following)

    @router.post("/api/v1/webhooks", status_code=201)
    def register_webhook(new: NewWebhook, who: Who) -> RegisteredWebhook:
        """Register a webhook. Its secret is returned in this response only."""
        with state.writing() as session:
            webhook, secret = webhook_store.create(session, clock(), who.name, sealer, new.name, new.url, new.events)
        return RegisteredWebhook(secret=secret, webhook=webhook)

    @router.post("/api/v1/webhooks/{webhook_id}/secret", responses=missing)
    def rotate_webhook_secret(webhook_id: Id, who: Who) -> WebhookSecret:
        """Replace the secret. The new one is returned in this response only."""
        with state.writing() as session:
            secret = webhook_store.rotate(session, clock(), who.name, sealer, webhook_id)
        return WebhookSecret(secret=found_or_404(secret, "webhook"))

    @router.post(
        "/api/v1/webhooks/{webhook_id}/test", status_code=202, responses={**missing, 409: error_schema(DISABLED)}
    )
    def test_webhook(webhook_id: Id) -> Delivery:
        """Send a message of the event `webhook.test`; the list of deliveries shows what has become of it."""
        with state.writing() as session:
            if found_or_404(webhook_store.find(session, webhook_id), "webhook").disabled is not None:
                raise HTTPException(409, DISABLED)
            return deliveries.create_test(session, clock(), webhook_id)

    @router.post("/api/v1/webhooks/{webhook_id}/enable", responses=missing)
    def enable_webhook(webhook_id: Id, who: Who) -> Webhook:
        """Enable a webhook; it gets what happens from now on."""
        with state.writing() as session:
            return found_or_404(webhook_store.enable(session, clock(), who.name, webhook_id), "webhook")

    @router.post("/api/v1/webhooks/{webhook_id}/disable", responses=missing)
    def disable_webhook(webhook_id: Id, who: Who) -> Webhook:
        """Disable a webhook; its pending messages are given up."""
        with state.writing() as session:
            return found_or_404(webhook_store.disable(session, clock(), who.name, webhook_id), "webhook")

    @router.delete("/api/v1/webhooks/{webhook_id}", status_code=204, responses=missing)
    def remove_webhook(webhook_id: Id, who: Who) -> None:
        """Delete a webhook with its messages."""
        with state.writing() as session:
            found_or_404(webhook_store.remove(session, clock(), who.name, webhook_id) or None, "webhook")

    return (router,)
