"""Unmasking: the devices' answers of the last stage, turned into the masks that are still in the sum.

Shares that are not those that were dealt are left out, by the dealers' digests; any `threshold` of the others rebuild
a secret. What cannot be rebuilt is in `Unmasking.lost`, with what `blame` needs to know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from keyart.secagg import (
    SHARE_BYTES,
    AggregationParameters,
    Graph,
    Lanes,
    PacketPart,
    ShareReply,
    UnmaskReply,
    VerifiedPeer,
    add_pairwise,
    agree_secret,
    commitment,
    derive_key,
    join_shares,
    mask_lanes,
    masking_key,
    to_signed,
    unseal,
)

from ..types import Integers
from .blame import LostSecret


@dataclass(frozen=True)
class Unmasking:
    """The inputs of the last stage, by the devices' numbers.

    Attributes:
        terms: Parameters of the aggregation.
        graph: Graph of neighbours.
        neighbours: Neighbours of each device, [k].
        peers: Public keys of each device.
        shares: Shares of the devices that dealt some.
        pads: Pads of the devices whose masked vector is in the sum (the survivors).
        replies: Answers of the devices that stayed to the end.
        lost: Devices of which a secret could not be rebuilt so far, and why.
    """

    terms: AggregationParameters
    graph: Graph
    neighbours: Mapping[int, Sequence[int]]
    peers: Mapping[int, VerifiedPeer]
    shares: Mapping[int, ShareReply]
    pads: Mapping[int, bytes]
    replies: Mapping[int, UnmaskReply]
    lost: dict[int, LostSecret] = field(default_factory=dict)

    def answers(self) -> dict[int, dict[int, bytes]]:
        """Return shares by giver and then by dealer, of all givers whose lock their neighbours have opened.

        A share is of a self-mask, still padded, or of a masking seed.
        """
        locks: dict[int, dict[int, bytes]] = {number: {} for number in self.replies}
        for giver, reply in self.replies.items():
            held = (n for n, has in zip(self.neighbours[giver], reply.held, strict=True) if has and n in self.pads)
            for dealer, share in zip(held, reply.locks, strict=True):
                if dealer in locks:
                    locks[dealer][giver] = share
        answers = {}
        for giver, reply in self.replies.items():
            lock = self._secret(giver, PacketPart.LOCK, locks[giver], self.replies, self._is_lock(giver))
            if lock is None:
                continue
            content = unseal(derive_key(lock, self.terms.round_id, "lock key"), reply.locked, self.terms.round_id)
            if content is None:
                continue
            dealers = [n for n, has in zip(self.neighbours[giver], reply.held, strict=True) if has]
            parts = (content[i : i + SHARE_BYTES] for i in range(0, len(content), SHARE_BYTES))
            answers[giver] = dict(zip(dealers, parts, strict=True))
        return answers

    def total(self, masked: Lanes, answers: Mapping[int, Mapping[int, bytes]]) -> tuple[Integers, list[int]]:
        """Return the sum without masks, and the devices whose masks stay since their secrets cannot be rebuilt.

        `masked` is used up; `answers` is from `answers`.
        """
        stay = [n for n in self.pads if not self._take_self_mask(masked, n, answers)]
        stay += [n for n in self.shares if n not in self.pads and not self._take_pairwise(masked, n, answers)]
        return to_signed(masked, self.terms.bits), stay

    def _take_self_mask(self, masked: Lanes, number: int, answers: Mapping[int, Mapping[int, bytes]]) -> bool:
        dealt_to = [n for n in self.neighbours[number] if n in self.shares]
        pads = (self.pads[number][i : i + SHARE_BYTES] for i in range(0, len(self.pads[number]), SHARE_BYTES))
        shares = _from_givers(number, answers)
        seed = self._secret(
            number,
            PacketPart.SELF_MASK,
            shares,
            answers,
            lambda seed: commitment(seed, self.terms.round_id, "self-mask") == self.shares[number].self_mask,
            dict(zip(dealt_to, pads, strict=True)),
        )
        if seed is not None:
            masked -= mask_lanes(seed, self.terms.size, self.terms.bits)
        return seed is not None

    def _take_pairwise(self, masked: Lanes, number: int, answers: Mapping[int, Mapping[int, bytes]]) -> bool:
        """Take out the masks, in others' vectors, of a device that dealt shares but sent no masked vector."""
        shares, public = _from_givers(number, answers), self.peers[number].masking
        seed = self._secret(
            number, PacketPart.MASKING, shares, answers, lambda seed: self._masking_public(seed) == public
        )
        if seed is None:
            return False
        private, device = masking_key(seed, self.terms.round_id), self.peers[number].device
        for other in self.neighbours[number]:
            if other in self.pads:
                # What `number` would have added is the negative of what the other one did.
                peer = self.peers[other]
                add_pairwise(masked, agree_secret(private, peer.masking), self.terms, device, peer.device)
        return True

    def _secret(
        self,
        number: int,
        part: PacketPart,
        given: Mapping[int, bytes],
        answered: Collection[int],
        fits: Callable[[bytes], bool],
        pads: Mapping[int, bytes] | None = None,
    ) -> bytes | None:
        """Return a secret of a device, or None, and then the reason is in `lost`.

        Args:
            number: The device's number.
            part: Which of its secrets.
            given: The shares of it, by their givers.
            answered: The devices whose answers can be read.
            fits: Whether a value is what the device has committed to.
            pads: What hides the shares, by their givers; None: nothing.
        """
        dealer, t = self.shares[number], self.graph.threshold
        places = {n: i for i, n in enumerate(self.neighbours[number])}
        dealt = [
            n for n, i in places.items() if n in given and dealer.has_dealt(i, part, given[n], self.terms.round_id)
        ]
        if len(dealt) >= t:
            chosen = dealt[:t]
            shares = [given[n] if pads is None else _unpadded(given[n], pads[n]) for n in chosen]
            secret = join_shares(tuple(places[n] for n in chosen), shares)
            if secret is not None and fits(secret):
                return secret
        asked = [n for n in places if n in answered]
        self.lost[number] = LostSecret(len(dealt) >= t, frozenset(asked).difference(dealt), len(asked) - t)
        return None

    def _is_lock(self, number: int) -> Callable[[bytes], bool]:
        committed, round_id = self.shares[number].lock, self.terms.round_id
        return lambda lock: commitment(lock, round_id, "lock") == committed

    def _masking_public(self, seed: bytes) -> bytes:
        return masking_key(seed, self.terms.round_id).public_key().public_bytes_raw()


def _from_givers(dealer: int, answers: Mapping[int, Mapping[int, bytes]]) -> dict[int, bytes]:
    return {giver: shares[dealer] for giver, shares in answers.items() if dealer in shares}


def _unpadded(share: bytes, pad: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(share, pad, strict=True))
