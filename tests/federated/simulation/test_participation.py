"""Simulated devices judge an offer as a device does: by its signature, the limits, and the ledger of each."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from keyart.campaigns.budget import epsilon_spent
from keyart.campaigns.limits import Limits, ParticipationHistory
from keyart.campaigns.offer import Offer
from keyart.errors import MessageError
from keyart.secagg import Identity
from keyart_federated.simulation.identities import keys_of
from keyart_federated.simulation.participation import Participation

DEVICES, VERSION, SPEC, NOW = 6, 3, "ab" * 32, 1_800_000_000.0
SERVER, _ = keys_of(1)
STRANGER, _ = keys_of(2)
EVERYBODY = np.ones(DEVICES, dtype=np.bool_)
SOME = np.array([True, False, True, False, False, True])


def offer(number: int = 1, **changes: object) -> Offer:
    base = {
        "kind": "training", "topic": "", "campaign": "spring", "purpose": "Better artworks.", "round": number,
        "rounds": 50, "model_version": VERSION, "feature_spec": SPEC, "size": 40, "clip": 1.0, "units": 1 << 12,
        "noise_multiplier": 4.0, "minimum_devices": 4, "threshold_permille": 700, "bits": 32, "epsilon": 0.5,
        "delta": 1e-6, "not_after": int(NOW) + 3600,
    }  # fmt: skip
    return Offer(**{**base, **changes})


def limits(**changes: object) -> Limits:
    base = {
        "servers": [Identity(SERVER).public],
        "epsilon": 50.0,
        "minimum_devices": 4,
        "least_noise": 0.0,
        "contributions_a_day": 1000,
    }
    return Limits(**{**base, **changes})


def ledgers(**changes: object) -> Participation:
    return Participation(DEVICES, limits(**changes))


def judged(ledger: Participation, message: bytes, at: float = NOW, version: int = VERSION, spec: str = SPEC):
    return ledger.willing(message, version, spec, at)


def test_devices_answer_an_offer_within_their_limits():
    willing, reason = judged(ledgers(), offer().sign(SERVER))
    assert willing.dtype == np.bool_ and willing.all() and reason == ""


def test_an_offer_that_another_server_signed_is_refused():
    ledger, message = ledgers(), offer().sign(STRANGER)
    for ask in (ledger.read, lambda m: judged(ledger, m), lambda m: ledger.charge(m, EVERYBODY, NOW)):
        with pytest.raises(MessageError, match="No server that these devices trust"):
            ask(message)
    assert ledger.state() == {"rounds": 0}


@pytest.mark.parametrize("at", [0, 30, -1])
def test_an_offer_that_was_changed_on_the_way_is_refused(at):
    message = bytearray(offer().sign(SERVER))
    message[at] ^= 1
    with pytest.raises(MessageError):
        judged(ledgers(), bytes(message))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_version": VERSION + 1}, "another model"),
        ({"feature_spec": "cd" * 32}, "another model"),
        ({"minimum_devices": 3}, "its cohort may be 3"),
        ({"not_after": int(NOW) - 1}, "its round is over"),
        ({"noise_multiplier": 0.0}, "its noise is 0.0 of a vector, and some is demanded"),
        ({"epsilon": 51.0}, "more than is allowed"),
        ({"delta": 1e-3}, "more than is allowed"),
    ],
)
def test_an_offer_beyond_the_limits_is_declined_by_everybody(changes, reason):
    willing, told = judged(ledgers(), offer(**changes).sign(SERVER))
    assert not willing.any() and reason in told


def test_a_round_is_answered_once_whatever_its_message():
    ledger = ledgers()
    first, second = offer().sign(SERVER), offer(clip=2.0).sign(SERVER)
    ledger.charge(first, SOME, NOW)
    willing, reason = judged(ledger, second)
    np.testing.assert_array_equal(willing, ~SOME)
    assert "answered before" in reason


def test_the_same_message_is_answered_again_and_charged_once():
    """A ledger with room for two rounds: the first one, however often it is asked, leaves room for the second."""
    two = epsilon_spent([offer().charge] * 2, 1e-6)
    ledger, first = ledgers(epsilon=two * (1 + 1e-9)), offer().sign(SERVER)
    for _ in range(5):
        willing, reason = judged(ledger, first)
        assert willing.all() and reason == ""
        ledger.charge(first, willing, NOW)
    assert ledger.state()["rounds"] == 1
    ledger.charge(offer(2).sign(SERVER), judged(ledger, offer(2).sign(SERVER))[0], NOW)
    willing, reason = judged(ledger, offer(3).sign(SERVER))
    assert not willing.any() and "would spend more" in reason


@pytest.mark.parametrize("rounds", [1, 3])
def test_no_ledger_exceeds_the_limit(rounds):
    """Each device has a ledger of its own: those that answered less often may answer longer."""
    limit = epsilon_spent([offer().charge] * rounds, 1e-6)
    ledger = ledgers(epsilon=limit * (1 + 1e-9))
    answers = np.zeros(DEVICES, dtype=int)
    for number in range(1, 4 * rounds + 4):
        message = offer(number).sign(SERVER)
        willing, _ = judged(ledger, message)
        drawn = willing & (SOME if number % 2 else EVERYBODY)
        ledger.charge(message, drawn, NOW)
        answers += drawn
    assert (answers == rounds).all()


def test_contributions_of_a_day_are_bounded():
    ledger = ledgers(contributions_a_day=2)
    for number in (1, 2):
        ledger.charge(offer(number).sign(SERVER), SOME, NOW)
    willing, reason = judged(ledger, offer(3).sign(SERVER))
    np.testing.assert_array_equal(willing, ~SOME)
    assert "within a day" in reason
    later = NOW + 86_400.0
    assert judged(ledger, offer(3, not_after=int(later) + 60).sign(SERVER), later)[0].all()


def test_each_device_is_judged_as_if_it_were_alone():
    """Random histories of random offers, against `Limits` device by device."""
    rng, own = np.random.default_rng(0), limits(epsilon=3.0, contributions_a_day=3)
    ledger = Participation(DEVICES, own)
    past: list[list[tuple[float, Offer]]] = [[] for _ in range(DEVICES)]
    refused = 0
    for number in range(1, 20):
        at = NOW + 20_000.0 * number
        asked = offer(
            max(1, number - int(rng.integers(3))),
            noise_multiplier=float(rng.choice([2.0, 8.0])),
            model_version=VERSION + int(rng.random() < 0.1),
            not_after=int(at) + 600,
        )
        message = asked.sign(SERVER)
        willing, _ = judged(ledger, message, at)
        for device, history in enumerate(past):
            known = ParticipationHistory(
                [one.charge for _, one in history],
                sum(then > at - 86_400.0 for then, _ in history),
                frozenset((one.campaign, one.round) for _, one in history),
            )
            assert willing[device] == (own.refusal(asked, known, VERSION, SPEC, at) is None)
        drawn = willing & (rng.random(DEVICES) < 0.6)
        refused += int((~willing).sum())
        ledger.charge(message, drawn, at)
        for device in np.flatnonzero(drawn):
            past[device].append((at, asked))
    assert 0 < refused < 19 * DEVICES


def test_ledgers_come_back_from_their_state():
    ledger, again = ledgers(epsilon=math.inf, unprotected=True), ledgers(epsilon=math.inf, unprotected=True)
    for number, drawn in ((1, SOME), (2, EVERYBODY), (3, ~SOME)):
        ledger.charge(offer(number).sign(SERVER), drawn, NOW + number)
    again.charge(offer(9).sign(SERVER), EVERYBODY, NOW)
    again.restore(ledger.state())
    assert again.state() == ledger.state()
    for number in (1, 2, 3, 4):
        message = replace(offer(number), clip=2.0).sign(SERVER)
        np.testing.assert_array_equal(judged(again, message)[0], judged(ledger, message)[0])
