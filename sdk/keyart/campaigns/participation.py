"""Participation on the device: a server's messages are judged, answered, and stored before an answer leaves.

A message is a signed offer (`offer`) or a stage of the secure aggregation that follows it (`secagg`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ..dp.skellam import RandomBytes
from ..errors import MessageError, SettingError
from ..model.eligibility import NO_AGE_LIMIT, AgeLimit
from ..secagg import CertificationRequest, DeviceSession, ShareRequest, Stage, message_header
from ..secagg.identity import certified_device
from ..secagg.key_agreement import KEY_BYTES
from ..secagg.messages import HEADER_BYTES, KeysRequest
from ..secagg.messages import MAGIC as STAGE_MAGIC
from ..store.database import Store, Table
from ..store.open_rounds import drop_open_rounds
from . import enrolment, kinds, offer, spent_counter, vectors
from .budget import Budget
from .kinds.experiment import arm_of
from .limits import Limits, ParticipationHistory
from .offer import Offer
from .receipts import Contribution
from .round_state import OpenRound
from .vectors import VectorSource

if TYPE_CHECKING:
    from ..catalog import Catalog
    from ..model.loaded_model import LoadedModel
    from ..model.policy import Policy
    from ..profile.profile import Profile

log = logging.getLogger("keyart")

MAX_MESSAGE_BYTES: Final = 8_000_000
DAY: Final = timedelta(days=1)
NOT_ENROLLED: Final = "this device has no certificate that holds; see Personalizer.federated.enrol"


class CampaignParticipation:
    """The campaigns of one profile's store at one moment. `random` is the operating system's, except in tests."""

    def __init__(self, store: Store, limits: Limits, at: datetime, random: RandomBytes = os.urandom) -> None:
        self._store, self._limits, self._at, self._random = store, limits, at, random

    def answer(
        self,
        message: bytes,
        profile: Profile,
        installed: LoadedModel,
        catalog: Catalog,
        policy: Policy,
        limit: AgeLimit = NO_AGE_LIMIT,
    ) -> bytes | None:
        """Return the reply once everything behind it is on the disk, or None if the device declines.

        Raises:
            MessageError: The bytes are not a message of the protocol.
            StoreFull: The disk is full, read-only or failing.
        """
        if not isinstance(message, (bytes, bytearray, memoryview)) or len(message) > MAX_MESSAGE_BYTES:
            raise MessageError(f"A message is bytes, at most {MAX_MESSAGE_BYTES:,} of them.")
        message = bytes(message)
        self._notice_rollback()
        drop_open_rounds(self._store, self._at.timestamp())
        identity = enrolment.find_identity(self._store)
        secret = identity.private if identity is not None else b""
        source = VectorSource(profile, installed, catalog, secret, policy, self._limits.labels, limit)
        if message.startswith(offer.OFFER_MAGIC):
            reply = self._begin(message, source)
        elif message.startswith(STAGE_MAGIC):
            reply = self._go_on(message, source)
        else:
            raise MessageError(
                "The message is not one of keyart's protocol 2: it does not come from a keyart server."
            )
        if reply is not None:
            # Also where it was said before. A power cut that takes a session back would let this device say two
            # different things, or something that was not charged.
            self._store.flush()
            if self._store.keeps_counter:
                spent_counter.raise_counter(self._store, self._cost())
        return reply

    def rounds(self) -> Iterator[OpenRound]:
        """Yield the rounds in progress, oldest first."""
        for _, data in self._store.scan(Table.ROUND):
            open_round = OpenRound.from_bytes(data, self._limits.servers)
            if open_round is not None:
                yield open_round

    def contributions(self) -> list[Contribution]:
        """Return receipts for all that left the device, oldest first.

        A file that was rolled back has one of kind "rolled back" for those that are missing.
        """
        self._notice_rollback()
        return self._receipts()

    def _receipts(self) -> list[Contribution]:
        return [Contribution.from_bytes(data) for _, data in self._store.scan(Table.RECEIPT)]

    def known_device_key(self) -> bytes | None:
        """Return the device's public key, [32]; None if none was drawn yet."""
        identity = enrolment.find_identity(self._store)
        return identity.public if identity is not None else None

    def device_key(self) -> bytes:
        """Return the device's public key, [32], which is drawn if there is none."""
        return enrolment.find_or_create_identity(self._store, self._random).public

    def enrol(self, certificate: bytes) -> None:
        """Store the certificate of the device's key.

        Raises:
            MessageError: Neighbours would not accept it.
        """
        enrolment.store_certificate(self._store, certificate, self._limits.issuers, self._now)

    def request_certificate(self, challenge: bytes, attestation: bytes) -> bytes:
        """Return the request for a certificate of the device's key. Raises MessageError for no issuer's challenge."""
        identity = enrolment.find_or_create_identity(self._store, self._random)
        return CertificationRequest.create(identity, challenge, attestation).to_bytes()

    def update_revocations(self, data: bytes) -> None:
        """Store an issuer's revocation list. Raises MessageError for one that is not newer, or not an issuer's."""
        enrolment.store_revocations(self._store, data, self._limits.issuers, self._now)

    def arm(self, experiment: str, arms: int) -> int:
        """Return the arm of an experiment, 0 … arms − 1.

        Raises:
            SettingError: The name is not a text, or the number of arms is out of range.
        """
        if not isinstance(experiment, str) or not isinstance(arms, int) or not 1 <= arms <= offer.MAX_ARMS:
            raise SettingError(f"An experiment has a name, and 1 to {offer.MAX_ARMS} arms.")
        return arm_of(enrolment.find_or_create_identity(self._store, self._random).private, experiment, arms)

    def budget(self) -> Budget:
        """Return the budget and how much of it is spent."""
        sent, delta = self.contributions(), self._limits.delta
        past = ParticipationHistory([contribution.charge for contribution in sent])
        return Budget(past.spent(delta), self._limits.epsilon, delta, len(sent))

    def _notice_rollback(self) -> None:
        """Make up for receipts that an older copy of the file lacks, before the first use of those that it has."""
        if not self._store.keeps_counter or self._store.counter_compared:
            return
        if spent_counter.notice_rollback(self._store, self._cost(), self._at):
            log.warning("The profile's file is an older copy of itself. What it has forgotten counts as spent.")
        self._store.counter_compared = True

    def _cost(self) -> float:
        return spent_counter.cost_of(receipt.charge for receipt in self._receipts())

    def leave(self, round_id: bytes) -> bool:
        """Forget a round that has received only the keys, and return True if there was one.

        After that stage a neighbour's share or a mask could be missed: a round that has gone further runs to its end.
        """
        open_round = self._find(round_id)
        if open_round is None or len(open_round.session.answers) > Stage.KEYS:
            return False
        with self._store.transaction():
            self._store.delete(Table.ROUND, round_id)
        return True

    def _begin(self, message: bytes, source: VectorSource) -> bytes | None:
        asked_offer = Offer.read(message, self._limits.servers)
        if asked_offer is None:
            return self._declined("no server that this app trusts has signed it")
        terms = asked_offer.terms(message)
        open_round = self._find(terms.round_id)
        if open_round is not None:
            return open_round.session.answers[0].reply
        identity = enrolment.find_identity(self._store)
        reason = self._refusal(asked_offer, source)
        if reason is not None or identity is None:
            return self._declined(reason or NOT_ENROLLED)
        session = DeviceSession.start(terms, identity, self._limits.issuers, self._now, self._random)
        session, reply = session.answer(KeysRequest(terms).to_bytes())
        self._keep(OpenRound(message, asked_offer, session))
        return reply

    def _go_on(self, message: bytes, source: VectorSource) -> bytes | None:
        if len(message) < HEADER_BYTES:
            raise MessageError("The message is shorter than its own head.")
        round_id = message[HEADER_BYTES - KEY_BYTES : HEADER_BYTES]
        open_round = self._find(round_id)
        kind = kinds.find_kind(open_round.offer) if open_round is not None else None
        if open_round is None or kind is None:
            return self._declined("its round is not in progress here: it is over, was dropped, or never began")
        reason = None if open_round.has_sent else self._refusal(open_round.offer, source, open_round)
        if reason is None and message[:HEADER_BYTES] == message_header(Stage.SHARE, round_id):
            reason = self._revoked(ShareRequest.from_bytes(message, round_id))
        if reason is not None:
            self._store.delete(Table.ROUND, round_id)
            return self._declined(reason)
        try:
            session, reply = open_round.session.answer(
                message, lambda: vectors.protected_vector(kind, open_round.offer, source, self._random)
            )
        except SettingError as error:  # of the vector, which is not sent
            self._store.delete(Table.ROUND, round_id)
            return self._declined(str(error))
        following = open_round.after(session)
        if session is not open_round.session:
            self._keep(following, len(reply) if following.has_sent and not open_round.has_sent else None)
        return reply

    def _refusal(self, asked: Offer, source: VectorSource, besides: OpenRound | None = None) -> str | None:
        """Return why the device declines, None if it goes on. `besides` is the round itself, if it is in progress."""
        identity = enrolment.find_identity(self._store)
        if identity is None or not enrolment.is_certified(identity, self._limits.issuers, self._now):
            return NOT_ENROLLED
        known = enrolment.find_revocations(self._store, self._limits.issuers)
        if known is not None and known.expires < self._now:
            return "the revocation list has expired; see Personalizer.federated.update_revocations"
        if known is not None and known.revokes(identity.public):
            return "the issuer has revoked this device's certificate"
        kind, installed = kinds.find_kind(asked), source.installed
        if kind is None:
            return f"this keyart knows no campaign of kind {asked.kind!r} and that topic"
        past = self._past(besides)
        reason = self._limits.refusal(asked, past, installed.version, installed.spec.sha256, self._now)
        if reason is None and not kind.fits(asked, source):
            return "its vector has another shape than this device's model and catalogue"
        return reason

    def _revoked(self, request: ShareRequest) -> str | None:
        """Return why a device declines its neighbours, None if the issuer has revoked none of them."""
        known = enrolment.find_revocations(self._store, self._limits.issuers)
        if known is not None and any(known.revokes(certified_device(record)) for record in request.records):
            return "the issuer has revoked the certificate of a neighbour"
        return None

    def _past(self, besides: OpenRound | None) -> ParticipationHistory:
        sent = self.contributions()
        charged = {contribution.round_id for contribution in sent}
        waiting = [
            open_round.offer
            for open_round in self.rounds()
            if open_round.id.hex() not in charged and (besides is None or open_round.id != besides.id)
        ]
        lately = sum(datetime.fromisoformat(one.at) > self._at - DAY for one in sent) + len(waiting)
        charges = [*(one.charge for one in sent), *(one.charge for one in waiting)]
        rounds = {*((one.campaign, one.round) for one in sent), *((one.campaign, one.round) for one in waiting)}
        return ParticipationHistory(charges, lately, frozenset(rounds))

    def _find(self, round_id: bytes) -> OpenRound | None:
        data = self._store.get(Table.ROUND, round_id)
        return None if data is None else OpenRound.from_bytes(data, self._limits.servers)

    def _keep(self, following: OpenRound, sent_bytes: int | None = None) -> None:
        """Store the session before anything leaves, and with a vector of `sent_bytes` its charge, both or neither."""
        with self._store.transaction():
            self._store.put(Table.ROUND, following.id, following.to_bytes())
            if sent_bytes is not None:
                receipt = self._receipt(following, sent_bytes)
                self._store.put(Table.RECEIPT, following.id, receipt.to_bytes())

    def _receipt(self, of: OpenRound, size_bytes: int) -> Contribution:
        round_offer, delta = of.offer, self._limits.delta
        charges = [contribution.charge for contribution in self.contributions()]
        return Contribution(
            at=self._at.isoformat(),
            kind=round_offer.kind,
            campaign=round_offer.campaign,
            round=round_offer.round,
            size_bytes=size_bytes,
            masked=True,
            noise_multiplier=float(round_offer.noise_multiplier),
            topic=round_offer.topic,
            purpose=round_offer.purpose,
            clip=float(round_offer.clip),
            units=round_offer.units,
            entries=round_offer.size,
            minimum_devices=round_offer.minimum_devices,
            epsilon=ParticipationHistory([*charges, round_offer.charge]).spent(delta),
            delta=delta,
            round_id=of.id.hex(),
        )

    def _declined(self, reason: str) -> bytes | None:
        log.info("A campaign was declined: %s", reason)
        return None

    @property
    def _now(self) -> int:
        return int(self._at.timestamp())
