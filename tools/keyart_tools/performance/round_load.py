"""A load test of a whole round over loopback: synthetic members, a real gateway process, a real database.

Masked updates are sent at a fixed rate, whether or not earlier ones were answered, and their latency counts from when
they were due. All other requests are sent as fast as the gateway answers them. Between the stages this process does
the work of relay and server: it collects what the database holds, verifies it, and stores the next requests.
"""

from __future__ import annotations

import asyncio
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg
from sqlalchemy import func, select, text

from keyart.errors import KeyartError, SettingError
from keyart.secagg import Stage
from keyart_server.state import ServerState
from keyart_server.state.tables import MemberRow, PartialSumRow, StageRequestRow, SubmissionRow

from .gateway_process import (
    GatewayProcess,
    can_be_measured,
    postgres_database,
    run_gateway,
    sqlite_database,
)
from .http_connections import HttpConnection, send_in_turn, send_requests
from .interleaved_timing import percentile
from .synthetic_round import SIZE, SyntheticRound

FORMAT: Final = "keyart-bench-round/1"
GATEWAY: Final = "front"  # it has no cohort of its own, so members join those of the round
CONNECTIONS: Final = 64
CHUNK: Final = 5_000  # requests that are made before they are sent, and timed as a group
MIN_MEMBERS: Final = 100  # below this every member is every other's neighbour
MIN_UPDATES_A_CORE_SECOND, MAX_TAIL_MS = 500.0, 250.0
TABLES: Final = (MemberRow, StageRequestRow, SubmissionRow, PartialSumRow)


@dataclass(frozen=True, slots=True)
class RequestLoad:
    """The load of one kind of request, which every member sends once.

    Attributes:
        name: method and stage.
        requests: accepted requests.
        seconds: time in which they were sent and answered.
        cpu_ms: processor time of the gateway per request; the median over groups of `CHUNK` requests.
        median_ms, p99_ms: latency.
    """

    name: str
    requests: int
    seconds: float
    cpu_ms: float
    median_ms: float
    p99_ms: float

    @property
    def a_core_second(self) -> float:
        """Return the requests that one busy core would serve in a second."""
        return 1000 / self.cpu_ms


@dataclass(frozen=True, slots=True)
class RoundLoad:
    """The measured round.

    Attributes:
        members: number of members.
        size: entries of a vector, of 32 bits each.
        neighbours: neighbours of each member.
        database: SQLite or Postgres.
        rate: offered masked updates per second.
        requests: every kind of request, in order.
        server_seconds: processor time of relay and server between the stages, by the stage that they closed.
        rows: rows of each table at the end of the round, before they are deleted.
        stored_bytes: what the database holds of the round then, with its indexes.
        forget_seconds: time in which the rows are deleted.
        gateway_mib: resident memory of the gateway at the end.
        server_mib: growth of the memory of relay and server, which includes the load generator's, at its highest.
        busy: processor time that other processes took meanwhile, Postgres among them, as a share of all cores.
    """

    members: int
    size: int
    neighbours: int
    database: str
    rate: float
    requests: list[RequestLoad]
    server_seconds: dict[str, float]
    rows: dict[str, int]
    stored_bytes: int
    forget_seconds: float
    gateway_mib: float
    server_mib: float
    busy: float

    @property
    def masked(self) -> RequestLoad:
        """Return the load of masked updates."""
        return next(load for load in self.requests if load.name == "POST masked")

    @property
    def gateway_ms(self) -> float:
        """Return the processor time of the gateway for one member, over all requests, in ms."""
        return sum(load.cpu_ms for load in self.requests)

    @property
    def server_ms(self) -> float:
        """Return the processor time of relay and server for one member, in ms."""
        return 1000 * sum(self.server_seconds.values()) / self.members

    def to_dict(self) -> dict[str, Any]:
        """Return the document of round.json."""
        return {"format": FORMAT, **asdict(self), "gateway_ms": self.gateway_ms, "server_ms": self.server_ms}


def measure_round_load(
    members: int,
    rate: float,
    seed: int,
    limit_seconds: float,
    tell: Callable[[int, int], None],
    *,
    size: int = SIZE,
    sqlite: bool = False,
) -> RoundLoad:
    """Run a round of synthetic members through a gateway.

    Args:
        members: number of members.
        rate: masked updates per second that are offered.
        seed: of all that members send.
        limit_seconds: the measurement is given up after this time.
        tell: called with the number of answered requests and the total number.
        size: entries of a vector.
        sqlite: use SQLite; by default Postgres.

    Raises:
        SettingError: too few members, or a rate that is not positive.
        KeyartError: an answer was not as expected, the sum is wrong, the time is over, or there is no Postgres.
    """
    if members < MIN_MEMBERS:
        raise SettingError(f"A round of {members} members is too small to measure; take at least {MIN_MEMBERS}.")
    if rate <= 0:
        raise SettingError(f"The rate must be positive, not {rate}.")
    if not can_be_measured():
        raise KeyartError("The processor time of the gateway is read from /proc, which is not here; run it on Linux.")
    with tempfile.TemporaryDirectory(prefix="keyart-bench-") as folder:
        try:
            with (
                sqlite_database(Path(folder)) if sqlite else postgres_database() as url,
                closing(ServerState.open(url)) as state,
            ):
                round_ = SyntheticRound(state, members, seed, size)
                with run_gateway(url, GATEWAY, round_.issuer) as process:
                    measured = _Measurement(state, round_, process, rate, limit_seconds, tell)
                    return asyncio.run(measured.run("SQLite" if sqlite else "Postgres"))
        except psycopg.OperationalError as error:
            raise KeyartError(
                f"No Postgres answers: {str(error).splitlines()[0]} "
                f"Name one in KEYART_TEST_POSTGRES, or give --sqlite."
            ) from None


@dataclass
class _Measurement:
    state: ServerState
    round_: SyntheticRound
    process: GatewayProcess
    rate: float
    limit_seconds: float
    tell: Callable[[int, int], None]
    answered: int = 0
    loads: list[RequestLoad] = field(default_factory=list)
    server_seconds: dict[str, float] = field(default_factory=dict)

    async def run(self, database: str) -> RoundLoad:
        round_, began, others, memory = self.round_, time.perf_counter(), _cpu_of_all(), _peak_mib()
        links = [HttpConnection(self.process.port) for _ in range(CONNECTIONS)]
        try:
            async with asyncio.timeout(self.limit_seconds):
                for stage in Stage:
                    if stage is not Stage.KEYS:
                        await self._send(f"GET {stage.name.lower()}", round_.asks(stage, CHUNK), links, 200)
                    hoped = 200 if stage is Stage.KEYS else 204
                    await self._send(f"POST {stage.name.lower()}", round_.submissions(stage, CHUNK), links, hoped)
                    before = time.process_time()
                    await asyncio.to_thread(round_.advance, stage)
                    self.server_seconds[stage.name.lower()] = time.process_time() - before
        except TimeoutError:
            done = ", ".join(load.name for load in self.loads) or "nothing"
            raise KeyartError(
                f"The round was given up after {self.limit_seconds:.0f} s; done by then: {done}. "
                "Measure fewer members, or give it more time with --minutes."
            ) from None
        finally:
            for link in links:
                link.close()
        elapsed = time.perf_counter() - began
        own = self.process.cpu_seconds() + time.process_time()
        busy = max(0.0, _cpu_of_all() - others - own) / (elapsed * (os.cpu_count() or 1))
        rows, stored = self._stored()
        mib, before = self.process.resident_mib(), time.perf_counter()
        round_.forget()
        return RoundLoad(
            round_.members, round_.parameters.size, round_.neighbours, database, self.rate, self.loads,
            self.server_seconds, rows, stored, time.perf_counter() - before, mib, _peak_mib() - memory, busy,
        )  # fmt: skip

    async def _send(
        self, name: str, chunks: Iterator[list[list[bytes]]], links: list[HttpConnection], hoped: int
    ) -> None:
        latencies, cpu_ms, seconds = list[float](), list[float](), 0.0
        while (requests := await asyncio.to_thread(next, chunks, None)) is not None:
            before, began = self.process.cpu_seconds(), time.perf_counter()
            if name == "POST masked":
                latencies += await send_requests(links, requests, self.rate, hoped)
            else:
                latencies += await send_in_turn(links, requests, hoped)
            seconds += time.perf_counter() - began
            cpu_ms.append(1000 * (self.process.cpu_seconds() - before) / len(requests))
            self.answered += len(requests)
            self.tell(self.answered, self.round_.members * (2 * len(Stage) - 1))
        median_ms, p99_ms = (percentile(latencies, share) for share in (0.5, 0.99))
        self.loads.append(RequestLoad(name, len(latencies), seconds, median(cpu_ms), median_ms, p99_ms))

    def _stored(self) -> tuple[dict[str, int], int]:
        with self.state.reading() as session:
            rows = {
                table.__tablename__: session.scalars(select(func.count()).select_from(table)).one()
                for table in TABLES
            }
            if session.get_bind().dialect.name == "postgresql":
                size = "SELECT pg_total_relation_size(cast(:name AS regclass))"
                return rows, sum(session.scalar(text(size), {"name": name}) or 0 for name in rows)
            pages, page = (session.scalar(text(f"PRAGMA {name}")) or 0 for name in ("page_count", "page_size"))
            return rows, pages * page


def _peak_mib() -> float:
    """Return the largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cpu_of_all() -> float:
    """Return the processor time of this machine so far, idle time and waiting left out, in seconds."""
    fields = Path("/proc/stat").read_text("utf-8").splitlines()[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal, *_ = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
