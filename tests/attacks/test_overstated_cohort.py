"""A server that overstates how many devices take part, so that each adds too little noise: the charge holds.

The noise of a sum is that of the devices in it. A server that says 1,112 and has 435 gets .4 of what it promised.
"""

from __future__ import annotations

import math
import os
from dataclasses import fields

import numpy as np
import pytest
from support.campaigns import NOW, SERVER, fleet, limits, offer

from keyart.campaigns import HONEST_FRACTION, Charge
from keyart.campaigns.budget import epsilon_spent
from keyart.dp import UNITS, integer_norm
from keyart.errors import KeyartError, MessageError, SettingError
from keyart.secagg import (
    AggregationParameters,
    DeviceSession,
    Graph,
    Identity,
    Stage,
    certify,
    min_required,
    ring_position,
)
from keyart.secagg.graph import COLLUDING, RING
from keyart_federated.accounting import noise_for
from keyart_federated.secagg import Coordinator, Gateway

ENTRIES, DELTA = 20_000, 1e-6


class AnyNumber(AggregationParameters):
    """Parameters that any number of devices is enough for."""

    def required(self, devices: int) -> int:
        return 2


class LyingCoordinator(Coordinator):
    """It says that `stated` devices have sent keys, and goes on with however many answer."""

    stated = 0

    def _require(self, answered) -> None:
        """Never too few."""

    def _arrange(self) -> None:
        n, truth = self.stated, self._peers
        self._graph = Graph.of(n, self.terms.required(n))
        key = {number: ring_position(self.terms.round_id, peer.device) for number, peer in truth.items()}
        self._ring = sorted(truth, key=key.__getitem__)
        half = self._graph.neighbours // 2
        distances = [*range(1, half + 1), *range(len(truth) - half, len(truth))]
        self._neighbours = {
            number: [self._ring[(i + d) % len(truth)] for d in distances] for i, number in enumerate(self._ring)
        }

    def _unmasked(self):
        self.terms = AnyNumber(*(getattr(self.terms, one.name) for one in fields(AggregationParameters)))
        return super()._unmasked()

    def _share_request(self, number: int):
        request = super()._share_request(number)
        return type(request)(self.stated, request.records)


def sum_of(real: int, stated: int, quorum: int = 800) -> int:
    """Return how many devices are in the sum that the lying server gets. Raises KeyartError if it gets none."""
    issuer = Identity.create(os.urandom)
    required = math.ceil(quorum * stated / 1000)
    terms = AggregationParameters(4, 32, 1000, quorum, required, os.urandom(32))
    sessions = {}
    for number in range(real):
        new = Identity.create(os.urandom)
        known = Identity(new.private, certify(issuer.private, new.public, NOW))
        sessions[number] = DeviceSession.start(terms, known, [issuer.public], NOW, os.urandom)
    coordinator, gateway = LyingCoordinator(terms, [issuer.public], NOW), Gateway(terms)
    coordinator.stated = stated
    for stage in Stage:
        asked = dict.fromkeys(sessions, coordinator.invitation)
        if stage is not Stage.KEYS:
            asked = gateway.deliver(coordinator.ask(0))
        replies = {}
        for number, message in asked.items():
            try:
                sessions[number], replies[number] = sessions[number].answer(
                    message, lambda: np.ones(4, dtype=np.int64)
                )
            except MessageError:
                continue
        coordinator.receive(0, gateway.collect(replies))
        coordinator.close()
    return len(coordinator.result.survivors)


def test_a_server_that_says_260_and_has_110_gets_no_sum():
    with pytest.raises(KeyartError):
        sum_of(110, 260)


def test_a_server_that_tells_the_truth_gets_the_sum():
    assert sum_of(110, 110) >= 108


def attacked(rng: np.random.Generator, stated: int, real: int, kept: float, quorum: int) -> int:
    """Return the devices in a sum where `real` stand on the ring and a share `kept` of those that go on hands in.

    It is the protocol without its cryptography: the places of the devices, and what each checks. 0 if there is none.
    """
    graph = Graph.of(stated, max(math.ceil(quorum * stated / 1000), 2))
    k, places = graph.neighbours, np.sort(rng.random(real))
    if graph.complete or real <= k:
        return 0  # the list would be too short
    around = np.array([*range(-k // 2, 0), *range(1, k // 2 + 1)])
    neighbours = (np.arange(real)[:, None] + around) % real
    ahead = (np.roll(places, -k // 2) - places) % 1
    behind = (places - np.roll(places, k // 2)) % 1
    dealt = (np.maximum(ahead, behind) * RING <= graph.reach) & ((ahead + behind) * RING <= graph.span)
    go_on = dealt & (dealt[neighbours].sum(axis=1) >= graph.survivors)
    masked = go_on & (rng.random(real) < kept)
    replies = masked & (masked[neighbours].sum(axis=1) >= graph.survivors)
    if (replies[neighbours].sum(axis=1)[masked] < graph.threshold).any():
        return 0  # the secrets of one cannot be rebuilt, and with it the sum
    return int(masked.sum())


def assured(graph: Graph) -> float:
    """Return the honest devices of a sum if each device's span is as long as it accepts, and its survivors as few.

    The spans of all devices cover the ring k times (docs/reference/protocol.md, "The graph").
    """
    k = graph.neighbours
    devices = k + 1 if graph.complete else max(k + 1, k * RING / graph.span)
    return (1 - COLLUDING) * devices * (graph.survivors + 1) / (k + 1)


@pytest.mark.parametrize("quorum", [620, 700, 760, 800, 850, 880, 900, 920, 950, 1000])
def test_what_devices_check_assures_the_share_that_noise_counts_on(quorum):
    for devices in (4, 50, 58, 75, 100, 150, 300, 1_000, 3_000, 10_000, 100_000, 1 << 24):
        required = max(min_required(devices), math.ceil(quorum * devices / 1000))
        try:
            graph = Graph.of(devices, required)
        except SettingError:  # so many neighbours that no device goes on
            continue
        assert assured(graph) >= HONEST_FRACTION * required, devices


@pytest.mark.parametrize("quorum", [700, 800, 900])
@pytest.mark.parametrize("stated", [100, 435, 1_112, 10_000])
def test_the_true_loss_is_within_the_charge_however_the_server_lies(stated, quorum):
    """For ε of 1, 4 and 8, over all shares of real devices and of those that it keeps in the sum."""
    rng, norm = np.random.default_rng([stated, quorum]), integer_norm(UNITS, ENTRIES)
    minimum = math.ceil(quorum * stated / 1000)
    smallest = minimum
    for share in np.arange(0.35, 1.01, 0.05):
        for kept in (0.65, 0.8, 0.9, 1.0):
            for _ in range(1 if stated > 5_000 else 10):
                found = attacked(rng, stated, round(share * stated), kept, quorum)
                smallest = min(smallest, found or smallest)
    honest = (1 - COLLUDING) * smallest
    assert honest >= HONEST_FRACTION * minimum
    for epsilon in (1.0, 4.0, 8.0):
        promised = noise_for(epsilon, DELTA, 1)
        true = promised * math.sqrt(honest / (HONEST_FRACTION * minimum))
        spent = [epsilon_spent([Charge(noise, norm, ENTRIES)], DELTA) for noise in (true, promised)]
        assert spent[0] <= spent[1], (smallest, minimum)


def test_an_offer_that_counts_on_more_than_can_be_checked_is_declined(caplog):
    with fleet(3) as arts, caplog.at_level("INFO", "keyart"):
        assert arts[0].answer(offer(arts[0], honest_fraction=0.5).sign(SERVER)) is None
        assert "counts on 0.5 of its cohort" in caplog.text


def test_an_offer_of_more_devices_than_the_app_has_is_declined(caplog):
    with fleet(3, limits=limits(max_devices=1_000)) as arts, caplog.at_level("INFO", "keyart"):
        assert arts[0].answer(offer(arts[0], minimum_devices=1_112).sign(SERVER)) is None
        assert "at most 1000 devices" in caplog.text


def test_a_device_can_demand_noise_of_its_own(caplog):
    with fleet(3, limits=limits(least_own_noise=1.0)) as arts, caplog.at_level("INFO", "keyart"):
        loud, faint = (offer(arts[0], noise_multiplier=z, minimum_devices=50).sign(SERVER) for z in (5.0, 4.0))
        assert arts[0].answer(loud) is not None
        assert arts[0].answer(faint) is None and "each device adds noise of 0.84" in caplog.text


def test_the_noise_of_all_is_what_was_promised_of_those_that_count():
    with fleet(3) as arts:
        asked = offer(arts[0], minimum_devices=1_000)
        whole = (asked.noise_multiplier * asked.l2) ** 2
        assert whole <= asked.variance * asked.counted_devices <= whole + asked.counted_devices
        assert asked.counted_devices == HONEST_FRACTION * 1_000
