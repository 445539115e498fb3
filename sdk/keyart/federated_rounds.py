"""Federated rounds of one profile: what an app sees under `Personalizer.federated`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .profile.session import Session

if TYPE_CHECKING:
    from .campaigns.budget import Budget
    from .campaigns.limits import Limits
    from .campaigns.participation import CampaignParticipation
    from .campaigns.receipts import Contribution
    from .campaigns.round_state import RoundProgress


class FederatedRounds:
    """The rounds that a profile takes part in, and what they have cost it. Get it from `Personalizer.federated`.

    Rounds need the consents "personalization" and "federated", and servers named in `Limits`.
    """

    def __init__(self, session: Session, limits: Limits | None) -> None:
        self._session, self._limits = session, limits

    def answer(self, message: bytes) -> bytes | None:
        """Take one step of a campaign (docs/reference/outbound.md).

        Args:
            message: Bytes from the server: a signed offer, or a stage of the secure aggregation.

        Returns:
            Bytes for the server, or None if this device declines.

        Raises:
            MessageError: The bytes are not a message of keyart's protocol.
            StoreFull: The step cannot be stored; nothing has left the device.
        """
        session = self._session
        with session.writing:
            profile, chooser = session.person(), session.chooser
            if profile is None or not session.custody.takes_part:
                session.custody.drop_rounds()
                return None
            return self._participation().answer(
                message, profile, chooser.installed, chooser.catalog, chooser.policy, chooser.limit
            )

    def leave(self, round_id: bytes) -> bool:
        """Drop a round that has received this device's keys and nothing else, since its server has no place for them.

        Args:
            round_id: Id of the round, 32 bytes, as in every message of the round.

        Returns:
            True if there was such a round.
        """
        with self._session.writing:
            return self._takes_part() and self._participation().leave(round_id)

    def device_key(self) -> bytes | None:
        """Return the public key that an issuer certifies for `enrol`; it is drawn at the first call.

        Returns:
            An Ed25519 key of 32 bytes, or None without the consents. `Personalizer.forget` ends it: the next call
            draws another one.
        """
        with self._session.writing:
            return self._participation().device_key() if self._takes_part() else None

    def enrol(self, certificate: bytes) -> bool:
        """Store the issuer's certificate of `device_key()`; without one every protected campaign is declined.

        Returns:
            False if nothing may be kept.

        Raises:
            MessageError: Other devices would not accept the certificate.
        """
        with self._session.writing:
            allowed = self._takes_part()
            if allowed:
                self._participation().enrol(certificate)
            return allowed

    def request_certificate(self, challenge: bytes, attestation: bytes = b"") -> bytes | None:
        """Return the request for a certificate: the device's key, and the proof that this device has it.

        Args:
            challenge: The issuer's challenge for `device_key()`, 40 bytes.
            attestation: Evidence of the platform (Android Key Attestation, App Attest) that is bound to the
                challenge, if the issuer asks for it.

        Returns:
            Bytes for the issuer, or None without the consents.

        Raises:
            MessageError: No issuer sends such a challenge.
        """
        with self._session.writing:
            return self._participation().request_certificate(challenge, attestation) if self._takes_part() else None

    def update_revocations(self, revoked: bytes) -> bool:
        """Store an issuer's revocation list.

        A device that has one declines rounds with a revoked neighbour, and all rounds once the list has expired.

        Returns:
            False if nothing may be kept.

        Raises:
            MessageError: It is not the list of an issuer of `Limits`, has expired, or is older than the stored one.
        """
        with self._session.writing:
            allowed = self._takes_part()
            if allowed:
                self._participation().update_revocations(revoked)
            return allowed

    def arm(self, experiment: str, arms: int) -> int | None:
        """Return the arm of an experiment that this profile is in. It never changes, and the server never learns it.

        Args:
            experiment: Name of the experiment.
            arms: Number of arms, including the control.

        Returns:
            A number from 0 to arms − 1, or None without the consents.

        Raises:
            SettingError: The name is not a text, or the number of arms is out of range.
        """
        with self._session.writing:
            return self._participation().arm(experiment, arms) if self._takes_part() else None

    def budget(self) -> Budget:
        """Return the privacy loss of this profile over all campaigns so far, and its limit."""
        with self._session.writing:
            return self._participation().budget()

    def campaigns(self) -> list[RoundProgress]:
        """Return the rounds in progress with their purpose, oldest first."""
        with self._session.writing:
            return [open_round.progress for open_round in self._participation().rounds()]

    def sent(self) -> list[Contribution]:
        """Return a receipt for each vector that left this device, oldest first (GDPR 15)."""
        with self._session.writing:
            return self._participation().contributions()

    def exported(self) -> dict[str, Any]:
        """Return the part of `Personalizer.export` that is about rounds, as arguments of `export_profile`."""
        participation = self._participation()
        return {
            "contributions": [asdict(contribution) for contribution in participation.contributions()],
            "rounds": [asdict(open_round.progress) for open_round in participation.rounds()],
            "device_key": participation.known_device_key(),
        }

    def _takes_part(self) -> bool:
        return self._session.person() is not None and self._session.custody.takes_part

    def _participation(self) -> CampaignParticipation:
        from .campaigns.limits import Limits
        from .campaigns.participation import CampaignParticipation

        return CampaignParticipation(self._session.custody.store, self._limits or Limits(), self._session.clock())
