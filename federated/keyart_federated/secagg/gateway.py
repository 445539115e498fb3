"""A gateway's part of a round: it relays for its devices and adds up their masked vectors. It learns no vector."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from keyart.errors import MessageError
from keyart.secagg import AggregationParameters, Stage
from keyart.secagg.messages import REPLY_FLAG, MaskedReply, message_header, packets_asked

from .bundle import BUNDLE, Bundle

log = logging.getLogger("keyart.federated")


class Gateway:
    """Of one round. At each stage `deliver`, then `collect`; the first stage needs no `deliver`, since there all
    devices get the same message, `Coordinator.invitation`."""

    def __init__(self, terms: AggregationParameters) -> None:
        self.terms, self.stage = terms, Stage.KEYS
        self._packets: dict[int, int] = {}

    def deliver(self, message: bytes) -> dict[int, bytes]:
        """What to send to which device, from `Coordinator.ask`. Raises MessageError; then nothing has changed."""
        stage = self.stage
        if stage is not Stage.UNMASK and message[: len(message_header(0, b""))] == message_header(
            (stage + 1) | BUNDLE, b""
        ):
            stage = Stage(stage + 1)  # else the same message again
        bundle = Bundle.from_bytes(message, stage, self.terms.round_id)
        if stage is Stage.MASKED:
            self._packets = {n: packets_asked(part, self.terms.round_id) for n, part in bundle.parts.items()}
        self.stage = stage
        return dict(bundle.parts)

    def collect(self, replies: Mapping[int, bytes]) -> bytes:
        """For `Coordinator.receive`. replies: by the device's number, of those that answered at this stage.

        Masked vectors are added up, but for such as are not of this round: those are left out, and logged.
        """
        kind = self.stage | REPLY_FLAG
        if self.stage is not Stage.MASKED:
            return Bundle(kind, replies).to_bytes(self.terms.round_id)
        total = np.zeros(self.terms.size, dtype=f"<u{self.terms.lane_bytes}")
        pads = {}
        for number, reply in replies.items():
            try:
                masked = MaskedReply.from_bytes(reply, self.terms, self._packets[number])
            except (MessageError, KeyError) as error:
                log.warning("Device %d is left out of the sum: %s", number, error)
                continue
            total += np.frombuffer(masked.lanes, total.dtype)
            pads[number] = masked.pads
        return Bundle(kind, pads, total.tobytes()).to_bytes(self.terms.round_id)
