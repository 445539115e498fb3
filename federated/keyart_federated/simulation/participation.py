"""Participation of simulated devices: offers are judged as a device judges them, by signature, limits and ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart.campaigns.limits import Limits, ParticipationHistory
from keyart.campaigns.offer import Offer
from keyart.errors import MessageError

Bools = npt.NDArray[np.bool_]

DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class _Answered:
    """A round that some devices have answered. message: the signed offer. devices [n]: which; at: Unix seconds."""

    message: bytes
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

    def willing(self, message: bytes, model_version: int, feature_spec: str, at: float) -> tuple[Bools, str]:
        """Return which devices [n] answer an offer, and the reason of one that declines ("" if none does).

        Args:
            message: the signed offer. One that was answered before is answered again, as a device does.
            model_version: version of the model that the devices run.
            feature_spec: SHA-256 of its feature spec, in hex.
            at: time, Unix seconds.

        Raises:
            MessageError: no trusted server has signed the offer.
        """
        offer = self.read(message)
        before = [answered for answered in self._answered if answered.message != message]
        history = np.array([answered.devices for answered in before], dtype=np.bool_)
        patterns, member = np.unique(history.reshape(len(before), self._devices).T, axis=0, return_inverse=True)
        accepted, reason = np.zeros(len(patterns), dtype=np.bool_), ""
        for row, pattern in enumerate(patterns):
            past = [answered for answered, took_part in zip(before, pattern, strict=True) if took_part]
            refusal = self._limits.refusal(offer, _past(past, at), model_version, feature_spec, at)
            accepted[row] = refusal is None
            reason = reason or refusal or ""
        return accepted[member.reshape(-1)], reason

    def charge(self, message: bytes, devices: Bools, at: float) -> None:
        """Enter a round in the ledgers of the devices [n] that answer it; once, however often it is asked."""
        if all(answered.message != message for answered in self._answered):
            self._answered.append(_Answered(message, self.read(message), at, devices.copy()))

    def state(self) -> dict[str, Any]:
        """Return the ledgers as plain values, for `restore`."""
        state: dict[str, Any] = {"rounds": len(self._answered)}
        for number, answered in enumerate(self._answered):
            state[f"message-{number}"] = answered.message
            state[f"at-{number}"] = answered.at
            state[f"devices-{number}"] = np.packbits(answered.devices).tobytes()
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the ledgers that `state` returned."""
        self._answered = []
        for number in range(int(state["rounds"])):
            bits = np.frombuffer(bytes(state[f"devices-{number}"]), np.uint8)
            devices = np.unpackbits(bits, count=self._devices).astype(np.bool_)
            self.charge(bytes(state[f"message-{number}"]), devices, float(state[f"at-{number}"]))


def _past(answered: list[_Answered], at: float) -> ParticipationHistory:
    offers = [one.offer for one in answered]
    return ParticipationHistory(
        [offer.charge for offer in offers],
        sum(one.at > at - DAY_SECONDS for one in answered),
        frozenset((offer.campaign, offer.round) for offer in offers),
    )
