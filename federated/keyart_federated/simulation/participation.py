"""Participation of simulated devices: offers are judged as a device judges them, by signature, limits and ledger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.campaigns.limits import Limits, Past
from keyart.campaigns.offer import Offer
from keyart.errors import MessageError, RoundFailed

Bools = npt.NDArray[np.bool_]

DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class _Answered:
    """A round that some devices have answered. devices [n]: which; at: Unix seconds."""

    offer: Offer
    at: float
    devices: Bools


class Participation:
    """The ledgers of all simulated devices.

    Devices that have answered the same rounds have the same ledger, so that one judgement serves them all.

    Args:
        devices: number of devices.
        limits: what each device demands of a campaign.
    """

    def __init__(self, devices: int, limits: Limits) -> None:
        self._devices, self._limits = devices, limits
        self._answered: list[_Answered] = []

    def read(self, message: bytes) -> Offer:
        """Return the offer of a signed message. Raises MessageError for one that no trusted server has signed."""
        offer = Offer.read(message, self._limits.servers)
        if offer is None:
            raise MessageError("No server that these devices trust has signed the offer.")
        return offer

    def willing(self, offer: Offer, model_version: int, feature_spec: str, at: float) -> tuple[Bools, str]:
        """Return which devices [n] answer an offer, and the reason of one that declines ("" if none does).

        Args:
            offer: the offer, read from its signed message.
            model_version: version of the model that the devices run.
            feature_spec: SHA-256 of its feature spec, in hex.
            at: time, Unix seconds.
        """
        history = np.array([answered.devices for answered in self._answered], dtype=np.bool_)
        patterns, member = np.unique(
            history.reshape(len(self._answered), self._devices).T, axis=0, return_inverse=True
        )
        accepted, reason = np.zeros(len(patterns), dtype=np.bool_), ""
        for row, pattern in enumerate(patterns):
            past = [answered for answered, took_part in zip(self._answered, pattern, strict=True) if took_part]
            refusal = self._limits.refusal(offer, _past(past, at), model_version, feature_spec, at)
            accepted[row] = refusal is None
            reason = reason or refusal or ""
        return accepted[member.reshape(-1)], reason

    def charge(self, offer: Offer, devices: Bools, at: float) -> None:
        """Enter a round in the ledgers of the devices [n] that answer it.

        Raises:
            RoundFailed: fewer devices answer than the noise counts on, or than a sum may have.
        """
        count = int(devices.sum())
        if count < offer.minimum_devices:
            raise RoundFailed(
                f"{count} devices answered where the noise counts on {offer.minimum_devices}. Nothing was learnt, and "
                "the last good model stays."
            )
        self._answered.append(_Answered(offer, at, devices.copy()))


def _past(answered: list[_Answered], at: float) -> Past:
    offers = [one.offer for one in answered]
    return Past(
        [offer.charge for offer in offers],
        sum(one.at > at - DAY_SECONDS for one in answered),
        frozenset((offer.campaign, offer.round) for offer in offers),
    )
