"""The server's part of a round, without I/O: a state machine over the four stages, fed by gateways.

It sees keys, sealed shares, sums of masked vectors, and at the end the seeds of self-masks (of devices whose vector
came in) and of masking keys (of the others); its result is the exact sum. Whatever a device or a gateway sends that
does not belong is logged, noted in `rejected`, and that device counts as silent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from keyart.errors import MessageError, RoundFailed, SumUnopened
from keyart.secagg import (
    REPLY_FLAG,
    SHARE_BYTES,
    AggregationParameters,
    Graph,
    KeysReply,
    KeysRequest,
    MaskedRequest,
    ShareReply,
    ShareRequest,
    Stage,
    UnmaskReply,
    UnmaskRequest,
    VerifiedPeer,
    agree_secret,
    ring_position,
    verify_registration,
)

from ..types import Integers
from .blame import guilty
from .stage_messages import StageMessages
from .unmasking import Unmasking

log = logging.getLogger("keyart.federated")


@dataclass(frozen=True, slots=True)
class SumResult:
    """The result of a round.

    Attributes:
        total: The sum, int64 [d].
        survivors: Numbers of the devices whose vectors are in it, ascending.
    """

    total: Integers
    survivors: tuple[int, ...]


class Coordinator:
    """The coordinator of one round. For each stage: `ask` each gateway, `receive` their answers, `close` the stage.

    After the last stage, `result` is the sum. Devices' numbers (uint32) are the gateways' to choose; a number that
    two gateways claim is the first one's. `rejected` says why a device was refused, by its number.

    Args:
        terms: Parameters of the aggregation.
        issuers: Public keys (Ed25519) whose certificates count.
        now: Unix seconds.
        excluded: SHA-256, in hex, of certified keys that may not take part (`SumUnopened.excluded`).
    """

    def __init__(
        self, terms: AggregationParameters, issuers: Iterable[bytes], now: int, excluded: Collection[str] = ()
    ) -> None:
        self.terms, self.stage = terms, Stage.KEYS
        self.rejected: dict[int, str] = {}
        self._issuers, self._now, self._excluded = tuple(issuers), now, frozenset(excluded)
        self._probe = X25519PrivateKey.generate()
        self._gateway: dict[int, int] = {}
        self._records: dict[int, bytes] = {}
        self._peers: dict[int, VerifiedPeer] = {}
        self._devices: set[bytes] = set()
        self._shares: dict[int, ShareReply] = {}
        self._pads: dict[int, bytes] = {}
        self._replies: dict[int, UnmaskReply] = {}
        self._masked = np.zeros(terms.size, dtype=f"<u{terms.lane_bytes}")
        self._graph: Graph | None = None
        self._ring: list[int] = []
        self._neighbours: dict[int, list[int]] = {}
        self._result: SumResult | None = None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of a round."""
        return tuple(Stage)

    @property
    def invitation(self) -> bytes:
        """The first message, the same for every device."""
        return KeysRequest(self.terms).to_bytes()

    @property
    def result(self) -> SumResult:
        """The sum. Raises RoundFailed before the last stage is closed."""
        if self._result is None:
            raise RoundFailed(f"The round is at stage {self.stage.name.lower()}: there is no sum yet.")
        return self._result

    def ask(self, gateway: int) -> bytes:
        """Return the messages for a gateway's devices, for `Gateway.deliver`; there are none at the first stage."""
        request: Callable[[int], Any] = {
            Stage.SHARE: self._share_request,
            Stage.MASKED: self._masked_request,
            Stage.UNMASK: self._unmask_request,
        }[self.stage]
        parts = {number: request(number).to_bytes(self.terms.round_id) for number in self._asked(gateway)}
        return StageMessages(self.stage, parts).to_bytes(self.terms.round_id)

    def due(self, gateway: int) -> int:
        """Return how many of a gateway's devices are asked something at this stage."""
        return len(self._asked(gateway))

    def receive(self, gateway: int, message: bytes) -> None:
        """Take a gateway's answer to this stage, from `Gateway.collect`; it may send several.

        It raises nothing: unusable messages are logged and left out. `gateway` is the number that the transport
        knows it by.
        """
        tail = self.terms.vector_bytes if self.stage is Stage.MASKED else 0
        try:
            bundle = StageMessages.from_bytes(message, self.stage | REPLY_FLAG, self.terms.round_id, tail)
            if self.stage is Stage.MASKED:
                self._add(gateway, bundle)
        except MessageError as error:
            log.warning("Gateway %d is left out at stage %s: %s", gateway, self.stage.name.lower(), error)
            return
        if self.stage is Stage.MASKED:
            return
        take = {Stage.KEYS: self._take_keys, Stage.SHARE: self._take_shares, Stage.UNMASK: self._take_answers}[
            self.stage
        ]
        for number, reply in bundle.parts.items():
            try:
                if self.stage is not Stage.KEYS and self._gateway.get(number) != gateway:
                    raise MessageError("it is not a device of this gateway")
                take(gateway, number, reply)
            except MessageError as error:
                self.rejected.setdefault(number, str(error))
                log.warning("Device %d is not heard at stage %s: %s", number, self.stage.name.lower(), error)

    def close(self) -> None:
        """End the stage and prepare the next one.

        Raises:
            RoundFailed: Too few devices answered.
            SumUnopened: The masks of the sum cannot be removed.
            SettingError: No graph holds so many devices with the threshold of the terms.
        """
        if self.stage is Stage.KEYS:
            self._require(self._peers)
            self._arrange()
        elif self.stage is Stage.SHARE:
            self._require(self._shares)
        elif self.stage is Stage.MASKED:
            self._require(self._pads)
        else:
            self._require(self._replies)
            self._result = self._unmasked()
            return
        self.stage = Stage(self.stage + 1)

    def _asked(self, gateway: int) -> list[int]:
        """Return the devices of a gateway that have answered the stage before, by number."""
        answered: dict[Stage, Iterable[int]] = {
            Stage.SHARE: self._peers,
            Stage.MASKED: self._shares,
            Stage.UNMASK: self._pads,
        }
        return [number for number in answered.get(self.stage, ()) if self._gateway[number] == gateway]

    def _require(self, answered: Iterable[int]) -> None:
        count, needed = len(list(answered)), self.terms.required(len(self._peers))
        if count < needed and self.stage is Stage.KEYS:
            raise RoundFailed(
                f"{count} devices came where {needed} must; {len(self.rejected)} more were not heard for what they "
                "sent. Nothing was learnt and the last good model stays; give it more time, or see whether devices "
                "decline: their limits name the least noise, the most ε and the smallest cohort."
            )
        if count < needed:
            raise RoundFailed(
                f"{count} of {len(self._peers)} devices answered at stage {self.stage.name.lower()} where {needed} "
                f"must; {len(self.rejected)} were not heard for what they sent. Nothing was learnt and the last good "
                "model stays; ask again, more devices or with more time."
            )

    def _arrange(self) -> None:
        n, round_id = len(self._peers), self.terms.round_id
        if not self.terms.holds(n):
            raise RoundFailed(
                f"{n} devices are more than {self.terms.bits} bits hold; invite fewer, or take 64 bits."
            )
        self._graph = Graph.of(n, self.terms.required(n))
        self._ring = sorted(self._peers, key=lambda number: ring_position(round_id, self._peers[number].device))
        distances = self._graph.distances()
        self._neighbours = {
            number: [self._ring[(i + distance) % n] for distance in distances] for i, number in enumerate(self._ring)
        }

    def _share_request(self, number: int) -> ShareRequest:
        return ShareRequest(len(self._peers), [self._records[n] for n in self._neighbours[number]])

    def _masked_request(self, number: int) -> MaskedRequest:
        neighbours = self._neighbours[number]
        # As far on as a neighbour stands, so far back the device itself stands in that one's list.
        sealed = [self._shares[n].sealed[-1 - i] for i, n in enumerate(neighbours) if n in self._shares]
        return MaskedRequest([n in self._shares for n in neighbours], sealed)

    def _unmask_request(self, number: int) -> UnmaskRequest:
        return UnmaskRequest([n in self._pads for n in self._neighbours[number]])

    @property
    def _of_graph(self) -> Graph:
        if self._graph is None:
            raise RoundFailed("The round has no graph before the stage of keys is closed.")
        return self._graph

    def _take_keys(self, gateway: int, number: int, reply: bytes) -> None:
        keys = KeysReply.from_bytes(reply, self.terms.round_id)
        # The record alone proves nothing: whoever was shown it could hand it in, at this gateway or at another one.
        peer = verify_registration(keys.record, keys.registration, self.terms.round_id, self._issuers, self._now)
        for key in (peer.sealing, peer.masking):
            agree_secret(self._probe, key)  # one that agrees on zero would drive its neighbours away
        if peer.key_hash in self._excluded:
            raise MessageError("its shares did not open in an earlier round")
        if number in self._peers or peer.device in self._devices:
            raise MessageError("its number or its key is in the round already")
        self._devices.add(peer.device)
        self._gateway[number], self._records[number], self._peers[number] = gateway, keys.record, peer

    def _take_shares(self, _: int, number: int, reply: bytes) -> None:
        if number in self._shares:
            raise MessageError("it has dealt its shares already")
        self._shares[number] = ShareReply.from_bytes(reply, self.terms.round_id, self._of_graph.neighbours)

    def _add(self, gateway: int, bundle: StageMessages) -> None:
        for number, pads in bundle.parts.items():
            if self._gateway.get(number) != gateway or number not in self._shares or number in self._pads:
                raise MessageError(f"device {number} is not due in its sum")
            if len(pads) != SHARE_BYTES * sum(n in self._shares for n in self._neighbours[number]):
                raise MessageError(f"device {number} has another number of pads than of neighbours")
        self._pads.update(bundle.parts)
        self._masked += np.frombuffer(bundle.tail, self._masked.dtype)

    def _take_answers(self, _: int, number: int, reply: bytes) -> None:
        if number not in self._pads or number in self._replies:
            raise MessageError("it was not asked, or has answered already")
        told = self._unmask_request(number).survivors
        answer = UnmaskReply.from_bytes(reply, self.terms.round_id, told)
        if any(held and n not in self._shares for n, held in zip(self._neighbours[number], answer.held, strict=True)):
            raise MessageError("it answers for a neighbour that has dealt nothing")
        self._replies[number] = answer

    def _unmasked(self) -> SumResult:
        unmasking = Unmasking(
            self.terms, self._of_graph, self._neighbours, self._peers, self._shares, self._pads, self._replies
        )
        answers, needed = unmasking.answers(), self.terms.required(len(self._peers))
        if len(answers) < needed:
            raise self._unopened(
                f"{len(answers)} of {len(self._peers)} devices answered at stage unmask with what can be read, where "
                f"{needed} must",
                unmasking,
            )
        total, stay = unmasking.total(self._masked.copy(), answers)
        if stay:
            names = ", ".join(map(str, stay[:10]))
            raise self._unopened(f"The secrets of {len(stay)} devices ({names}) could not be rebuilt", unmasking)
        return SumResult(total, tuple(sorted(self._pads)))

    def _unopened(self, reason: str, unmasking: Unmasking) -> SumUnopened:
        found = guilty(unmasking.lost, self._of_graph.max_disputes)
        self.rejected.update(dict.fromkeys(found, "it has dealt or given wrong shares"))
        advice = (
            f"{len(found)} devices that dealt or gave wrong shares are excluded; ask again without them."
            if found
            else "Who gave wrong shares cannot be told; ask again, with more time."
        )
        return SumUnopened(
            f"{reason}. No vector and no sum was opened, and the last good model stays. {advice}",
            [self._peers[number].key_hash for number in found],
        )
