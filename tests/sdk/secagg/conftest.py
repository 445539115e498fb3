"""A cohort of device sessions, and just enough of an honest server to lead them through the stages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from keyart.secagg import AggregationParameters, DeviceSession, Graph, Identity, Stage, certify
from keyart.secagg import messages as wire
from keyart.secagg.graph import ring_position

NOW = 1_800_000_000


def counted(seed: int) -> Callable[[int], bytes]:
    """Bytes that are the same each time: SHA-256 of seed and count."""
    state = [0]

    def random(size: int) -> bytes:
        state[0] += 1
        return hashlib.sha256(f"{seed}/{state[0]}".encode()).digest()[:size]

    return random


class Cohort:
    """n devices in the order of the ring. Messages by device; `sessions` are replaced as they answer."""

    def __init__(
        self, n: int = 6, *, permille: int = 800, minimum: int | None = None, seed: int = 0, **terms: object
    ):
        random = counted(seed)
        self.issuer = Identity(random(32))
        self.terms = AggregationParameters(
            **{
                "size": 5,
                "bits": 32,
                "bound": 2**20,
                "threshold_permille": permille,
                "minimum_devices": minimum or -(-permille * n // 1000),
                "nonce": random(32),
                **terms,
            }
        )
        self.round_id = self.terms.round_id
        self.identities = sorted(
            (self.identity(random) for _ in range(n)), key=lambda one: ring_position(self.round_id, one.public)
        )
        self.graph = Graph.of(n, self.terms.required(n))
        self.random = random
        self.sessions = [self.start(identity) for identity in self.identities]
        self.n = n

    def identity(self, random: Callable[[int], bytes], issuer: Identity | None = None, after: int = NOW) -> Identity:
        private = random(32)
        return Identity(private, certify((issuer or self.issuer).private, Identity(private).public, after))

    def start(self, identity: Identity) -> DeviceSession:
        return DeviceSession.start(self.terms, identity, [self.issuer.public], NOW, self.random)

    def neighbours(self, i: int) -> list[int]:
        return [(i + distance) % self.n for distance in self.graph.distances()]

    def answer(self, i: int, message: bytes, vector: object = None) -> bytes:
        self.sessions[i], reply = self.sessions[i].answer(message, vector)
        return reply

    def keys_request(self) -> bytes:
        return wire.KeysRequest(self.terms).to_bytes()

    def share_request(self, i: int) -> bytes:
        records = [self.sessions[n].record for n in self.neighbours(i)]
        return wire.ShareRequest(self.n, records).to_bytes(self.round_id)

    def masked_request(self, i: int, silent: tuple[int, ...] = ()) -> bytes:
        neighbours = self.neighbours(i)
        sealed = [self.dealt[n].sealed[-1 - j] for j, n in enumerate(neighbours) if n not in silent]
        return wire.MaskedRequest([n not in silent for n in neighbours], sealed).to_bytes(self.round_id)

    def unmask_request(self, i: int, silent: tuple[int, ...] = ()) -> bytes:
        return wire.UnmaskRequest([n not in silent for n in self.neighbours(i)]).to_bytes(self.round_id)

    def vector(self, i: int) -> np.ndarray:
        return np.arange(self.terms.size, dtype=np.int64) * (i + 1) - 7

    def request(self, i: int, stage: Stage) -> bytes:
        if stage is Stage.KEYS:
            return self.keys_request()
        return {
            Stage.SHARE: self.share_request,
            Stage.MASKED: self.masked_request,
            Stage.UNMASK: self.unmask_request,
        }[stage](i)

    def lead(self, upto: Stage) -> Cohort:
        """All devices through the stages up to and including this one."""
        for stage in Stage:
            if stage > upto:
                break
            replies = [self.answer(i, self.request(i, stage), lambda i=i: self.vector(i)) for i in range(self.n)]
            if stage is Stage.SHARE:
                k = self.graph.neighbours
                self.dealt = [wire.ShareReply.from_bytes(reply, self.round_id, k) for reply in replies]
            self.replies = replies
        return self


@pytest.fixture(scope="session")
def cohort() -> type[Cohort]:
    return Cohort
