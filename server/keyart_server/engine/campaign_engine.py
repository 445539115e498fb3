"""The engine: does what is due now, step by step, according to the database.

A step looks at all campaigns, begins rounds that are due and reads sums that have arrived; rounds themselves run
elsewhere (`round_driver`). The only state between steps is the time of the last maintenance, so a kill loses at most
one step.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from keyart.errors import BundleError, KeyartError, SumRefused
from keyart_federated import campaigns as federated_campaigns

from .. import idempotency
from ..campaigns import Campaign, campaign_store
from ..campaigns.fleet_state import fleet_state
from ..campaigns.waiting import store_reasons
from ..gateway import enrolment
from ..monitoring.audit_follower import AuditFollower
from ..releases import publishing, release_store
from ..releases.deployed_model import current_base
from ..rounds import Round, round_store
from ..rounds.round import GUARD_TOPIC
from ..service import Service
from . import candidate_evaluation, rollout, scheduling
from .engine_metrics import EngineMetrics
from .estimate_codec import encode_estimates
from .lease import Lease
from .round_driver import RoundDriver

log = logging.getLogger("keyart.server")
STEP_SECONDS = 1.0
MAINTENANCE_INTERVAL = timedelta(hours=1)  # between resuming interrupted releases and deleting expired certificates
STANDBY_SECONDS = 5.0  # retry interval without a database or without the lease


class CampaignEngine:
    """The engine of one server; only the holder of the lease steps."""

    def __init__(self, service: Service, driver: RoundDriver) -> None:
        self._service, self._driver, self._lease = service, driver, Lease(service.state)
        self._settled = datetime.min.replace(tzinfo=UTC)
        self._metrics, self._follower = EngineMetrics(service.metrics), AuditFollower(service.metrics)

    def run(self, stop: threading.Event) -> None:
        """Step until `stop` is set."""
        try:
            while not stop.is_set():
                pause = STEP_SECONDS
                try:
                    held = self._lease.held()
                    self._metrics.lease_held.set(held)
                    if held:
                        with self._metrics.step_seconds.time():
                            self.step()
                        self._metrics.last_step.set_to_current_time()
                    else:
                        self._follower.reset()
                        pause = STANDBY_SECONDS
                except SQLAlchemyError as error:
                    self._metrics.failures.labels("database").inc()
                    log.warning("the engine is waiting for the database", extra={"error": type(error).__name__})
                    pause = STANDBY_SECONDS
                except Exception:
                    self._metrics.failures.labels("other").inc()
                    log.exception("an engine step failed")
                    pause = STANDBY_SECONDS
                stop.wait(pause)
        finally:
            self._metrics.lease_held.set(0)
            self._driver.close()
            self._lease.release()

    def step(self) -> None:
        """Do everything that is due now."""
        with self._service.state.reading() as session:
            self._follower.step(session)
            campaigns_by_id = {campaign.id: campaign for campaign in campaign_store.list_all(session)}
            active, answered = round_store.list_active(session), round_store.list_answered(session)
        for round_ in active:
            if campaigns_by_id[round_.campaign_id].state == "stopped" and not round_.topic.startswith(GUARD_TOPIC):
                self._fail(round_, "The campaign was stopped.")
            else:
                self._driver.drive(round_.id, round_.patience)
        for round_ in answered:
            self._read(campaigns_by_id[round_.campaign_id], round_)
        busy_ids = {round_.campaign_id for round_ in (*active, *answered)}
        if self._service.clock() > self._settled + MAINTENANCE_INTERVAL:
            self._settled = self._service.clock()
            publishing.resume_interrupted(self._service)
            with self._service.state.writing() as session:
                enrolment.write_audit_rows(session, self._service.clock())
                enrolment.delete_expired(session, self._service.clock())
                idempotency.delete_expired(session, self._service.clock())
        candidate_evaluation.step(self._service)
        rollout.step(self._service)
        for campaign in campaigns_by_id.values():
            if campaign.state == "running" and campaign.id not in busy_ids:
                with suppress(BundleError):  # /readyz reports a damaged repository
                    self._ask(campaign)
        for name in set(self._service.blocked) - {
            round_.id for round_ in campaigns_by_id.values() if round_.state == "running"
        }:
            self._service.blocked.pop(name, None)
        store_reasons(self._service.state, self._service.blocked)

    def _ask(self, campaign: Campaign) -> None:
        """Begin the next round of the campaign, if it is due."""
        service, at = self._service, self._service.clock()
        with service.state.reading() as session:
            base = current_base(service, session)
            # Failures before a person resumed the campaign do not count.
            rounds = [
                round_
                for round_ in scheduling.recent_rounds(session, campaign.id)
                if round_.changed > campaign.changed
            ]
            memory, number = (
                scheduling.load_campaign_state(session, campaign.id),
                scheduling.next_round_number(session, campaign.id),
            )
            lost = round_store.count_lost(session, campaign.id)
        reason, retry_time = "", scheduling.retry_at(rounds)
        if isinstance(base, str):
            service.blocked[campaign.id] = base
            return
        if scheduling.consecutive_failures(rounds) >= scheduling.MAX_CONSECUTIVE_FAILURES:
            failed = scheduling.MAX_CONSECUTIVE_FAILURES
            reason = f"{failed} rounds in a row have failed. The last failure: {rounds[0].failure}"
        elif retry_time is not None and at < retry_time:
            service.blocked[campaign.id] = f"The last round failed; the next one begins at {retry_time:%H:%M:%S} UTC."
            return
        else:
            try:
                request = federated_campaigns.ask(campaign, memory, number, lost, base, at)
            except KeyartError as error:
                request, reason = None, str(error)
        with service.state.writing() as session:
            now = campaign_store.find(session, campaign.id)
            if now is None or now.state != "running" or scheduling.next_round_number(session, campaign.id) != number:
                return  # a person has changed the campaign meanwhile
            if reason or request is None:
                scheduling.pause_campaign(service, session, campaign, reason)
            elif isinstance(request, federated_campaigns.Wait):
                service.blocked[campaign.id] = request.reason
            elif isinstance(request, federated_campaigns.Finished):
                campaign_store.move(session, at, "server", campaign.id, "finish")
            elif refusal := scheduling.begin_round(
                service, session, campaign, number, request, request.offer.topic or campaign.kind
            ):
                scheduling.pause_campaign(service, session, campaign, refusal)

    def _read(self, campaign: Campaign, round_: Round) -> None:
        """Read the sum of a round; the result is stored in the transaction that ends the round."""
        service = self._service
        with service.state.reading() as session:
            open_round = round_store.find_open(session, round_.id)
            base = current_base(service, session)
            memory = scheduling.load_campaign_state(session, campaign.id)
        if open_round is None or isinstance(base, str):
            return
        try:
            private_sum = federated_campaigns.PrivateSum(
                federated_campaigns.own_offer(open_round.offer),
                round_store.total_of(open_round),
                round_.survivors,
                open_round.waiting,
            )
            # Recorded for the number of devices by model version.
            installed = {"installed": private_sum.offer.model_version}
            if round_.evaluates_release:
                try:
                    result = encode_estimates(federated_campaigns.read_comparison(private_sum, base))
                except SumRefused as error:  # the same devices would be charged again for the same hostile sum
                    result = {**encode_estimates({}), "used": False, "reason": str(error)}
                with service.state.writing() as session:
                    round_store.finish(session, service.clock(), round_.id, {**result, **installed})
                return
            outcome = federated_campaigns.read(campaign, memory, private_sum, base)
        except Exception as error:  # one unreadable sum must not stop the others
            log.exception(
                "the sum of a round could not be read", extra={"campaign": campaign.id, "round": round_.number}
            )
            self._fail(round_, scheduling.describe_error(error))
            return
        with service.state.writing() as session:
            if outcome.candidate is not None:
                release_store.propose(
                    session, service.clock(), "server", outcome.candidate,
                    campaign_id=campaign.id, number=round_.number, base=base.version,
                    plan=federated_campaigns.rollout_plan_of(campaign, fleet_state(self._service, session)),
                )  # fmt: skip
            scheduling.save_campaign_state(session, campaign.id, round_.number, outcome.state)
            round_store.finish(session, service.clock(), round_.id, {**outcome.result, **installed})

    def _fail(self, round_: Round, reason: str) -> None:
        with self._service.state.writing() as session:
            round_store.fail(session, self._service.clock(), round_.id, reason)
