"""Sends messages that are due, in a thread beside the engine, so that a slow receiver delays no round.

Receivers are served side by side. At the first failure of a receiver its other messages wait for the next step, so
that one that does not answer costs one attempt at a time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from keyart.errors import KeyartError

from ..engine.lease import Lease
from ..http.outgoing import OutgoingClient, OutgoingFailed
from ..service import Service
from . import deliveries, signature, webhook_store
from .deliveries import DueDelivery
from .webhook import address_check

log = logging.getLogger("keyart.server")
LOCK: Final = 0x6B657963  # "keyc"; migrations and the engine use other locks
STEP_SECONDS: Final = 1.0
STANDBY_SECONDS: Final = 5.0  # retry interval without a database or without the lease
CLEANING_INTERVAL: Final = timedelta(hours=1)
TIMEOUT_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = 64_000
MAX_PARALLEL: Final = 4  # receivers at the same moment


class DeliveryWorker:
    """The worker of one server; only the holder of its lease sends. Links in messages begin with `base_url`."""

    def __init__(self, service: Service, base_url: str) -> None:
        self._service, self._base_url, self._lease = service, base_url, Lease(service.state, LOCK)
        identity = service.settings.identity
        self._client = OutgoingClient(
            identity.outgoing_proxy, address_check(identity.webhook_networks), TIMEOUT_SECONDS, MAX_ANSWER_BYTES
        )
        self._cleaned = datetime.min.replace(tzinfo=UTC)

    def run(self, stop: threading.Event) -> None:
        """Step until `stop` is set."""
        try:
            while not stop.is_set():
                pause = STEP_SECONDS
                try:
                    if self._lease.held():
                        self.step()
                    else:
                        pause = STANDBY_SECONDS
                except SQLAlchemyError as error:
                    log.warning("webhooks are waiting for the database", extra={"error": type(error).__name__})
                    pause = STANDBY_SECONDS
                except Exception:
                    log.exception("a step of the webhooks failed")
                    pause = STANDBY_SECONDS
                stop.wait(pause)
        finally:
            self._lease.release()

    def step(self) -> None:
        """Make messages about what has happened, and send what is due."""
        service = self._service
        with service.state.reading() as session:
            has_news = deliveries.has_news(session)
        while has_news:
            with service.state.writing() as session:
                has_news = deliveries.create_due(session, service.clock(), self._base_url)
        with service.state.reading() as session:
            due = sorted(deliveries.list_due(session, service.clock()), key=attrgetter("webhook_id"))
        by_webhook = [list(group) for _, group in groupby(due, attrgetter("webhook_id"))]
        if by_webhook:
            with ThreadPoolExecutor(MAX_PARALLEL, "webhooks") as pool:
                list(pool.map(self._send_all, by_webhook))
        if service.clock() > self._cleaned + CLEANING_INTERVAL:
            self._cleaned = service.clock()
            with service.state.writing() as session:
                deliveries.delete_old(session, service.clock())

    def _send_all(self, due: Iterable[DueDelivery]) -> None:
        """Send the messages to one receiver, up to the first failure."""
        for delivery in due:
            if not self._send(delivery):
                return

    def _send(self, delivery: DueDelivery) -> bool:
        service, status = self._service, None
        try:
            with service.state.reading() as session:
                keys = webhook_store.signing_keys(session, service.clock(), service.sealer, delivery.webhook_id)
            headers = signature.headers(keys, delivery.id, service.clock(), delivery.body)
            status = self._client.send(
                "POST", delivery.url, {"Content-Type": "application/json", **headers}, delivery.body
            ).status
            outcome = f"The receiver answered {status}."
        except (OutgoingFailed, KeyartError) as error:
            outcome = str(error)
        with service.state.writing() as session:
            deliveries.record(session, service.clock(), delivery.id, status, outcome)
        return deliveries.is_accepted(status)
