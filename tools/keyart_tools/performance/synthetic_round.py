"""A round of synthetic members. Everything that gateway, database and coordinator see of it has its true form.

Keys, certificates and signatures are real, because the gateway verifies them. Sealed shares, pads and answers of the
last stage are random bytes of the right length, because only devices could open them. A vector is one of a few random
rows, so that the sum of all masked vectors is known exactly. All of it comes from one seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import numpy as np
from sqlalchemy import select

from keyart.errors import KeyartError
from keyart.secagg import (
    DIGESTS_BYTES,
    KEY_BYTES,
    REPLY_FLAG,
    SEALED_BYTES,
    SHARE_BYTES,
    AggregationParameters,
    DeviceSession,
    Graph,
    Identity,
    Stage,
    certify,
    message_header,
)
from keyart_federated.accounting import Skellam
from keyart_federated.secagg import Coordinator
from keyart_federated.secagg.stage_messages import StageMessages
from keyart_server import budget
from keyart_server.campaigns import campaign_store
from keyart_server.gateway.tickets import Ticket
from keyart_server.rounds import round_store, stage_windows
from keyart_server.state import ServerState
from keyart_server.state.tables import MemberRow, RoundRow

from .http_connections import request_head

SIZE, BITS = 20_000, 32
QUORUM_PERMILLE: Final = 900  # the graph then has few neighbours in a cohort of any size
ROWS: Final = 64  # different vectors
TAG_BYTES: Final = SEALED_BYTES - 3 * SHARE_BYTES  # a packet has three shares
COHORT: Final = 25_000  # members of a cohort at most: a stage message of a cohort is one message of Flower
STAGE_TIMEOUT_SECONDS: Final = 86_400.0
CERTIFICATE_SECONDS: Final = 86_400


class SyntheticRound:
    """A round from the server's side, and the requests of its members.

    Attributes:
        members: number of members.
        parameters: parameters of the aggregation.
        neighbours: neighbours of each member in the graph of the round.
        issuer: public key, in hex, of the issuer of all members.
    """

    def __init__(self, state: ServerState, members: int, seed: int, size: int = SIZE) -> None:
        self._state, self.members = state, members
        self._random = np.random.default_rng(seed)
        self.parameters = AggregationParameters(size, BITS, 1 << 10, QUORUM_PERMILLE, 2, self._bytes(32))
        self.neighbours = Graph.of(members, self.parameters.required(members)).neighbours
        self._issuer, self._now = Identity.create(self._bytes), int(time.time())
        self.issuer = self._issuer.public.hex()
        self._coordinator = Coordinator(self.parameters, [self._issuer.public], self._now)
        self._cohorts = [f"cohort-{n}" for n in range(-(-members // COHORT))]
        self._rows = self._random.integers(0, 1 << BITS, (ROWS, size), dtype=np.uint32)
        self._lanes = [row.tobytes() for row in self._rows]
        self._heads: list[str] = []  # by member, its ticket
        at = datetime.now(UTC)
        with state.writing() as session:
            budget.configure(session, at, 8.0, 1e-6)
            campaign = campaign_store.create(session, at, "server", "bench", "training").id
            self.id = round_store.start(
                session, at, campaign, 1, "", b"", self.parameters, Skellam(20.0, 64.0, 8), b"",
                wanted=members, patience=STAGE_TIMEOUT_SECONDS,
            ).id  # fmt: skip
            due = -(-members // len(self._cohorts))
            for name in self._cohorts:
                stage_windows.open_window(session, at, self.parameters, Stage.KEYS, name, due, STAGE_TIMEOUT_SECONDS)

    def submissions(self, stage: Stage, chunk: int) -> Iterator[list[list[bytes]]]:
        """Yield the requests that submit a stage, `chunk` at a time; each is in pieces."""
        if stage is Stage.KEYS:
            for start in range(0, self.members, chunk):
                count = min(chunk, self.members - start)
                yield [self._request("POST", stage, "", self._keys()) for _ in range(count)]
            return
        content = {Stage.SHARE: self._shares, Stage.MASKED: self._masked, Stage.UNMASK: self._answers}[stage]
        for start in range(0, self.members, chunk):
            chosen = enumerate(self._heads[start : start + chunk], start)
            yield [self._request("POST", stage, head, *content(member)) for member, head in chosen]

    def asks(self, stage: Stage, chunk: int) -> Iterator[list[list[bytes]]]:
        """Yield the requests by which members fetch what they are asked at a stage, `chunk` at a time."""
        for start in range(0, self.members, chunk):
            yield [self._request("GET", stage, head) for head in self._heads[start : start + chunk]]

    def advance(self, stage: Stage) -> None:
        """Close a stage as relay and server do, and open the next one.

        Raises:
            KeyartError: the masked vectors in the database do not add up to those that were sent.
        """
        bundles = {}
        for number, name in enumerate(self._cohorts):
            with self._state.writing() as session:
                stage_windows.close_window(session, self.parameters, stage, name)
            with self._state.reading() as session:
                bundles[number] = stage_windows.collect(session, self.parameters, stage, name)
            self._coordinator.receive(number, bundles[number])
        if stage is Stage.MASKED:
            self._check_sum(bundles)
        if stage is Stage.UNMASK:
            return  # the shares are random, so there is nothing to open
        if stage is Stage.KEYS:
            self._issue_tickets()
        del bundles
        self._coordinator.close()
        with self._state.writing() as session:
            round_store.advance(session, datetime.now(UTC), self.id, stage, self.members)
        self._open(Stage(stage + 1))

    def forget(self) -> None:
        """End the round, which deletes its rows."""
        with self._state.writing() as session:
            round_store.fail(session, datetime.now(UTC), self.id, "measured")

    def _open(self, stage: Stage) -> None:
        for number, name in enumerate(self._cohorts):
            message = self._coordinator.ask(number)
            parts = StageMessages.from_bytes(message, stage, self.parameters.round_id).parts
            at = datetime.now(UTC)
            with self._state.writing() as session:
                stage_windows.store_requests(session, self.parameters, stage, parts)
                stage_windows.open_window(
                    session, at, self.parameters, stage, name, len(parts), STAGE_TIMEOUT_SECONDS
                )

    def _issue_tickets(self) -> None:
        """Compute the tickets, as the gateway did, rather than keep the answers."""
        with self._state.reading() as session:
            key = session.get_one(RoundRow, self.id).key
            columns = MemberRow.number, MemberRow.gateway, MemberRow.device_key_hash
            rows = session.execute(select(*columns).where(MemberRow.round_id == self.id).order_by(MemberRow.number))
            self._heads = [
                f"Authorization: Ticket {Ticket(*row).to_text(key, self.parameters.round_id)}" for row in rows
            ]
        if len(self._heads) != self.members:
            raise KeyartError(f"{len(self._heads)} of {self.members} members are stored. Report this error.")

    def _check_sum(self, bundles: dict[int, bytes]) -> None:
        kind, length = Stage.MASKED | REPLY_FLAG, self.parameters.vector_bytes
        total = np.zeros(self.parameters.size, np.uint32)
        for bundle in bundles.values():
            tail = StageMessages.from_bytes(bundle, kind, self.parameters.round_id, length).tail
            total += np.frombuffer(tail, "<u4")
        counts = np.bincount(np.arange(self.members) % ROWS, minlength=ROWS).astype(np.uint32)
        if (total != (counts[:, None] * self._rows).sum(axis=0, dtype=np.uint32)).any():
            raise KeyartError("The stored sum is not that of the masked vectors. Report this error.")

    def _request(self, method: str, stage: Stage, head: str, *content: bytes) -> list[bytes]:
        path = f"/device/rounds/{self.id}/{stage.name.lower()}"
        return [request_head(method, path, head or "Accept: */*", sum(map(len, content))), *content]

    def _keys(self) -> bytes:
        device = Identity.create(self._bytes)
        certificate = certify(self._issuer.private, device.public, self._now + CERTIFICATE_SECONDS)
        session = DeviceSession.start(
            self.parameters, Identity(device.private, certificate), [self._issuer.public], self._now, self._bytes
        )
        return session.answer(self._coordinator.invitation)[1]

    def _shares(self, member: int) -> tuple[bytes, ...]:
        length = 2 * KEY_BYTES + self.neighbours * (SEALED_BYTES + DIGESTS_BYTES)
        return self._header(Stage.SHARE), self._bytes(length)

    def _masked(self, member: int) -> tuple[bytes, ...]:
        return self._header(Stage.MASKED), self._bytes(self.neighbours * SHARE_BYTES), self._lanes[member % ROWS]

    def _answers(self, member: int) -> tuple[bytes, ...]:
        held = np.packbits(np.ones(self.neighbours, bool), bitorder="little").tobytes()
        return self._header(Stage.UNMASK), held, self._bytes(2 * self.neighbours * SHARE_BYTES + TAG_BYTES)

    def _header(self, stage: Stage) -> bytes:
        return message_header(stage | REPLY_FLAG, self.parameters.round_id)

    @property
    def _bytes(self) -> Callable[[int], bytes]:
        return self._random.bytes
