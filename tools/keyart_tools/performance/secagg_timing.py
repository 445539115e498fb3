"""Time of secure aggregation: processor time of all parties on one core, and the share of one device."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import numpy as np

from keyart.errors import KeyartError
from keyart.secagg import AggregationParameters, DeviceSession, Identity, Stage, certify, modulus_bits
from keyart_federated.secagg import Coordinator, Gateway

from .measurement import Measurement

GROUP = "sums"
SIZE, FEW, MANY = 20_000, 100, 1_000
BOUND = 1 << 20  # of an entry, either way
QUORUM, MIN_QUORUM, LOST = 0.8, 0.7, 0.3  # thresholds of a round without and with losses; the share of devices lost
CERTIFICATE_SECONDS = 3600
MAX_FEW_SECONDS, MAX_MANY_SECONDS, MAX_GROWTH, MAX_DEVICE_MS = 3.0, 40.0, 2.0, 30.0
MAX_SENT_BYTES = 4 * SIZE + 16_000
# From outside and not measured here, so they stand in notes and are no ratio's baseline.
SECAGG_PLUS_NOTE = (
    "Flower SecAgg+ (flwr 1.41, measured elsewhere on another machine): 27 s with 21 shares, 335 s with all"
)


@dataclass(frozen=True, slots=True)
class SecaggRound:
    """A measured round.

    Attributes:
        seconds: processor time of all parties.
        part_s: median processor time of a device that stayed to the end, over all stages, in seconds.
        sent_bytes: median bytes sent by such a device, over all stages.
    """

    seconds: float
    part_s: float
    sent_bytes: float


def measure_round(devices: int, size: int, threshold: float, lost: Collection[int] = ()) -> SecaggRound:
    """Run a round with vectors of `size` entries; the devices' certificates are issued beforehand.

    Args:
        devices: number of devices.
        size: number of entries of a vector.
        threshold: quorum, as a share of the devices.
        lost: devices that drop out from `Stage.MASKED` on.

    Raises:
        SettingError: the quorum is not safe.
        RoundFailed: fewer devices than the quorum remain.
        KeyartError: the result is not exactly the sum of the remaining vectors.
    """
    vectors = np.random.default_rng(devices).integers(-BOUND, BOUND, (devices, size), endpoint=True)
    terms = AggregationParameters(
        size, modulus_bits(devices, BOUND), BOUND, round(1000 * threshold), 2, os.urandom(32)
    )
    issuer, now = Identity.create(os.urandom), int(time.time())
    created = [Identity.create(os.urandom) for _ in range(devices)]
    identities = [
        Identity(identity.private, certify(issuer.private, identity.public, now + CERTIFICATE_SECONDS))
        for identity in created
    ]
    parts, sent = np.zeros(devices), np.zeros(devices)

    started = time.process_time()
    sessions = []
    for device, identity in enumerate(identities):
        at = time.process_time()
        sessions.append(DeviceSession.start(terms, identity, [issuer.public], now, os.urandom))
        parts[device] = time.process_time() - at
    coordinator, gateway = Coordinator(terms, [issuer.public], now), Gateway(terms)
    for stage in Stage:
        invited = dict.fromkeys(range(devices), coordinator.invitation)
        replies = {}
        for device, message in (invited if stage is Stage.KEYS else gateway.deliver(coordinator.ask(0))).items():
            if device in lost and stage >= Stage.MASKED:
                continue
            at = time.process_time()
            sessions[device], replies[device] = sessions[device].answer(message, partial(vectors.__getitem__, device))
            parts[device] += time.process_time() - at
            sent[device] += len(replies[device])
        coordinator.receive(0, gateway.collect(replies))
        coordinator.close()
    seconds = time.process_time() - started

    survivors = np.setdiff1d(np.arange(devices), list(lost))
    result = coordinator.result
    if result.survivors != tuple(survivors) or (result.total != vectors[survivors].sum(axis=0)).any():
        raise KeyartError(
            "The sum of a measured round is not that of its vectors; its time is meaningless. Report this error."
        )
    return SecaggRound(seconds, float(np.median(parts[survivors])), float(np.median(sent[survivors])))


@dataclass(frozen=True)
class SecaggRounds:
    """The rounds measured so far.

    Attributes:
        few, least: `FEW` devices at `QUORUM` and at `MIN_QUORUM`.
        losing: `FEW` devices at `MIN_QUORUM`, with dropouts.
        many: `MANY` devices at `QUORUM`.
    """

    few: list[SecaggRound] = field(default_factory=list)
    least: list[SecaggRound] = field(default_factory=list)
    losing: list[SecaggRound] = field(default_factory=list)
    many: list[SecaggRound] = field(default_factory=list)

    def turn(self) -> None:
        """Measure the rounds of `FEW` devices once more."""
        self.few.append(measure_round(FEW, SIZE, QUORUM))
        self.least.append(measure_round(FEW, SIZE, MIN_QUORUM))
        self.losing.append(measure_round(FEW, SIZE, MIN_QUORUM, range(round(LOST * FEW))))

    def crowd(self) -> None:
        """Measure the round of `MANY` devices once more, which takes half a minute."""
        self.many.append(measure_round(MANY, SIZE, QUORUM))

    def rows(self) -> list[Measurement]:
        """Return the measurements; every kind of round must have been measured at least once."""
        rows = [
            _round_row(FEW, QUORUM, self.few, MAX_FEW_SECONDS, SECAGG_PLUS_NOTE),
            _round_row(FEW, MIN_QUORUM, self.least, MAX_FEW_SECONDS, SECAGG_PLUS_NOTE),
            _round_row(FEW, MIN_QUORUM, self.losing, None, "the exact sum of the others", f", {LOST:.0%} lost"),
            _round_row(MANY, QUORUM, self.many, MAX_MANY_SECONDS),
        ]
        few, many = (
            median(round_.seconds for round_ in rounds) / n for rounds, n in ((self.few, FEW), (self.many, MANY))
        )
        name = f"masked sum, cost a device of {MANY:,}"
        rows.append(Measurement(GROUP, name, 1000 * many, "ms", many / few, f"that of {FEW}", MAX_GROWTH))
        for devices, threshold, rounds in ((FEW, MIN_QUORUM, self.least), (MANY, QUORUM, self.many)):
            where = f"in a sum of {devices:,}, threshold {threshold}"
            part_ms = 1000 * median(round_.part_s for round_ in rounds)
            sent_bytes = median(round_.sent_bytes for round_ in rounds)
            rows.append(Measurement(GROUP, f"a device's part {where}", part_ms, "ms", reach=MAX_DEVICE_MS))
            rows.append(Measurement(GROUP, f"sent by a device {where}", sent_bytes, "bytes", reach=MAX_SENT_BYTES))
        return rows


def _round_row(
    devices: int, threshold: float, rounds: list[SecaggRound], reach: float | None, note: str = "", more: str = ""
) -> Measurement:
    name = f"masked sum, {devices:,} × {SIZE:,}, threshold {threshold}{more}"
    return Measurement(GROUP, name, median(round_.seconds for round_ in rounds), "s", reach=reach, note=note)
