"""Metrics of the fleet, read from the database and the bundle repository at the moment of a scrape.

A value that is unknown is absent: while the database is away, nothing that is read from it is exported but
`keyart_database_up`. The conditions are those of the dashboard's "Action required" (`dashboard.alerts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from keyart.errors import KeyartError
from keyart_federated.campaigns.campaign import STANDINGS

from .. import budget
from ..budget.forecast import Forecast, forecast
from ..bundles import PublishedBundles
from ..campaigns import campaign_store
from ..campaigns.waiting import waiting_reasons
from ..catalogs import catalog_store
from ..releases import release_store
from ..releases.release import RELEASE_STATUSES
from ..releases.release_facts import facts_by_version
from ..rounds import ACTIVE, ENDED, round_store, stage_windows
from ..state import ServerState
from ..state.tables import AuditRow
from ..webhooks import webhook_store
from .database_metrics import database_up

FORECAST_LIFETIME: Final = timedelta(minutes=5)  # the forecast reads every charge
ROUND_STATUSES: Final = (*ACTIVE, "answered", *ENDED)


@dataclass(frozen=True, slots=True)
class FleetState:
    """The state of the fleet, as the database has it."""

    campaigns: Mapping[str, int]
    rounds: Mapping[str, int]
    releases: Mapping[str, int]
    overdue_seconds: float | None
    paused_by_server: int
    budget: budget.Budget
    forecast: Forecast
    gateways: int
    silent: int
    backup: datetime | None
    webhooks_disabled: int
    rollbacks_pending: int
    has_catalog: bool


class FleetCollector(Collector):
    """Collects the metrics of the fleet.

    Attributes:
        blocked: why running campaigns start no round, by campaign id; None if this process runs no campaigns.
    """

    def __init__(
        self,
        state: ServerState,
        bundles: PublishedBundles,
        clock: Callable[[], datetime],
        blocked: Mapping[str, str] | None,
    ) -> None:
        self._state, self._bundles, self._clock = state, bundles, clock
        self._blocked = blocked
        self._forecast: tuple[datetime, float, Forecast] | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        try:
            with self._state.reading() as session:
                fleet = self._read(session, self._clock())
        except SQLAlchemyError:
            yield database_up(False)
        else:
            yield database_up(True)
            yield from _fleet(fleet)
        yield from self._repository()
        if self._blocked is not None:
            yield GaugeMetricFamily(
                "keyart_campaigns_blocked", "Running campaigns that start no round for now.", len(self._blocked)
            )

    def _read(self, session: Session, at: datetime) -> FleetState:
        heartbeats = stage_windows.last_heartbeats(session)
        alive = [name for name, when in heartbeats.items() if stage_windows.is_alive(when, at)]
        recent = [name for name, when in heartbeats.items() if when >= at - stage_windows.REMOVED_AFTER]
        active, fleet_budget = round_store.list_active(session), budget.fleet_budget(session)
        facts = facts_by_version(release_store.list_all(session))
        backups = select(func.max(AuditRow.at)).where(AuditRow.action == "state.backup")
        return FleetState(
            campaigns=campaign_store.count_by_state(session),
            rounds=round_store.count_by_status(session),
            releases=release_store.count_by_status(session),
            overdue_seconds=max(
                ((at - round_.changed).total_seconds() - round_.patience for round_ in active), default=None
            ),
            paused_by_server=len(waiting_reasons(session, campaign_store.list_all(session, "paused"))),
            budget=fleet_budget,
            forecast=self._forecast_of(session, fleet_budget, at),
            gateways=len(alive),
            silent=len(recent) - len(alive),
            backup=session.scalar(backups),
            webhooks_disabled=sum(bool(hook.disabled and hook.reason) for hook in webhook_store.list_all(session)),
            rollbacks_pending=sum(fact.rollback == "pending" for fact in facts.values()),
            has_catalog=catalog_store.newest(session) is not None,
        )

    def _forecast_of(self, session: Session, fleet_budget: budget.Budget, at: datetime) -> Forecast:
        if self._forecast is not None:
            made, left, known = self._forecast
            if left == fleet_budget.left and at - made < FORECAST_LIFETIME:
                return known
        made_now = forecast(budget.list_charges(session), fleet_budget, at)
        self._forecast = at, fleet_budget.left, made_now
        return made_now

    def _repository(self) -> Iterator[Metric]:
        damaged = False
        try:
            newest, expires = self._bundles.newest(), self._bundles.expires()
        except KeyartError:
            newest, expires, damaged = None, None, True
        yield GaugeMetricFamily(
            "keyart_bundles_damaged", "1 if the repository of signed bundles cannot be read.", int(damaged)
        )
        yield _optional("keyart_bundle_version", "Model version of the newest signed bundle.", newest)
        yield _optional(
            "keyart_bundle_expires_timestamp_seconds",
            "Expiry of the signed timestamp of the bundle repository, as Unix time.",
            None if expires is None else expires.timestamp(),
        )


def _fleet(fleet: FleetState) -> Iterator[Metric]:
    yield _counts("keyart_campaigns", "Campaigns by state.", "state", STANDINGS, fleet.campaigns)
    yield GaugeMetricFamily("keyart_catalog_loaded", "1 if the server has a catalogue.", int(fleet.has_catalog))
    yield GaugeMetricFamily(
        "keyart_campaigns_paused_by_server",
        "Campaigns that the server has paused because they need a person.",
        fleet.paused_by_server,
    )
    yield _counts("keyart_rounds", "Rounds by status.", "status", ROUND_STATUSES, fleet.rounds)
    yield _optional(
        "keyart_round_overdue_seconds",
        "Time by which the current stage of an active round exceeds its timeout; the largest of all.",
        None if fleet.overdue_seconds is None else max(0.0, fleet.overdue_seconds),
    )
    yield GaugeMetricFamily(
        "keyart_rollbacks_pending",
        "Withdrawn releases that devices keep until a rollback is published.",
        fleet.rollbacks_pending,
    )
    yield GaugeMetricFamily(
        "keyart_webhooks_disabled", "Webhooks that the server has disabled.", fleet.webhooks_disabled
    )
    yield _counts("keyart_releases", "Releases by status.", "status", RELEASE_STATUSES, fleet.releases)
    yield GaugeMetricFamily(
        "keyart_epsilon_spent", "Privacy budget (epsilon) that the fleet has spent.", fleet.budget.spent
    )
    yield GaugeMetricFamily("keyart_epsilon_budget", "Privacy budget (epsilon) of the fleet.", fleet.budget.epsilon)
    yield GaugeMetricFamily(
        "keyart_epsilon_next_round",
        "Privacy budget (epsilon) that another round like the last one would spend.",
        fleet.forecast.next_round_epsilon,
    )
    exhausted_at = fleet.forecast.exhausted_at
    yield _optional(
        "keyart_epsilon_exhausted_timestamp_seconds",
        "Time at which the privacy budget is exhausted at the current rate, as Unix time.",
        None if exhausted_at is None else exhausted_at.timestamp(),
    )
    yield GaugeMetricFamily(
        "keyart_gateways", "Gateways with a heartbeat within the last five minutes.", fleet.gateways
    )
    yield GaugeMetricFamily(
        "keyart_gateways_silent",
        "Gateways whose last heartbeat is more than five minutes and less than a day old.",
        fleet.silent,
    )
    yield _optional(
        "keyart_backup_timestamp_seconds",
        "Time of the newest backup, as Unix time.",
        None if fleet.backup is None else fleet.backup.timestamp(),
    )


def _optional(name: str, documentation: str, value: float | None) -> Metric:
    """Return a gauge that has no value if there is none."""
    family = GaugeMetricFamily(name, documentation)
    if value is not None:
        family.add_metric((), value)
    return family


def _counts(name: str, documentation: str, label: str, values: tuple[str, ...], counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=(label,))
    for value in values:
        family.add_metric((value,), counts.get(value, 0))
    return family
