"""The device's part of a round, without I/O: bytes in, bytes and the next session out.

Secure aggregation after Bonawitz et al. 2017, "Practical secure aggregation for privacy-preserving machine learning",
figure 4, over the graph of Bell et al. 2020. Against a server that tells neighbours different stories two things are
added, both without another message (docs/reference/protocol.md, "A lying server"): what a device gives out at the end
is locked under a secret that its own neighbours hand out only if they take it for a survivor; and a share of a
self-mask carries a pad that its dealer gives away only for neighbours with whom it has masked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ..errors import MessageError, SettingError
from . import messages as wire
from .graph import RING, Graph, ring_position
from .identity import Identity, verify_record
from .key_agreement import (
    KEY_BYTES,
    SEED_BYTES,
    agree_secret,
    commitment,
    derive_key,
    masking_key,
    seal,
    share_digest,
    unseal,
)
from .masks import key_stream, mask_lanes, to_lanes
from .messages import Stage
from .parameters import AggregationParameters
from .shamir import SHARE_BYTES, random_bytes_needed, split_secrets

Vector = npt.NDArray[np.int64]
SPENT: Final = b""  # the secret of a session that has answered everything


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A neighbour of a device in a round.

    Attributes:
        device: Its certified key.
        agreed: The shared secret for sealed shares.
        masking: Its public key for masks.
    """

    device: bytes
    agreed: bytes = field(repr=False)
    masking: bytes


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """A request that was answered.

    Attributes:
        digest: SHA-256 of the request.
        reply: The reply to it.
    """

    digest: bytes
    reply: bytes


@dataclass(frozen=True)
class DeviceSession:
    """The state that a device keeps between two messages, as a value.

    A host stores the new session (`session_codec`, in the store) *before* it sends the reply: a session that is
    rolled back could be made to say two different things.

    Attributes:
        terms: Parameters of the aggregation.
        device: The device's certified key.
        issuers: Public keys whose certificates count.
        now: Unix seconds at the start.
        secret: The secret that all keys of the round derive from.
        record: This device's record, as others get it.
        registration: The signature that registers it, which no other device gets.
        answers: The requests that were answered, by stage.
        devices: Number of devices that sent keys.
        neighbours: The neighbours [k], in the order of the ring.
        shared: True for each neighbour that dealt shares, [k].
        held: The packet of each neighbour [k], b"" if it could not be read.
    """

    terms: AggregationParameters
    device: bytes
    issuers: tuple[bytes, ...]
    now: int
    secret: bytes = field(repr=False)
    record: bytes
    registration: bytes = field(repr=False)
    answers: tuple[AnsweredRequest, ...] = ()
    devices: int = 0
    neighbours: tuple[Neighbour, ...] = ()
    shared: tuple[bool, ...] = ()
    held: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def start(
        cls,
        terms: AggregationParameters,
        identity: Identity,
        issuers: Iterable[bytes],
        now: int,
        random: Callable[[int], bytes],
    ) -> DeviceSession:
        """Start a session.

        Args:
            terms: Parameters of the aggregation.
            identity: The device's identity.
            issuers: Public keys (Ed25519) whose certificates count.
            now: Unix seconds.
            random: `os.urandom`, except in tests.
        """
        secret = random(KEY_BYTES)
        public = [key.public_key().public_bytes_raw() for key in _private(secret, terms.round_id)]
        record = identity.record(terms.round_id, *public)
        registration = identity.registration(terms.round_id, record)
        return cls(terms, identity.public, tuple(issuers), now, secret, record, registration)

    @property
    def finished(self) -> bool:
        """Return True after the last stage. The session can be deleted once the last reply has been sent."""
        return len(self.answers) == len(Stage)

    def answer(self, message: bytes, vector: Callable[[], Vector] | None = None) -> tuple[DeviceSession, bytes]:
        """Answer a message. The same message gets the same reply again.

        Args:
            message: The server's message.
            vector: Returns this device's vector, int64 [size]. Called at `Stage.MASKED` only.

        Returns:
            The next session and the reply.

        Raises:
            MessageError: An honest server would not send this now. The session stays as it is.
            SettingError: The vector does not fit the parameters.
        """
        stage = wire.stage_of(message, self.terms.round_id)
        digest = hashlib.sha256(message).digest()
        if stage <= len(self.answers):
            past = self.answers[stage - 1]
            if past.digest != digest:
                raise MessageError(
                    f"This device has answered another message of stage {stage}, and answers only once."
                )
            return self, past.reply
        if stage != len(self.answers) + 1:
            raise MessageError(f"A message of stage {stage} came before one of stage {len(self.answers) + 1}.")
        if stage is Stage.KEYS:
            session, reply = self._keys(message)
        elif stage is Stage.SHARE:
            session, reply = self._share(message, digest)
        elif stage is Stage.MASKED:
            session, reply = self._masked(message, vector)
        else:
            session, reply = self._unmask(message)
        return replace(session, answers=(*self.answers, AnsweredRequest(digest, reply))), reply

    @property
    def graph(self) -> Graph:
        """Return the graph of the round."""
        return Graph.of(self.devices, self.terms.required(self.devices))

    def _keys(self, message: bytes) -> tuple[DeviceSession, bytes]:
        if wire.KeysRequest.from_bytes(message).terms != self.terms:
            raise MessageError("These are not the terms that this device has agreed to.")
        return self, wire.KeysReply(self.record, self.registration).to_bytes(self.terms.round_id)

    def _share(self, message: bytes, digest: bytes) -> tuple[DeviceSession, bytes]:
        round_id = self.terms.round_id
        request = wire.ShareRequest.from_bytes(message, round_id)
        of_round = self._accepted(request)
        sealing, _ = _private(self.secret, round_id)
        peers = [verify_record(record, round_id, self.issuers, self.now) for record in request.records]
        self._check_places(of_round, [peer.device for peer in peers])
        neighbours = tuple(Neighbour(p.device, agree_secret(sealing, p.sealing), p.masking) for p in peers)

        k, t = of_round.neighbours, of_round.threshold
        secrets = [self._seed(purpose) for purpose in ("lock", "masking", "self-mask")]
        # Another list of neighbours, after a rollback, would meet other polynomials.
        coefficients = key_stream(
            derive_key(self.secret, round_id, "coefficients", digest, 16), random_bytes_needed(len(secrets), t)
        )
        shares = split_secrets(secrets, t, k, coefficients)
        shares[:, 2] ^= np.frombuffer(self._pads(k), np.uint8).reshape(k, SHARE_BYTES)
        sealed = [
            seal(self._seal_key(n, self.device, n.device), packet.tobytes(), self._binding(self.device, n.device))
            for n, packet in zip(neighbours, shares, strict=True)
        ]
        digests = [b"".join(share_digest(share.tobytes(), round_id) for share in packet) for packet in shares]
        reply = wire.ShareReply(
            commitment(secrets[2], round_id, "self-mask"), commitment(secrets[0], round_id, "lock"), sealed, digests
        )
        return replace(self, devices=request.devices, neighbours=neighbours), reply.to_bytes(round_id)

    def _accepted(self, request: wire.ShareRequest) -> Graph:
        """Return the graph of so many devices.

        Raises:
            MessageError: They are too few or too many, or the list is too short.
        """
        n, terms = request.devices, self.terms
        if n < terms.minimum_devices or not terms.holds(n):
            raise MessageError(
                f"{n} devices are fewer than the {terms.minimum_devices} of the terms, or more than {terms.bits} "
                "bits hold; this device does not go on."
            )
        try:
            of_round = Graph.of(n, terms.required(n))
        except SettingError as error:
            raise MessageError(str(error)) from None
        if len(request.records) != of_round.neighbours:
            raise MessageError(
                f"{len(request.records)} neighbours were shown where a round of {n} has {of_round.neighbours}."
            )
        return of_round

    def _check_places(self, of_round: Graph, devices: Sequence[bytes]) -> None:
        """Check that neighbours are others, each once, in the order of the ring, and none too far away.

        Otherwise a server could surround a device with its own.
        """
        own = ring_position(self.terms.round_id, self.device)
        distances = [0, *((ring_position(self.terms.round_id, device) - own) % RING for device in devices)]
        if any(a >= b for a, b in pairwise(distances)):
            raise MessageError("A neighbour was shown twice, is this device itself, or is out of order.")
        if of_round.complete:
            return
        half = of_round.neighbours // 2
        ahead, behind = distances[half], RING - distances[half + 1]
        if max(ahead, behind) > of_round.reach or ahead + behind > of_round.span:
            raise MessageError(
                "The neighbours are farther away than chance would have it: some were left out, or there are fewer "
                "devices than the server says."
            )

    def _masked(self, message: bytes, vector: Callable[[], Vector] | None) -> tuple[DeviceSession, bytes]:
        terms, round_id, k = self.terms, self.terms.round_id, len(self.neighbours)
        request = wire.MaskedRequest.from_bytes(message, round_id, k)
        self._check_enough(sum(request.shared), "dealt shares")
        if vector is None:
            raise SettingError("The masked vector is due: call `answer` with `vector`.")
        total = to_lanes(checked_vector(vector(), terms), terms.bits)
        total += mask_lanes(self._seed("self-mask"), terms.size, terms.bits)
        _, masking = _private(self.secret, round_id)
        packets, held, pads = iter(request.sealed), [], self._pads(k)
        for neighbour, shared in zip(self.neighbours, request.shared, strict=True):
            if not shared:
                held.append(b"")
                continue
            key = self._seal_key(neighbour, neighbour.device, self.device)
            # A packet that does not open leaves this device without a share; it masks with its dealer all the same,
            # for the dealer masks with it.
            held.append(unseal(key, next(packets), self._binding(neighbour.device, self.device)) or b"")
            add_pairwise(total, agree_secret(masking, neighbour.masking), terms, self.device, neighbour.device)
        given = b"".join(pads[i * SHARE_BYTES : (i + 1) * SHARE_BYTES] for i in range(k) if request.shared[i])
        reply = wire.MaskedReply(given, total.tobytes())
        return replace(self, shared=tuple(request.shared), held=tuple(held)), reply.to_bytes(round_id)

    def _unmask(self, message: bytes) -> tuple[DeviceSession, bytes]:
        round_id = self.terms.round_id
        survivors = wire.UnmaskRequest.from_bytes(message, round_id, len(self.neighbours)).survivors
        if any(alive and not shared for alive, shared in zip(survivors, self.shared, strict=True)):
            raise MessageError("A neighbour is said to have survived that had not even dealt its shares.")
        self._check_enough(sum(survivors), "survived")
        locks, others = [], []
        for packet, alive in zip(self.held, survivors, strict=True):
            if packet:
                lock, masking, self_mask = (packet[i : i + SHARE_BYTES] for i in range(0, len(packet), SHARE_BYTES))
                locks += [lock] if alive else []
                others.append(self_mask if alive else masking)
        key = derive_key(self._seed("lock"), round_id, "lock key")
        reply = wire.UnmaskReply([bool(packet) for packet in self.held], locks, seal(key, b"".join(others), round_id))
        return replace(self, secret=SPENT, neighbours=(), held=(), shared=()), reply.to_bytes(round_id)

    def _check_enough(self, count: int, did: str) -> None:
        least = self.graph.survivors
        if count < least:
            raise MessageError(
                f"{count} of {len(self.neighbours)} neighbours {did}, fewer than {least}: it ends here."
            )

    def _seed(self, purpose: str) -> bytes:
        return derive_key(self.secret, self.terms.round_id, f"{purpose} seed", length=SEED_BYTES)

    def _pads(self, neighbours: int) -> bytes:
        return key_stream(derive_key(self.secret, self.terms.round_id, "pads", length=16), neighbours * SHARE_BYTES)

    def _seal_key(self, neighbour: Neighbour, sender: bytes, receiver: bytes) -> bytes:
        return derive_key(neighbour.agreed, self.terms.round_id, "seal", sender + receiver)

    def _binding(self, sender: bytes, receiver: bytes) -> bytes:
        return self.terms.round_id + sender + receiver


def add_pairwise(
    total: npt.NDArray[np.unsignedinteger], agreed: bytes, terms: AggregationParameters, own: bytes, other: bytes
) -> None:
    """Add to `total` what device `own` masks with for `other`.

    It is the stream, or its negative for the later of the two keys.

    Args:
        total: Lanes, changed in place.
        agreed: Shared secret of the two masking keys.
        terms: Parameters of the aggregation.
        own: Certified key of the device.
        other: Certified key of the neighbour.
    """
    first = own < other
    key = derive_key(agreed, terms.round_id, "mask", own + other if first else other + own, 16)
    (np.add if first else np.subtract)(total, mask_lanes(key, terms.size, terms.bits), out=total)


def checked_vector(vector: Vector, terms: AggregationParameters) -> Vector:
    """Return the vector if it fits the parameters.

    Raises:
        SettingError: Its type, shape or range is wrong.
    """
    if not isinstance(vector, np.ndarray) or vector.dtype != np.int64 or vector.shape != (terms.size,):
        raise SettingError(f"A vector of this round is int64 [{terms.size}].")
    if vector.min() < -terms.bound or vector.max() > terms.bound:
        raise SettingError(f"An entry of the vector is beyond ±{terms.bound}; clip it first.")
    return vector


def _private(secret: bytes, round_id: bytes) -> tuple[X25519PrivateKey, X25519PrivateKey]:
    """Return the private keys for seals and for masks."""
    seed = derive_key(secret, round_id, "masking seed", length=SEED_BYTES)
    return X25519PrivateKey.from_private_bytes(derive_key(secret, round_id, "sealing key")), masking_key(
        seed, round_id
    )
