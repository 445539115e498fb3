"""A load test of the gateway over loopback: masked updates of consecutive rounds, and polls of idle devices.

The gateway runs in its own process; its cost is the processor time of that process, as Linux counts it. The devices
are light connections of this process, so their vectors are random bytes: the gateway handles them in the same way.
Requests are sent when they are due, whether or not earlier ones were answered, and latency counts from then.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import insert

from keyart.secagg import REPLY_FLAG, SHARE_BYTES, AggregationParameters, Stage, message_header
from keyart_federated.accounting import Skellam
from keyart_server import budget
from keyart_server.campaigns import campaign_store
from keyart_server.gateway.discovery import poll_seconds
from keyart_server.gateway.tickets import Ticket
from keyart_server.rounds import round_store, stage_windows
from keyart_server.state import ServerState
from keyart_server.state.tables import EnrolledDeviceRow, MemberRow, RoundRow, StageRequestRow

from .gateway_process import GatewayProcess, can_be_measured, postgres_database, run_gateway, sqlite_database
from .http_connections import HttpConnection, request_head, send_requests
from .interleaved_timing import percentile
from .measurement import Measurement, NotMeasured

GROUP: Final = "gateway"
SIZE, BITS, NEIGHBOURS = 20_000, 32, 56
UPDATES_PER_SECOND, ROUND_SECONDS, CONNECTIONS = 500, 10, 64
IDLE_DEVICES: Final = 10_000
MAX_UPDATE_MS, MAX_TAIL_MS, MAX_GROWTH_MIB, MAX_IDLE_PERCENT = 1000 / UPDATES_PER_SECOND, 250.0, 16.0, 10.0
NAME: Final = "main"
STAGE_TIMEOUT_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class GatewayLoad:
    """The measured load.

    Attributes:
        cpu_ms: processor time of the gateway per request, in ms.
        latencies_ms: time from when each request was due to its answer, in ms.
        a_second: accepted requests per second.
        growth_mib: growth of resident memory after the warm-up, in MiB; NaN without a warm-up.
    """

    cpu_ms: float
    latencies_ms: list[float]
    a_second: float
    growth_mib: float

    @property
    def tail_ms(self) -> float:
        """Return the 99th percentile of the latencies."""
        return percentile(self.latencies_ms, 0.99)


def rows(seconds: float) -> tuple[list[Measurement], list[NotMeasured]]:
    """Measure masked updates for `seconds` on each database, and polls on SQLite.

    Raises:
        KeyartError: a request was not accepted.
    """
    if not can_be_measured():
        return [], [NotMeasured(GROUP, "processor time of another process is read from /proc, which is not here.")]
    measurements, absent = [], []
    with tempfile.TemporaryDirectory(prefix="keyart-bench-") as folder:
        for name, database in (("SQLite", sqlite_database(Path(folder))), ("Postgres", postgres_database())):
            try:
                with database as url, closing(ServerState.open(url)) as state, run_gateway(url, NAME) as process:
                    measurements += _update_rows(name, asyncio.run(measure_updates(state, process, seconds)))
                    if name == "SQLite":
                        measurements.append(_idle_row(asyncio.run(measure_polls(state, process, min(seconds, 60.0)))))
            except psycopg.OperationalError as error:
                absent.append(NotMeasured(f"{GROUP} on {name}", str(error).splitlines()[0]))
    return measurements, absent


def _update_rows(name: str, measured: GatewayLoad) -> list[Measurement]:
    note = f"offered {UPDATES_PER_SECOND} a second, accepted {measured.a_second:.0f}"
    name = f"masked update, {SIZE:,} × {BITS} bits, {name}"
    return [
        Measurement(GROUP, f"{name}, processor", measured.cpu_ms, "ms", reach=MAX_UPDATE_MS, note=note),
        Measurement(GROUP, f"{name}, until accepted (p99)", measured.tail_ms, "ms", reach=MAX_TAIL_MS, note=note),
        Measurement(GROUP, f"{name}, memory growth", measured.growth_mib, "MiB", reach=MAX_GROWTH_MIB, note=note),
    ]


def _idle_row(measured: GatewayLoad) -> Measurement:
    percent = measured.cpu_ms / 1000 * measured.a_second * 100
    note = f"{measured.a_second:.0f} polls a second, each on a connection of its own"
    return Measurement(
        GROUP, f"{IDLE_DEVICES:,} idle devices, of a core", percent, "%", reach=MAX_IDLE_PERCENT, note=note
    )


class _MaskedRounds:
    """Rounds at the stage of masked updates, one after another."""

    def __init__(self, state: ServerState, members: int) -> None:
        self._state, self._members, self._last = state, members, ""
        with state.writing() as session:
            at = datetime.now(UTC)
            budget.configure(session, at, 8.0, 1e-6)
            self._campaign = campaign_store.create(session, at, "server", "bench", "training").id
        self._number = 0

    def next(self) -> list[list[bytes]]:
        """Start a new round and return one request per member."""
        at, terms = datetime.now(UTC), AggregationParameters(SIZE, BITS, 1 << 10, 700, 2, os.urandom(32))
        packets = min(NEIGHBOURS, self._members - 1)
        round_id, self._number = terms.round_id.hex(), self._number + 1
        with self._state.writing() as session:
            if self._last:
                round_store.fail(session, at, self._last, "measured")
            round_store.start(
                session, at, self._campaign, self._number, "", b"", terms, Skellam(20.0, 64.0, 8), b"",
                wanted=self._members, patience=STAGE_TIMEOUT_SECONDS,
            )  # fmt: skip
            row = session.get_one(RoundRow, round_id)
            row.standing = "masked"
            stage_windows.open_window(session, at, terms, Stage.MASKED, NAME, self._members, STAGE_TIMEOUT_SECONDS)
            numbers = range(self._members)
            round_key: dict[str, Any] = {"round_id": round_id}
            members = [{**round_key, "number": n, "device_key_hash": f"{n:064x}", "gateway": NAME} for n in numbers]
            request = {**round_key, "stage": int(Stage.MASKED), "packets": packets, "message": b"packets"}
            session.execute(insert(MemberRow.__table__), members)  # type: ignore[arg-type]
            session.execute(insert(StageRequestRow.__table__), [{**request, "number": n} for n in numbers])  # type: ignore[arg-type]
            key = row.key
        self._last = round_id
        pads, lanes = os.urandom(packets * SHARE_BYTES), os.urandom(terms.vector_bytes)
        content = message_header(Stage.MASKED | REPLY_FLAG, terms.round_id) + pads + lanes
        path = f"/device/rounds/{round_id}/masked"
        tickets = (Ticket(n, NAME, f"{n:064x}").to_text(key, terms.round_id) for n in numbers)
        return [
            [request_head("POST", path, f"Authorization: Ticket {ticket}", len(content)), content]
            for ticket in tickets
        ]


async def measure_updates(state: ServerState, process: GatewayProcess, seconds: float) -> GatewayLoad:
    """Send masked updates at `UPDATES_PER_SECOND`, after a warm-up round."""
    each = min(seconds, ROUND_SECONDS)
    rounds = _MaskedRounds(state, round(UPDATES_PER_SECOND * each))
    links = [HttpConnection(process.port) for _ in range(CONNECTIONS)]
    resident, cpu_seconds, spent, latencies = float("nan"), 0.0, 0.0, []
    try:
        for turn in range(1 + round(seconds / each)):
            requests = await asyncio.to_thread(rounds.next)
            before, began = process.cpu_seconds(), time.perf_counter()
            taken = await send_requests(links, requests, UPDATES_PER_SECOND, 204)
            if turn:
                cpu_seconds += process.cpu_seconds() - before
                spent += time.perf_counter() - began
                latencies += taken
            else:
                resident = process.resident_mib()
    finally:
        for link in links:
            link.close()
    accepted = len(latencies)
    return GatewayLoad(1000 * cpu_seconds / accepted, latencies, accepted / spent, process.resident_mib() - resident)


async def measure_polls(state: ServerState, process: GatewayProcess, seconds: float) -> GatewayLoad:
    """Poll for current campaigns as often as `IDLE_DEVICES` enrolled devices do."""
    at = datetime.now(UTC)
    with state.writing() as session:
        enrolled = [
            {"device_key_hash": f"{n:064x}", "by": "bench", "at": at, "expires": datetime.max.replace(tzinfo=UTC)}
            for n in range(IDLE_DEVICES)
        ]
        session.execute(insert(EnrolledDeviceRow.__table__), enrolled)  # type: ignore[arg-type]
    with state.reading() as session:
        a_second = IDLE_DEVICES / poll_seconds(session, at)
    request = [request_head("GET", "/device/current", "Connection: close", 0)]
    before, began = process.cpu_seconds(), time.perf_counter()
    latencies = await send_requests(None, [request] * round(a_second * seconds), a_second, 200, process.port)
    cpu_seconds = process.cpu_seconds() - before
    polled = len(latencies)
    return GatewayLoad(1000 * cpu_seconds / polled, latencies, polled / (time.perf_counter() - began), float("nan"))
