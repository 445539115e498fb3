"""Rounds of sums in the server's database, one of them with a row in each table; devices that answer with bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from keyart.secagg import AggregationParameters, DeviceSession, Identity, Stage, certify
from keyart_federated.accounting import Skellam
from keyart_server import budget
from keyart_server.rounds import Round, exclusions, round_store, stage_windows
from keyart_server.state.tables import (
    CampaignStateRow,
    EnrolledDeviceRow,
    EnrolmentCountRow,
    MemberRow,
    PartialSumRow,
    ReleaseRow,
    SubmissionRow,
)

ISSUER = Identity(b"i" * 32)
EVENT = Skellam(20.0, 64.0, 8)
GATEWAY = "main"


def terms(devices: int = 3, size: int = 8, least: int | None = None) -> AggregationParameters:
    """Of a small round: vectors of `size` entries within ±1000."""
    return AggregationParameters(size, 32, 1000, 700, least or devices, os.urandom(32))


def started(
    session: Session, at: datetime, campaign_id: str, of: AggregationParameters, number: int = 1, **changes: Any
) -> Round:
    """A round of these terms that is open, with nothing sensible as its offer."""
    wanted = {"wanted": 1000, "patience": 60.0, **changes}
    return round_store.start(
        session, at, campaign_id, number, "training", b"an offer", of, EVENT, b"waiting", **wanted
    )


def fill(session: Session, at: datetime, campaign_id: str) -> None:
    """One row at least in every table that belongs to rounds, budget and releases."""
    budget.configure(session, at, 8.0, 1e-6)
    of = terms()
    found = started(session, at, campaign_id, of)
    stage_windows.record_heartbeat(session, at, GATEWAY)
    stage_windows.open_window(session, at, of, Stage.SHARE, GATEWAY, 3, 60.0)
    stage_windows.store_requests(session, of, Stage.SHARE, {7: b"\x00\xff what it is asked"})
    session.add(MemberRow(round_id=found.id, number=2**32 - 1, device_key_hash="a" * 64, gateway=GATEWAY))
    session.add(
        SubmissionRow(round_id=found.id, stage=1, number=7, gateway=GATEWAY, digest=b"d" * 32, body=b"\x00\xff")
    )
    session.add(PartialSumRow(id="p" * 16, round_id=found.id, gateway=GATEWAY, lanes=bytes(32)))
    session.add(EnrolledDeviceRow(device_key_hash="a" * 64, by="token:app", at=at, expires=at + timedelta(days=90)))
    session.add(EnrolmentCountRow(hour=at, by="token:app", count=3))
    exclusions.exclude(session, at, campaign_id, 1, ["c" * 64])
    session.add(CampaignStateRow(campaign_id=campaign_id, number=1, data=b"\x00\xff"))
    session.add(
        ReleaseRow(
            version=8, campaign_id=campaign_id, number=1, base=7, standing="candidate", share=0.0, digest="b" * 64,
            files=b"\x00", gates="[]", reason="", created=at, changed=at,
        )
    )  # fmt: skip
    budget.charge(session, at, campaign_id, 1, EVENT)


def key_hash(device: bytes) -> str:
    """By which a device is known on the server."""
    return hashlib.sha256(device).hexdigest()


@dataclass
class Devices:
    """Devices of a round without the SDK around them: each answers a stage's message with bytes."""

    of: AggregationParameters
    vectors: npt.NDArray[np.int64]
    random: Callable[[int], bytes] = os.urandom
    sessions: list[DeviceSession] = field(default_factory=list)

    def __post_init__(self) -> None:
        now = 1_700_000_000
        for _ in self.vectors:
            new = Identity.create(self.random)
            identity = Identity(new.private, certify(ISSUER.private, new.public, 2**40))
            self.sessions.append(DeviceSession.start(self.of, identity, [ISSUER.public], now, self.random))

    def answer(self, i: int, message: bytes) -> bytes:
        self.sessions[i], reply = self.sessions[i].answer(message, lambda: self.vectors[i])
        return reply


def put(
    session: Session, of: AggregationParameters, stage: Stage, replies: Mapping[int, bytes], gateway: str = GATEWAY
) -> None:
    """Answers as the gateway's door writes them down."""
    round_id = of.round_id.hex()
    for number, reply in replies.items():
        body = reply
        if stage is Stage.MASKED:
            lanes = reply[-of.vector_bytes :]
            body = reply[36 : -of.vector_bytes]
            session.add(PartialSumRow(id=os.urandom(16).hex(), round_id=round_id, gateway=gateway, lanes=lanes))
        digest = hashlib.sha256(reply).digest()
        session.add(
            SubmissionRow(
                round_id=round_id, stage=int(stage), number=number, gateway=gateway, digest=digest, body=body
            )
        )
