"""The pages `/webhooks` and `/webhooks/ID`: receivers of events and the log of their messages. For administrators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request, Response

from keyart.errors import InputError

from ...access import Who
from ...http.error_responses import found_or_404
from ...http.pagination import MAX_CURSOR_LENGTH, PageRequest
from ...service import Service
from ...webhooks import deliveries, webhook_store
from ...webhooks.routes import DISABLED
from ...webhooks.webhook_events import EVENT_TEXTS, EVENTS
from ..responses import FormFields, Id, page_router, redirect, render_page

PATH: Final = "/webhooks"
ROWS_PER_PAGE: Final = 50


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of the pages and of their forms."""
    router = page_router(service, "administer")
    state, clock, sealer = service.state, service.clock, service.sealer

    def show_list(request: Request, who: Who, status: int = 200, **shown: Any) -> Response:
        with state.reading() as session:
            webhooks, pending = webhook_store.list_all(session), deliveries.count_pending(session)
        values = {"mistake": "", "sent": {}, "chosen": (), **shown}
        return render_page(
            service, request, who, "webhooks.html", status,
            webhooks=webhooks, pending=pending, events=EVENTS, event_texts=EVENT_TEXTS, **values,
        )  # fmt: skip

    def show_one(
        request: Request, who: Who, webhook_id: str, status: int = 200, secret: str = "", cursor: str | None = None
    ) -> Response:
        with state.reading() as session:
            webhook = found_or_404(webhook_store.find(session, webhook_id), "webhook")
            messages, older = deliveries.read_log(session, webhook_id, PageRequest(ROWS_PER_PAGE, cursor))
        return render_page(
            service, request, who, "webhook.html", status,
            webhook=webhook, deliveries=messages, older=older, secret=secret, event_texts=EVENT_TEXTS,
        )  # fmt: skip

    @router.get(PATH)
    def listed(request: Request, who: Who) -> Response:
        return show_list(request, who)

    @router.post(PATH)
    def register(request: Request, who: Who, sent: FormFields) -> Response:
        """Register a webhook. Its secret is in this response only, so there is no redirect."""
        chosen = sent.getlist("events")
        try:
            with state.writing() as session:
                webhook, secret = webhook_store.create(
                    session, clock(), who.name, sealer, sent.get("name", ""), sent.get("url", ""), chosen
                )
        except InputError as error:
            return show_list(request, who, 422, mistake=str(error), sent=sent, chosen=chosen)
        return show_one(request, who, webhook.id, 201, secret)

    @router.get("/webhooks/{webhook_id}")
    def shown(request: Request, who: Who, webhook_id: Id, cursor: str | None = None) -> Response:
        if cursor is not None and len(cursor) > MAX_CURSOR_LENGTH:
            raise HTTPException(422, "The cursor is too long.")
        return show_one(request, who, webhook_id, cursor=cursor)

    @router.post("/webhooks/{webhook_id}/secret")
    def rotate(request: Request, who: Who, webhook_id: Id) -> Response:
        with state.writing() as session:
            secret = webhook_store.rotate(session, clock(), who.name, sealer, webhook_id)
        return show_one(request, who, webhook_id, 201, found_or_404(secret, "webhook"))

    @router.post("/webhooks/{webhook_id}/test")
    def test(who: Who, webhook_id: Id) -> Response:
        path = f"{PATH}/{webhook_id}"
        with state.writing() as session:
            if found_or_404(webhook_store.find(session, webhook_id), "webhook").disabled is not None:
                return redirect(service, who, path, DISABLED, False)
            deliveries.create_test(session, clock(), webhook_id)
        return redirect(service, who, path, "A test message is being sent; refresh the page to see the answer.")

    @router.post("/webhooks/{webhook_id}/enable")
    def enable(who: Who, webhook_id: Id) -> Response:
        with state.writing() as session:
            found_or_404(webhook_store.enable(session, clock(), who.name, webhook_id), "webhook")
        return redirect(service, who, f"{PATH}/{webhook_id}", "The webhook is enabled.")

    @router.post("/webhooks/{webhook_id}/disable")
    def disable(who: Who, webhook_id: Id) -> Response:
        with state.writing() as session:
            found_or_404(webhook_store.disable(session, clock(), who.name, webhook_id), "webhook")
        return redirect(service, who, f"{PATH}/{webhook_id}", "The webhook is disabled.")

    @router.post("/webhooks/{webhook_id}/remove")
    def remove(who: Who, webhook_id: Id) -> Response:
        with state.writing() as session:
            removed = webhook_store.remove(session, clock(), who.name, webhook_id)
        sentence = "The webhook is deleted." if removed else "The webhook had been deleted already."
        return redirect(service, who, PATH, sentence, removed)

    return (router,)
