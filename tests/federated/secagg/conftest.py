"""A fleet: sessions, gateways and a coordinator, with a door for mischief at every message."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from keyart.errors import MessageError
from keyart.secagg import AggregationParameters, DeviceSession, Identity, Stage, certify
from keyart_federated.secagg import Coordinator, Gateway, SumResult

NOW = 1_800_000_000
Reply = Callable[[Stage, int, bytes], bytes | None]


class Fleet:
    """n devices on a few gateways. vectors int64 [n, d]."""

    def __init__(
        self,
        n: int = 12,
        *,
        threshold: float = 0.75,
        size: int = 6,
        gateways: int = 3,
        random: Callable[[int], bytes] | None = None,
        **terms: object,
    ):
        # One device in 10⁴ doubts an honest ring (`keyart.secagg.graph.DOUBT`), and a test must not depend on that.
        random = random or np.random.default_rng(n + 1).bytes
        self.n, self.issuer, self.random, self.now = n, Identity.create(random), random, NOW
        self.terms = AggregationParameters(
            **{
                "size": size,
                "bits": 32,
                "bound": 2**20,
                "threshold_permille": int(threshold * 1000),
                "minimum_devices": math.ceil(threshold * n),
                "nonce": random(32),
                **terms,
            }
        )
        bound = min(self.terms.bound, 2**62)
        self.vectors = np.random.default_rng(n).integers(-bound, bound + 1, (n, size))
        self.identities = [self.identity() for _ in range(n)]
        self.sessions = {i: self.start(identity) for i, identity in enumerate(self.identities)}
        self.coordinator = Coordinator(self.terms, [self.issuer.public], NOW)
        self.gateways = [Gateway(self.terms) for _ in range(gateways)]
        self.refusals: dict[int, str] = {}

    def identity(self) -> Identity:
        new = Identity.create(self.random)
        return Identity(new.private, certify(self.issuer.private, new.public, NOW))

    def start(self, identity: Identity) -> DeviceSession:
        return DeviceSession.start(self.terms, identity, [self.issuer.public], NOW, self.random)

    def asked(self, stage: Stage) -> list[dict[int, bytes]]:
        """What each gateway has for its devices."""
        if stage is Stage.KEYS:
            g = len(self.gateways)
            return [dict.fromkeys(range(i, self.n, g), self.coordinator.invitation) for i in range(g)]
        return [gateway.deliver(self.coordinator.ask(i)) for i, gateway in enumerate(self.gateways)]

    def answer(self, row: int, message: bytes) -> bytes | None:
        try:
            self.sessions[row], reply = self.sessions[row].answer(message, lambda: self.vectors[row])
        except MessageError as error:
            self.refusals[row] = str(error)
            return None
        return reply

    def stage(self, stage: Stage, spoil: Reply = lambda stage, row, reply: reply) -> None:
        """One stage; `spoil` may change a reply, or swallow it (None)."""
        for i, asked in enumerate(self.asked(stage)):
            replies = {row: self.answer(row, message) for row, message in asked.items()}
            spoilt = {row: spoil(stage, row, reply) for row, reply in replies.items() if reply is not None}
            self.coordinator.receive(
                i, self.gateways[i].collect({row: reply for row, reply in spoilt.items() if reply is not None})
            )

    def run(self, spoil: Reply = lambda stage, row, reply: reply) -> SumResult:
        for stage in Stage:
            self.stage(stage, spoil)
            self.coordinator.close()
        return self.coordinator.result

    def check(self, result: SumResult, missing: set[int] = frozenset()) -> None:
        """The exact sum of all but the missing."""
        left = [row for row in range(self.n) if row not in missing]
        assert result.survivors == tuple(left)
        assert result.total.dtype == np.int64
        np.testing.assert_array_equal(result.total, self.vectors[left].sum(axis=0))


@pytest.fixture
def fleet() -> type[Fleet]:
    return Fleet
