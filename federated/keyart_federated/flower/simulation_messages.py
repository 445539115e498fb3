"""Messages of a simulation over Flower: what the server asks of a node with simulated devices, and the reply.

A request holds all that the answer depends on: the bundle, the impressions that devices have met with it, and perhaps
an offer. So a node that is asked again, after a lost reply or a killed process, gives the same answer. Requests are
numbered: a repetition that comes after a later request changes nothing at the node, and nobody waits for its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict

from keyart.errors import RoundFailed

Arrays = Mapping[str, npt.NDArray[np.generic]]

RECORD, BUNDLE, ARRAYS = "keyart", "bundle", "arrays"
TOTAL = "total"


@dataclass(frozen=True)
class FleetRequest:
    """A request to a node.

    Attributes:
        bundle: files of the bundle by name.
        first: the first impression that devices meet with this bundle.
        last: the impression after the last one.
        number: number of the request in its run, from 1; repetitions have the same one.
        offer: a signed offer; empty if only impressions are played.
        at: time of the offer, Unix seconds.
        journal: whether the reply holds what was shown, in place of a sum.
        stage: stage of a masked round (`Stage`); 0: the node answers with the plain sum of its devices.
        stage_message: the stage's invitation or bundle (`Gateway.deliver`).
    """

    bundle: Mapping[str, bytes] = field(repr=False)
    first: int
    last: int
    number: int = 1
    offer: bytes = field(default=b"", repr=False)
    at: float = 0.0
    journal: bool = False
    stage: int = 0
    stage_message: bytes = field(default=b"", repr=False)

    def to_record(self) -> RecordDict:
        """Return the content of a message."""
        config = {
            "first": self.first,
            "last": self.last,
            "number": self.number,
            "offer": self.offer,
            "at": self.at,
            "journal": self.journal,
            "stage": self.stage,
            "stage-message": self.stage_message,
        }
        return RecordDict({RECORD: ConfigRecord(config), BUNDLE: ConfigRecord(dict(self.bundle))})

    @classmethod
    def read(cls, message: Message) -> FleetRequest:
        """Return the request in a message."""
        config = message.content[RECORD]
        return cls(
            {name: bytes(data) for name, data in message.content[BUNDLE].items()},
            int(config["first"]),
            int(config["last"]),
            int(config["number"]),
            bytes(config["offer"]),
            float(config["at"]),
            bool(config["journal"]),
            int(config["stage"]),
            bytes(config["stage-message"]),
        )


@dataclass(frozen=True)
class FleetReply:
    """The reply of a node.

    devices: how many are in the sum. reason: why devices decline, "" if none does. stage_reply: of a masked round
    (`Gateway.collect`).
    """

    arrays: Arrays
    devices: int = 0
    reason: str = ""
    stage_reply: bytes = b""

    def to(self, message: Message) -> Message:
        """Return the reply to a message."""
        arrays = ArrayRecord({name: Array(np.ascontiguousarray(array)) for name, array in self.arrays.items()})
        config = ConfigRecord({"devices": self.devices, "reason": self.reason, "stage-reply": self.stage_reply})
        return Message(RecordDict({ARRAYS: arrays, RECORD: config}), reply_to=message)

    @classmethod
    def read(cls, message: Message) -> FleetReply:
        """Return the reply in a message. Raises RoundFailed for one that cannot be read, or for a node's error."""
        if message.has_error():
            raise RoundFailed(f"A node failed: {message.error.reason}. See its log, then start again.")
        try:
            arrays = {name: array.numpy() for name, array in message.content[ARRAYS].items()}
            config = message.content[RECORD]
            return cls(arrays, int(config["devices"]), str(config["reason"]), bytes(config["stage-reply"]))
        except (KeyError, TypeError, ValueError) as error:
            raise RoundFailed(f"A node's reply cannot be read ({error!r}). Update keyart there.") from None
