"""Metrics and traces of the database as one process uses it: connections, transactions and errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import QueuePool

from . import tracing
from .metrics import BUCKETS_SECONDS, Metrics

if TYPE_CHECKING:
    from opentelemetry.trace import Span

BEGAN: Final = "keyart_began"  # key of the transaction's start in the `info` of a connection


def watch_database(engine: Engine, metrics: Metrics) -> None:
    """Record the transactions and errors of an engine."""
    seconds = metrics.histogram(
        "keyart_database_transaction_seconds",
        "Time from the beginning of a database transaction to its commit or rollback.",
        BUCKETS_SECONDS,
        ("mode",),
    )
    errors = metrics.counter(
        "keyart_database_errors_total", "Errors that the database or its driver raised.", ("error",)
    )

    def began(connection: Connection) -> None:
        connection.info[BEGAN] = time.perf_counter(), _start_span(connection)

    def ended(connection: Connection) -> None:
        start, span = connection.info.pop(BEGAN, (None, None))
        if start is not None:
            seconds.labels(_mode(connection)).observe(time.perf_counter() - start)
        if span is not None:
            span.end()

    def failed(context: ExceptionContext) -> None:
        errors.labels(type(context.sqlalchemy_exception or context.original_exception).__name__).inc()

    event.listen(engine, "begin", began)
    event.listen(engine, "commit", ended)
    event.listen(engine, "rollback", ended)
    event.listen(engine, "handle_error", failed)


def _mode(connection: Connection) -> str:
    return "write" if connection.get_execution_options().get("keyart_writes", False) else "read"


def _start_span(connection: Connection) -> Span | None:
    """Start the span of a transaction; it holds no statement, whose values may be anything."""
    return tracing.start_transaction(
        {"db.system.name": connection.dialect.name, "keyart.database.mode": _mode(connection)}
    )


class DatabaseCollector(Collector):
    """Collects the connections of the pool at the moment of a scrape."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Yield the connections by state, and how many there may be."""
        pool: Any = self._engine.pool
        if not isinstance(pool, QueuePool):
            return
        connections = GaugeMetricFamily(
            "keyart_database_connections", "Database connections of this process by state.", labels=("state",)
        )
        connections.add_metric(("in_use",), pool.checkedout())
        connections.add_metric(("idle",), pool.checkedin())
        yield connections
        maximum = pool.size() + max(pool._max_overflow, 0)
        yield GaugeMetricFamily(
            "keyart_database_connections_max", "Database connections that this process may open.", maximum
        )


def database_up(is_up: bool) -> Metric:
    """Return the metric that tells whether the database answers."""
    return GaugeMetricFamily("keyart_database_up", "1 if the database answers, 0 if it does not.", int(is_up))


class PingCollector(Collector):
    """Collects whether the database answers, for a process that reads nothing else of it."""

    def __init__(self, reachable: Callable[[], bool]) -> None:
        self._reachable = reachable

    def collect(self) -> Iterator[Metric]:
        """Yield `keyart_database_up`."""
        yield database_up(self._reachable())
