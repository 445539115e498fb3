"""Wrong shares: what a round survives, who is excluded where it does not, and that no honest device ever is."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from keyart.errors import SumUnopened
from keyart.secagg import Graph, Stage
from keyart.secagg import messages as wire
from keyart.secagg.key_agreement import seal, share_digest
from keyart.secagg.shamir import PRIME
from keyart_federated.secagg import Coordinator
from keyart_federated.secagg.blame import LostSecret, guilty

HOSTILE = 5
HEAD = wire.HEADER_BYTES
DEALT = HEAD + 64  # in the reply at the stage of shares: behind both commitments


def hashes(one, rows) -> set[str]:
    """By which the coordinator names these devices."""
    peers = one.coordinator._peers
    return {peers[row].key_hash for row in rows}


def dealing(one, packets, digests=None):
    """A reply of the hostile device that seals other packets, [k, 3, 5], and names their digests or those given."""
    session, round_id = one.sessions[HOSTILE], one.terms.round_id
    data = [packet.astype("<u4").tobytes() for packet in packets]
    sealed = [
        seal(session._seal_key(n, session.device, n.device), content, session._binding(session.device, n.device))
        for n, content in zip(session.neighbours, data, strict=True)
    ]
    named = [b"".join(share_digest(content[i : i + 20], round_id) for i in (0, 20, 40)) for content in data]

    def deal(reply: bytes) -> bytes:
        dealt = wire.ShareReply.from_bytes(reply, round_id, len(sealed))
        return replace(dealt, sealed=sealed, digests=digests or named).to_bytes(round_id)

    return deal


def noise_for(one):
    return np.random.default_rng(1).integers(0, PRIME, (one.n - 1, 3, 5))


def noise_in_place_of_packets(one, reply):
    return reply[:DEALT] + os.urandom(len(reply) - DEALT)


def noise_in_place_of_seals(one, reply):
    end = DEALT + (one.n - 1) * wire.SEALED_BYTES
    return reply[:DEALT] + os.urandom(end - DEALT) + reply[end:]


def noise_under_good_seals(one, reply):
    return dealing(one, noise_for(one))(reply)


def noise_under_good_seals_and_the_digests_of_good_shares(one, reply):
    good = wire.ShareReply.from_bytes(reply, one.terms.round_id, one.n - 1).digests
    return dealing(one, noise_for(one), good)(reply)


MISCHIEF = [
    noise_in_place_of_packets,
    noise_in_place_of_seals,
    noise_under_good_seals,
    noise_under_good_seals_and_the_digests_of_good_shares,
]


@pytest.mark.parametrize("silent_after_share", [False, True])
@pytest.mark.parametrize("mischief", MISCHIEF)
def test_a_dealer_of_noise_is_excluded_by_its_key(fleet, mischief, silent_after_share):
    """And the next round, which it tries to join again, is read without it."""
    one = fleet()

    def spoil(stage: Stage, row: int, reply: bytes) -> bytes | None:
        if row != HOSTILE:
            return reply
        if stage is Stage.SHARE:
            return mischief(one, reply)
        return None if silent_after_share and stage > Stage.SHARE else reply

    with pytest.raises(SumUnopened, match=rf"1 devices \({HOSTILE}\) could not be rebuilt") as failure:
        one.run(spoil)
    assert failure.value.excluded == hashes(one, {HOSTILE})
    assert list(one.coordinator.rejected) == [HOSTILE]

    one.sessions = {row: one.start(identity) for row, identity in enumerate(one.identities)}
    one.coordinator = Coordinator(one.terms, [one.issuer.public], one.now, failure.value.excluded)
    one.gateways = [type(gateway)(one.terms) for gateway in one.gateways]
    one.check(one.run(spoil), {HOSTILE})


def test_pads_that_do_not_belong_to_the_shares(fleet):
    """A device that deals well and pads with noise spoils its shares itself, and is convicted by its digests."""
    one = fleet()

    def spoil(stage: Stage, row: int, reply: bytes) -> bytes:
        if stage is not Stage.MASKED or row != HOSTILE:
            return reply
        masked = wire.MaskedReply.from_bytes(reply, one.terms, one.n - 1)
        return replace(masked, pads=os.urandom(len(masked.pads))).to_bytes(one.terms.round_id)

    with pytest.raises(SumUnopened) as failure:
        one.run(spoil)
    assert failure.value.excluded == hashes(one, {HOSTILE})


def lies(one, liars, about=None):
    """These devices give noise for the shares of all their neighbours, or of `about`, and lock it as they should."""

    def spoil(stage: Stage, row: int, reply: bytes) -> bytes:
        if stage is Stage.MASKED and row in liars:
            session = one.sessions[row]
            victims = {one.identities[victim].public for victim in (range(one.n) if about is None else about)}
            held = tuple(
                os.urandom(len(packet)) if near.device in victims else packet
                for near, packet in zip(session.neighbours, session.held, strict=True)
            )
            one.sessions[row] = replace(session, held=held)
        return reply

    return spoil


@pytest.mark.parametrize("about", [None, {0}], ids=["about all", "about one"])
def test_as_many_liars_as_can_be_spared_change_nothing(fleet, about):
    """Twelve of 60 devices. Before shares were told apart by digests, 200 guesses at right ones did not find them."""
    one, graph = fleet(60, threshold=0.8), Graph.of(60, 48)
    assert graph.neighbours - graph.threshold == 12
    one.check(one.run(lies(one, set(range(1, 13)), about)))
    assert one.coordinator.rejected == {}


def test_more_liars_than_can_be_spared_are_excluded_and_nobody_else(fleet):
    """Of four liars of twelve, as many are excluded as make the difference; the eight honest dealers are not."""
    one = fleet()
    with pytest.raises(SumUnopened) as failure:
        one.run(lies(one, {1, 2, 3, 4}))
    assert failure.value.excluded and failure.value.excluded <= hashes(one, {1, 2, 3, 4})


def lost(disputes, spare=1, proven=False) -> LostSecret:
    return LostSecret(proven, frozenset(disputes), spare)


def test_one_dispute_does_not_tell_who_lies():
    assert guilty({0: lost({1}, 0)}, 1) == set()
    assert guilty({0: lost({1, 2}, 0)}, 1) == {0}


def test_a_proof_needs_no_dispute_and_its_word_counts_against_nobody():
    assert guilty({0: lost((), 5, proven=True)}, 1) == {0}
    assert guilty({0: lost((), 5, proven=True), 1: lost({0, 2}, 1)}, 1) == {0}


def test_silence_is_no_dispute():
    """Too few neighbours have answered at all: a loss that is nobody's fault."""
    assert guilty({0: lost((), -3), 1: lost({0}, -1)}, 1) == set()


def test_two_liars_among_seven_do_not_drive_out_their_dealers():
    found = guilty({dealer: lost({1, 2} - {dealer}, 1) for dealer in range(7)}, 1)
    assert found and found <= {1, 2}


@pytest.mark.parametrize("seed", range(200))
def test_no_honest_device_is_ever_found_guilty(seed):
    """Whatever liars say and deal, with as many beside each honest device as are tolerated."""
    rng = np.random.default_rng(seed)
    n, tolerated = int(rng.integers(4, 40)), int(rng.integers(1, 5))
    liars = set(rng.permutation(n)[:tolerated].tolist())
    losses = {}
    for dealer in rng.permutation(n)[: int(rng.integers(1, n + 1))].tolist():
        others = set(range(n)) - {dealer}
        accusers = others if dealer in liars else others & liars
        disputes = {other for other in accusers if rng.random() < 0.8}
        proven = dealer in liars and bool(rng.random() < 0.2)
        losses[dealer] = lost(disputes, int(rng.integers(-2, 5)), proven)
    assert guilty(losses, tolerated) <= liars
