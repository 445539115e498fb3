"""A device's part in one round, step by step.

    keys ─► share ─► masked ─► unmask ─► handed in
      ├───────┴────────┴─────────┴─────► over        the server accepts nothing more from this device
      ├───────┬────────┬─────────┬─────► declined    by the device: consent, limits, budget, model
      └───────┴────────┴─────────┴─────► refused     no honest server sends such a message

The profile's store holds everything that must not be answered in two ways. The state here may be lost: the same offer
gets the same keys again, those the same ticket, and a request that was answered the same bytes. So a device that was
killed begins at the offer. A stage that is over for the server is skipped, since the next one may be under way.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from ..campaigns.offer import OFFER_MAGIC as OFFER
from ..errors import MessageError
from ..secagg import Stage
from ..secagg.messages import HEADER_BYTES, REPLY_FLAG, message_header
from .transport import Send, send_request, unexpected_status

if TYPE_CHECKING:
    from ..personalizer import Personalizer

log = logging.getLogger("keyart")

RoundStatus = Literal["due", "waiting", "handed in", "over", "declined", "refused"]
GONE: Final = 410  # this stage, for this device
_TICKET = re.compile(rb"[0-9A-Za-z._-]{1,200}")


@dataclass(frozen=True, slots=True)
class RoundVisit:
    """The state of a device in a round.

    Attributes:
        stage: The next stage to answer.
        ticket: The server's ticket for these keys.
        standing: Status of the round. "due" if the next step can be made, "waiting" until the server has a request.
        seconds: Seconds to wait, if the server gives them.
    """

    stage: Stage = Stage.KEYS
    ticket: str = field(default="", repr=False)
    standing: RoundStatus = "due"
    seconds: float | None = None

    @property
    def awake(self) -> RoundVisit:
        """Return the state at the next visit."""
        return replace(self, standing="due") if self.standing == "waiting" else self


def advance_round(art: Personalizer, send: Send, round_id: str, part: RoundVisit) -> RoundVisit:
    """Make one step in a round that is due.

    Raises:
        RetryLater: Server or network is away.
        StoreError: The profile cannot be read or written.
    """
    try:
        advance = _join if part.stage is Stage.KEYS else _answer
        return advance(art, send, round_id, part)
    except MessageError as error:
        log.warning("A round is refused at its stage %s: %s", part.stage.name.lower(), error)
        return replace(part, standing="refused")


def _join(art: Personalizer, send: Send, round_id: str, part: RoundVisit) -> RoundVisit:
    path = f"/device/rounds/{round_id}"
    offer = send_request(send, "GET", f"{path}/offer")
    if offer.status != 200:
        return _ended(part, offer.status)
    if not offer.body.startswith(OFFER):  # not a plain offer either, though the host may have opened the door to them
        raise MessageError("What the server has for this round is no signed offer.")
    reply = art.answer(offer.body)
    if reply is None:
        return replace(part, standing="declined")
    if reply[:HEADER_BYTES] != message_header(Stage.KEYS | REPLY_FLAG, bytes.fromhex(round_id)):
        raise MessageError("The offer is of another round than the one that was listed.")
    taken = send_request(send, "POST", f"{path}/keys", reply)
    if taken.status != 200:
        if 400 <= taken.status < 500:  # another round may have a place for this device
            art.federated.leave(bytes.fromhex(round_id))
        return _ended(part, taken.status)
    if _TICKET.fullmatch(taken.body) is None:  # it will be in a header
        raise MessageError("The server's ticket is none.")
    return replace(part, stage=Stage.SHARE, ticket=taken.body.decode())


def _answer(art: Personalizer, send: Send, round_id: str, part: RoundVisit) -> RoundVisit:
    path = f"/device/rounds/{round_id}/{part.stage.name.lower()}"
    ticket = {"Authorization": f"Ticket {part.ticket}"}
    question = send_request(send, "GET", path, headers=ticket)
    if question.status == 202:
        return replace(part, standing="waiting", seconds=question.seconds)
    if question.status != 200:
        return _ended(part, question.status)
    if question.body[:HEADER_BYTES] != message_header(part.stage, bytes.fromhex(round_id)):
        raise MessageError("The question is of another round or stage than the one that was asked for.")
    reply = art.answer(question.body)
    if reply is None:
        return replace(part, standing="declined")
    taken = send_request(send, "POST", path, reply, ticket)
    if taken.status != 204:
        return _ended(part, taken.status)
    return replace(part, standing="handed in") if part.stage is Stage.UNMASK else _next(part)


def _ended(part: RoundVisit, status: int) -> RoundVisit:
    """Return the state after a status that ends the stage or the round."""
    if not 400 <= status < 500:
        raise unexpected_status(status)
    if status == GONE and Stage.KEYS < part.stage < Stage.UNMASK:
        return _next(part)
    log.info("A round is over for this device at its stage %s: the server says %d", part.stage.name.lower(), status)
    return replace(part, standing="over")


def _next(part: RoundVisit) -> RoundVisit:
    return replace(part, stage=Stage(part.stage + 1))
