"""What the server asks of a gateway's relay at a stage, and what it is answered."""

from __future__ import annotations

from dataclasses import dataclass

from flwr.app import ConfigRecord, Message, RecordDict

from keyart.secagg import Stage

NAME_QUERY, STAGE_QUERY = "name", "sums"  # the two questions, both of type `query`
RECORD = "keyart"


@dataclass(frozen=True, slots=True)
class StageRequest:
    """round_id: in hex. bundle: of `Coordinator.ask`, or its invitation at the stage of keys. due: answers of so many
    devices end the stage. patience: seconds after which it ends without them."""

    round_id: str
    stage: Stage
    bundle: bytes
    due: int
    patience: float

    def to_record(self) -> RecordDict:
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
        """Inverse of `to_record`."""
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
    """gateway: its name. bundle: for `Coordinator.receive`; b"" where only the name was asked for, or where the stage
    goes on without the relay."""

    gateway: str
    bundle: bytes = b""

    def to(self, message: Message) -> Message:
        """As the reply to a message."""
        fields = {"gateway": self.gateway, "bundle": self.bundle}
        return Message(RecordDict({RECORD: ConfigRecord(fields)}), reply_to=message)

    @classmethod
    def read(cls, message: Message) -> StageReply:
        """Inverse of `to`."""
        fields = message.content[RECORD]
        return cls(str(fields["gateway"]), bytes(fields["bundle"]))
