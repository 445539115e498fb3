"""A whole round in one process: real devices, real gateways, real keys; only the network is missing."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from keyart.errors import MessageError, SettingError
from keyart.secagg import (
    AggregationParameters,
    DeviceSession,
    Graph,
    Identity,
    Stage,
    certify,
    min_required,
    modulus_bits,
)

from ..rounds import run_round
from .coordinator import Coordinator, SumResult
from .gateway import Gateway

log = logging.getLogger("keyart.federated")

BOUND: Final = 2**20  # entries of the vectors, either way
GATEWAYS: Final = 4
SMALL, OF_MANY = 150, 0.7
CERTIFIED_SECONDS: Final = 3600


def run_in_process(
    vectors: npt.NDArray[np.int64],
    threshold: float,
    drop: Mapping[str, Collection[int]] | None = None,
    *,
    gateways: int = GATEWAYS,
    random: Callable[[int], bytes] = os.urandom,
) -> SumResult:
    """The sum of vectors int64 [n, d], entries within ±`BOUND`, n at least 2, a row a device.

    threshold: the share of the n devices that must answer to the end. One that cannot be held safely is raised to the
    least that can: `least_required` is above one half, and nearer to 1 the fewer devices there are (2 of 2, 3 of 3, 3
    of 4, 7 of 12, 55 of 100); of more than `SMALL` devices it is `OF_MANY`, since less takes hundreds of neighbours.
    drop: {stage: rows} that fall silent from that stage on, by the names of `Stage` in lower case. Raises
    SettingError for arguments that are not these, RoundFailed where fewer answer.
    """
    stages = _silent_from(drop or {}, _checked(vectors, threshold))
    n, size = vectors.shape
    threshold = max(threshold, OF_MANY if n > SMALL else min_required(n) / n)
    required = math.ceil(threshold * n - 1e-9)  # but for what is lost to the arithmetic of floats
    Graph.of(n, required)  # refuses before anything is done
    terms = AggregationParameters(
        size=size,
        bits=modulus_bits(n, BOUND),
        bound=BOUND,
        threshold_permille=max(1, math.floor(1000 * threshold)),
        minimum_devices=required,
        nonce=random(32),
    )
    now = int(time.time())
    issuer = Identity.create(random)
    sessions = {}
    for row in range(n):
        new = Identity.create(random)
        identity = Identity(new.private, certify(issuer.private, new.public, now + CERTIFIED_SECONDS))
        sessions[row] = DeviceSession.start(terms, identity, [issuer.public], now, random)

    members = {f"gateway-{i}": range(i, n, min(gateways, n)) for i in range(min(gateways, n))}
    vector_of = {row: partial(vectors.__getitem__, row) for row in range(n)}
    return run_round(
        Coordinator(terms, [issuer.public], now),
        InProcessTransport(terms, members, sessions, vector_of, lambda row, stage: stages[row] > stage),
    )


class InProcessTransport:
    """A round's messages without a network: real gateways in front of real devices' sessions, all in this process.

    Args:
        terms: parameters of the aggregation.
        members: the devices' numbers by gateway.
        sessions: the devices' sessions by number, before the first stage; replaced as they go on.
        vector_of: a function for each device that makes its integer vector [terms.size] when it is due.
        answers: whether a device answers at a stage; by default each does.
    """

    def __init__(
        self,
        terms: AggregationParameters,
        members: Mapping[str, Collection[int]],
        sessions: dict[int, DeviceSession],
        vector_of: Mapping[int, Callable[[], npt.NDArray[np.int64]]],
        answers: Callable[[int, Stage], bool] = lambda number, stage: True,
    ) -> None:
        self._members, self._sessions, self._vector_of, self._answers = members, sessions, vector_of, answers
        self._gateways = {name: Gateway(terms) for name in members}

    def exchange(self, stage: Stage, invitation: bytes, requests: Mapping[str, bytes]) -> dict[str, bytes]:
        """See `Transport`."""
        invited = {name: dict.fromkeys(numbers, invitation) for name, numbers in self._members.items()}
        replies = {}
        for name, gateway in self._gateways.items():
            if stage is Stage.KEYS:
                asked = invited[name]
            elif name in requests:
                asked = gateway.deliver(requests[name])
            else:
                continue
            replies[name] = gateway.collect(self._replies(stage, asked))
        return replies

    def advance(self, stage: Stage, requests: Mapping[str, bytes], replies: Mapping[str, bytes]) -> None:
        """See `Transport`. Nothing of it outlives the process."""

    def _replies(self, stage: Stage, asked: Mapping[int, bytes]) -> dict[int, bytes]:
        replies = {}
        for number, message in asked.items():
            if not self._answers(number, stage):
                continue
            try:
                session = self._sessions[number]
                self._sessions[number], replies[number] = session.answer(message, self._vector_of[number])
            except MessageError as error:
                log.warning("Device %d refuses to go on: %s", number, error)
        return replies


def _checked(vectors: npt.NDArray[np.int64], threshold: float) -> int:
    if not isinstance(vectors, np.ndarray) or vectors.dtype != np.int64 or vectors.ndim != 2 or 0 in vectors.shape:
        raise SettingError("`vectors` is an int64 array [n, d], with at least one row and one column.")
    if len(vectors) < 2:
        raise SettingError("A sum of one vector is that vector: it takes at least 2 devices.")
    if vectors.min() < -BOUND or vectors.max() > BOUND:
        raise SettingError(f"An entry of `vectors` is beyond ±2^20 = ±{BOUND}; clip it first.")
    if not 0 < threshold <= 1:
        raise SettingError(f"`threshold` is a share of the devices, above 0 and at most 1, not {threshold}.")
    return len(vectors)


def _silent_from(drop: Mapping[str, Collection[int]], devices: int) -> list[int]:
    """By row: the first stage at which it is silent; one beyond the last for those that never are."""
    names = {stage.name.lower(): stage for stage in Stage}
    first = [len(Stage) + 1] * devices
    for name, rows in drop.items():
        if name not in names or not all(0 <= row < devices for row in rows):
            raise SettingError(f"`drop` names stages ({', '.join(names)}) and rows from 0 to {devices - 1}.")
        for row in rows:
            first[row] = min(first[row], names[name])
    return first
