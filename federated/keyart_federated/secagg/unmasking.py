"""Unmasking: what the devices said at the last stage, turned into the masks that are still in the sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from keyart.errors import RoundFailed
from keyart.secagg import AggregationParameters, Graph
from keyart.secagg.device_session import add_pairwise
from keyart.secagg.identity import VerifiedPeer
from keyart.secagg.key_agreement import agree_secret, commitment, derive_key, masking_key, unseal
from keyart.secagg.masks import Lanes, mask_lanes, to_signed
from keyart.secagg.messages import ShareReply, UnmaskReply
from keyart.secagg.shamir import SHARE_BYTES

from .recovery import Recovery


@dataclass(frozen=True)
class Unmasking:
    """By the devices' numbers: neighbours [k] and peers, of all; shares, of those that dealt; pads, of those whose
    masked vector is in the sum (the survivors); replies, of those that answered to the end."""

    terms: AggregationParameters
    graph: Graph
    neighbours: Mapping[int, Sequence[int]]
    peers: Mapping[int, VerifiedPeer]
    shares: Mapping[int, ShareReply]
    pads: Mapping[int, bytes]
    replies: Mapping[int, UnmaskReply]

    def total(self, masked: Lanes) -> tuple[npt.NDArray[np.int64], list[int]]:
        """The sum without masks, and the devices whose masks are still in it since their secrets cannot be rebuilt.

        `masked` is used up. Raises RoundFailed where too few have said anything that can be read.
        """
        answers = self._answers()
        needed = self.terms.required(len(self.peers))
        if len(answers) < needed:
            raise RoundFailed(
                f"{len(answers)} of {len(self.peers)} devices answered at stage unmask with what can be read, where "
                f"{needed} must. Nothing was learnt and the last good model stays; ask again."
            )
        lost = [n for n in self.pads if not self._take_self_mask(masked, n, answers)]
        lost += [n for n in self.shares if n not in self.pads and not self._take_pairwise(masked, n, answers)]
        return to_signed(masked, self.terms.bits), lost

    @cached_property
    def _recovery(self) -> Recovery:
        return Recovery(self.graph.threshold)

    def _answers(self) -> dict[int, dict[int, bytes]]:
        """By giver, then by dealer: shares (of a self-mask, still padded, or of a masking seed) of all givers whose
        lock their neighbours have opened."""
        locks: dict[int, dict[int, bytes]] = {number: {} for number in self.replies}
        for giver, reply in self.replies.items():
            held = (n for n, has in zip(self.neighbours[giver], reply.held, strict=True) if has and n in self.pads)
            for dealer, share in zip(held, reply.locks, strict=True):
                if dealer in locks:
                    locks[dealer][giver] = share
        answers = {}
        for giver, reply in self.replies.items():
            lock = self._secret(giver, locks[giver], "lock", self.shares[giver].lock)
            if lock is None:
                continue
            content = unseal(derive_key(lock, self.terms.round_id, "lock key"), reply.locked, self.terms.round_id)
            if content is None:
                continue
            dealers = [n for n, has in zip(self.neighbours[giver], reply.held, strict=True) if has]
            parts = (content[i : i + SHARE_BYTES] for i in range(0, len(content), SHARE_BYTES))
            answers[giver] = dict(zip(dealers, parts, strict=True))
        return answers

    def _take_self_mask(self, masked: Lanes, number: int, answers: Mapping[int, Mapping[int, bytes]]) -> bool:
        dealt_to = [n for n in self.neighbours[number] if n in self.shares]
        pads = np.frombuffer(self.pads[number], np.uint8).reshape(-1, SHARE_BYTES)
        shares = {
            giver: (np.frombuffer(answers[giver][number], np.uint8) ^ pad).tobytes()
            for giver, pad in zip(dealt_to, pads, strict=True)
            if number in answers.get(giver, ())
        }
        seed = self._secret(number, shares, "self-mask", self.shares[number].self_mask)
        if seed is not None:
            masked -= mask_lanes(seed, self.terms.size, self.terms.bits)
        return seed is not None

    def _take_pairwise(self, masked: Lanes, number: int, answers: Mapping[int, Mapping[int, bytes]]) -> bool:
        """Of a device that dealt shares but whose masked vector did not come in: its masks in others' vectors."""
        shares = {n: answers[n][number] for n in self.neighbours[number] if number in answers.get(n, ())}
        public = self.peers[number].masking
        seed = self._recovery.secret(shares, self._holders(number), lambda seed: self._masking_public(seed) == public)
        if seed is None:
            return False
        private, device = masking_key(seed, self.terms.round_id), self.peers[number].device
        for other in self.neighbours[number]:
            if other in self.pads:
                # What `number` would have added is the negative of what the other one did.
                peer = self.peers[other]
                add_pairwise(masked, agree_secret(private, peer.masking), self.terms, device, peer.device)
        return True

    def _secret(self, number: int, shares: Mapping[int, bytes], purpose: str, committed: bytes) -> bytes | None:
        def fits(secret: bytes) -> bool:
            return commitment(secret, self.terms.round_id, purpose) == committed

        return self._recovery.secret(shares, self._holders(number), fits)

    def _holders(self, number: int) -> dict[int, int]:
        return {n: i for i, n in enumerate(self.neighbours[number])}

    def _masking_public(self, seed: bytes) -> bytes:
        return masking_key(seed, self.terms.round_id).public_key().public_bytes_raw()
