"""The messages between the ServerApp and a gateway's relay at a stage."""

from __future__ import annotations

from dataclasses import dataclass

from flwr.app import ConfigRecord, Message, RecordDict

from keyart.secagg import Stage

NAME_QUERY, STAGE_QUERY = "name", "sums"  # the two kinds of request, both Flower queries
RECORD = "keyart"


@dataclass(frozen=True, slots=True)
class StageRequest:
    """A request to run a stage.

    Attributes:
        round_id: id of the round, in hex.
        bundle: requests of `Coordinator.ask`, or its invitation at the stage of keys.
        due: number of submissions that ends the stage.
        patience: seconds after which the stage ends in any case.
    """

    round_id: str
    stage: Stage
    bundle: bytes
    due: int
    patience: float

    def to_record(self) -> RecordDict:
        """Encode the request for a Flower message."""
        fields = {
            "round": self.round_id,
            "stage": int(self.stage),
            "bundle": self.bundle,
            "due": self.due,
            "patience": self.patience,
        }
        return RecordDict({RECORD: ConfigRecord(fields)})

    @classmethod
    def read(cls, message: Message) -> StageRequest:
        """Read a request from a message."""
        fields = message.content[RECORD]
        return cls(
            str(fields["round"]),
            Stage(fields["stage"]),
            bytes(fields["bundle"]),
            int(fields["due"]),
            float(fields["patience"]),
        )


@dataclass(frozen=True, slots=True)
class StageReply:
    """A reply of a relay.

    Attributes:
        gateway: name of the gateway.
        bundle: submissions for `Coordinator.receive`; b"" in reply to a query for the name, or if the stage continues
            without the relay.
    """

    gateway: str
    bundle: bytes = b""

    def to(self, message: Message) -> Message:
        """Return this as the reply to a message."""
        fields = {"gateway": self.gateway, "bundle": self.bundle}
        return Message(RecordDict({RECORD: ConfigRecord(fields)}), reply_to=message)

    @classmethod
    def read(cls, message: Message) -> StageReply:
        """Read a reply from a message."""
        fields = message.content[RECORD]
        return cls(str(fields["gateway"]), bytes(fields["bundle"]))
