"""The measured costs that sizing computes with, and the file that holds them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from keyart.errors import SettingError

FORMAT: Final = "keyart-costs/1"
SHIPPED: Final = Path(__file__).with_name("measured_costs.json")


@dataclass(frozen=True, slots=True)
class MeasuredCosts:
    """Costs that were measured on one machine.

    Attributes:
        machine: processor, cores and Python of that machine, and how busy it was.
        members: members of the measured round.
        entries: entries of the vector, of 32 bits each.
        neighbours: neighbours of a member in the graph of that round.
        gateway_ms: processor time of gateways for a member of a round, over all its requests.
        masked_ms: the part of it that is the masked update.
        server_ms: processor time of relay and server for a member.
        server_bytes: memory of relay and server for a member.
        rows: database rows of a member until its round ends.
        stored_bytes: bytes of these rows with their indexes.
        sent_bytes: bytes that a member sends in a round.
        poll_ms: processor time of a gateway for a poll of an idle device.
        bundle_bytes: bytes of a bundle.
        changed_bytes: bytes of those of its files that differ from the version before.
        metadata_bytes: bytes of the signed metadata of an update.
    """

    machine: str
    members: int
    entries: int
    neighbours: int
    gateway_ms: float
    masked_ms: float
    server_ms: float
    server_bytes: float
    rows: float
    stored_bytes: float
    sent_bytes: float
    poll_ms: float
    bundle_bytes: int
    changed_bytes: int
    metadata_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return the document of costs.json."""
        return {"format": FORMAT, **asdict(self)}


def load_costs(path: Path = SHIPPED) -> MeasuredCosts:
    """Read costs from a file; by default those that keyart was shipped with.

    Raises:
        SettingError: the file is not one that `keyart bench sizing --measure` has written.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        names = {field.name for field in fields(MeasuredCosts)}
        if document.pop("format") != FORMAT or set(document) != names:
            raise ValueError("other fields")
        return MeasuredCosts(**document)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise SettingError(
            f"{path} holds no measured costs ({error}); write them with keyart bench sizing --measure."
        ) from None
