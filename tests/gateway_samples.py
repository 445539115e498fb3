"""A round whose devices come over HTTP, with relay and coordinator played straight into the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import psycopg
import round_samples
from round_samples import GATEWAY, ISSUER, Devices
from server_samples import listening

from keyart.secagg import AggregationParameters, Stage
from keyart_federated.secagg import Coordinator, Gateway
from keyart_server import budget
from keyart_server.campaigns import campaign_store
from keyart_server.gateway.gateway_app import create_gateway
from keyart_server.monitoring.metrics import Metrics
from keyart_server.rounds import round_store, stage_windows
from keyart_server.state import ServerState

NOW = 1_700_000_000


@contextmanager
def door(state: ServerState, clock: Callable[[], datetime], name: str = GATEWAY) -> Iterator[httpx.Client]:
    """A gateway that stands alone; a client for it."""
    with listening(create_gateway(state, name, [ISSUER.public], clock, Metrics("1"))) as client:
        yield client


@dataclass
class Round:
    """Of devices with random vectors, over these gateways. changes: of `records.start`."""

    state: ServerState
    clock: Callable[[], datetime]
    devices: int = 4
    size: int = 12
    gateways: Sequence[str] = (GATEWAY,)
    changes: Mapping[str, Any] = field(default_factory=dict)
    least: int | None = None
    of: AggregationParameters = field(init=False)
    vectors: npt.NDArray[np.int64] = field(init=False)
    fleet: Devices = field(init=False)
    coordinator: Coordinator = field(init=False)
    tickets: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.of = round_samples.terms(self.devices, self.size, self.least)
        self.vectors = np.random.default_rng(0).integers(-1000, 1001, (self.devices, self.size))
        self.fleet = Devices(self.of, self.vectors)
        self.coordinator = Coordinator(self.of, [ISSUER.public], NOW)
        with self.state.writing() as session:
            budget.configure(session, self.clock(), 8.0, 1e-6)
            campaign_id = campaign_store.create(session, self.clock(), "server", "Spring", "training").id
            round_samples.started(session, self.clock(), campaign_id, self.of, **self.changes)

    @property
    def id(self) -> str:
        return self.of.round_id.hex()

    @property
    def path(self) -> str:
        return f"/device/rounds/{self.id}"

    def opens(self, stage: Stage, patience: float = 60.0) -> None:
        """Each relay asks its members and opens its window."""
        for place, gateway in enumerate(self.gateways):
            with self.state.writing() as session:
                if stage is not Stage.KEYS:
                    relay = Gateway(self.of)
                    relay.stage = Stage(stage - 1)
                    stage_windows.store_requests(session, self.of, stage, relay.deliver(self.coordinator.ask(place)))
                stage_windows.open_window(session, self.clock(), self.of, stage, gateway, self.devices, patience)

    def closes(self, stage: Stage) -> None:
        """Each relay closes its window and hands over what came in; the next stage begins."""
        for place, gateway in enumerate(self.gateways):
            with self.state.writing() as session:
                stage_windows.close_window(session, self.of, stage, gateway)
            with self.state.reading() as session:
                self.coordinator.receive(place, stage_windows.collect(session, self.of, stage, gateway))
        self.coordinator.close()
        with self.state.writing() as session:
            round_store.advance(session, self.clock(), self.id, stage, self.devices)

    def keys(self, i: int) -> bytes:
        """What device i hands in first."""
        return self.fleet.answer(i, self.coordinator.invitation)

    def join(self, client: httpx.Client, i: int) -> httpx.Response:
        answer = client.post(f"{self.path}/keys", content=self.keys(i))
        if answer.status_code == 200:
            self.tickets[i] = answer.text
        return answer

    def bearing(self, i: int) -> dict[str, str]:
        return {"Authorization": f"Ticket {self.tickets[i]}"}

    def ask(self, client: httpx.Client, stage: Stage, i: int) -> httpx.Response:
        return client.get(f"{self.path}/{stage.name.lower()}", headers=self.bearing(i))

    def hand_in(self, client: httpx.Client, stage: Stage, i: int, content: bytes) -> httpx.Response:
        return client.post(f"{self.path}/{stage.name.lower()}", content=content, headers=self.bearing(i))

    def reply(self, client: httpx.Client, stage: Stage, i: int) -> bytes:
        """What device i says to its question."""
        question = self.ask(client, stage, i)
        assert question.status_code == 200, question.text
        return self.fleet.answer(i, question.content)

    def through(self, client: httpx.Client, until: Stage, silent: Mapping[Stage, set[int]] | None = None) -> None:
        """All stages before this one, and its window open. silent: who says nothing from a stage on."""
        gone: set[int] = set()
        for stage in Stage:
            self.opens(stage)
            if stage is until:
                return
            gone |= (silent or {}).get(stage, set())
            for i in set(range(self.devices)) - gone:
                if stage is Stage.KEYS:
                    assert self.join(client, i).status_code == 200
                else:
                    accepted = self.hand_in(client, stage, i, self.reply(client, stage, i))
                    assert accepted.status_code == 204, accepted.text
            self.closes(stage)


def together(client: httpx.Client, requests: Sequence[tuple[str, bytes, str]]) -> list[int]:
    """Sends them at once, each on a connection of its own; their statuses. requests: path, body, Authorization."""

    async def sent() -> list[int]:
        async with httpx.AsyncClient(base_url=client.base_url, timeout=30, trust_env=False) as many:
            answers = await asyncio.gather(
                *(many.post(path, content=body, headers={"Authorization": who}) for path, body, who in requests)
            )
        return [answer.status_code for answer in answers]

    return asyncio.run(sent())


@contextmanager
def taken_away(url: str) -> Iterator[None]:
    """This Postgres database takes no connections meanwhile, and has lost those that it had."""
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
