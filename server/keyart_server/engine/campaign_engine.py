"""The engine: what is to be done now, step by step, from what stands in the database.

A step looks at all campaigns, begins what is due and reads what has come in; rounds themselves go on elsewhere
(`driver`). Nothing is remembered between two steps, but when it last looked for half published bundles, so a kill at
any moment costs no more than the step.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from keyart.errors import BundleError, KeyartError
from keyart_federated import campaigns as kinds

from ..campaigns import Campaign, campaign_store
from ..gateway import enrolment
from ..releases import publishing, release_store
from ..rounds import Round, round_store
from ..rounds.round import GUARD
from ..service import Service
from . import candidate_evaluation, rollout, scheduling
from .lease import Lease
from .round_driver import Driver

log = logging.getLogger("keyart.server")
STEP_SECONDS = 1.0
SETTLE = timedelta(hours=1)  # between two looks for what is half published, and at the certificates of devices
AWAY_SECONDS = 5.0  # between two looks for a database that does not answer, or for a lease that another one holds


class Engine:
    """Of one server. `run` steps until `stop` is set; only whoever holds the lease does."""

    def __init__(self, service: Service, driver: Driver) -> None:
        self._service, self._driver, self._lease = service, driver, Lease(service.state)
        self._settled = datetime.min.replace(tzinfo=UTC)

    def run(self, stop: threading.Event) -> None:
        """Until it is told to stop."""
        try:
            while not stop.is_set():
                pause = STEP_SECONDS
                try:
                    if self._lease.held():
                        self.step()
                    else:
                        pause = AWAY_SECONDS
                except SQLAlchemyError as error:
                    log.warning("the engine waits for the database", extra={"error": type(error).__name__})
                    pause = AWAY_SECONDS
                except Exception:
                    log.exception("a step of the engine failed")
                    pause = AWAY_SECONDS
                stop.wait(pause)
        finally:
            self._driver.close()
            self._lease.release()

    def step(self) -> None:
        """Does what is due now."""
        with self._service.state.reading() as session:
            every = {campaign.id: campaign for campaign in campaign_store.every(session)}
            going_on, answered = round_store.going_on(session), round_store.answered(session)
        for one in going_on:
            if every[one.campaign_id].state == "stopped" and not one.topic.startswith(GUARD):
                self._fail(one, "The campaign was stopped.")
            else:
                self._driver.drive(one.id, one.patience)
        for one in answered:
            self._read(every[one.campaign_id], one)
        busy = {one.campaign_id for one in (*going_on, *answered)}
        if self._service.clock() > self._settled + SETTLE:
            self._settled = self._service.clock()
            publishing.settle(self._service)
            with self._service.state.writing() as session:
                enrolment.tell(session, self._service.clock())
                enrolment.forget(session, self._service.clock())
        candidate_evaluation.step(self._service)
        rollout.step(self._service)
        for campaign in every.values():
            if campaign.state == "running" and campaign.id not in busy:
                with suppress(BundleError):  # a damaged repository is told by /readyz
                    self._ask(campaign)
        for name in set(self._service.waiting) - {one.id for one in every.values() if one.state == "running"}:
            self._service.waiting.pop(name, None)

    def _ask(self, campaign: Campaign) -> None:
        """The next round, if it is due."""
        service, at = self._service, self._service.clock()
        with service.state.reading() as session:
            base = scheduling.base_of(service, session)
            # Of those before a person resumed it, that person knows.
            rounds = [one for one in scheduling.history(session, campaign.id) if one.changed > campaign.changed]
            memory, number = scheduling.memory_of(session, campaign.id), scheduling.next_number(session, campaign.id)
            lost = round_store.lost(session, campaign.id)
        reason, until = "", scheduling.pause_after(rounds)
        if isinstance(base, str):
            service.waiting[campaign.id] = base
            return
        if scheduling.failures(rounds) >= scheduling.MOST_FAILURES:
            reason = f"{scheduling.MOST_FAILURES} rounds in a row have failed. The last one: {rounds[0].failure}"
        elif until is not None and at < until:
            service.waiting[campaign.id] = f"Its last round failed; the next one begins {until:%H:%M:%S} UTC."
            return
        else:
            try:
                asked = kinds.ask(campaign, memory, number, lost, base, at)
            except KeyartError as error:
                asked, reason = None, str(error)
        with service.state.writing() as session:
            now = campaign_store.find(session, campaign.id)
            if now is None or now.state != "running" or scheduling.next_number(session, campaign.id) != number:
                return  # a person was quicker
            if reason or asked is None:
                scheduling.halt(service, session, campaign, reason)
            elif isinstance(asked, kinds.Wait):
                service.waiting[campaign.id] = asked.reason
            elif isinstance(asked, kinds.Finished):
                campaign_store.move(session, at, "server", campaign.id, "finish")
            elif refused := scheduling.begin(
                service, session, campaign, number, asked, asked.offer.topic or campaign.kind
            ):
                scheduling.halt(service, session, campaign, refused)

    def _read(self, campaign: Campaign, one: Round) -> None:
        """What a sum tells, in the transaction that ends its round."""
        service = self._service
        with service.state.reading() as session:
            opened = round_store.opened(session, one.id)
            base = scheduling.base_of(service, session)
            memory = scheduling.memory_of(session, campaign.id)
        if opened is None or isinstance(base, str):
            return
        try:
            summed = kinds.PrivateSum(
                kinds.own_offer(opened.offer), round_store.total_of(opened), one.survivors, opened.waiting
            )
            # Of all devices of the round, for the count of them by version.
            installed = {"installed": summed.offer.model_version}
            if one.judges:
                told = candidate_evaluation.read(summed, base)
                with service.state.writing() as session:
                    round_store.finish(session, service.clock(), one.id, {**told, **installed})
                return
            read = kinds.read(campaign, memory, summed, base)
        except Exception as error:  # a sum that cannot be read must not stop the others
            log.exception("a sum could not be read", extra={"campaign": campaign.id, "round": one.number})
            self._fail(one, scheduling.sentence(error))
            return
        with service.state.writing() as session:
            if read.candidate is not None:
                release_store.propose(
                    session, service.clock(), "server", read.candidate,
                    campaign_id=campaign.id, number=one.number, base=base.version,
                    plan=kinds.rollout_plan_of(campaign),
                )  # fmt: skip
            scheduling.keep(session, campaign.id, one.number, read.state)
            round_store.finish(session, service.clock(), one.id, {**read.result, **installed})

    def _fail(self, one: Round, reason: str) -> None:
        with self._service.state.writing() as session:
            round_store.fail(session, self._service.clock(), one.id, reason)
