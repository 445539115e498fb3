"""A small sum, with all that is sent and kept in it, for bytes that a server, a gateway or a disk has changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from support.campaigns import ISSUER, NOW, public

from keyart.dp.clip import round_vectors
from keyart.dp.skellam import skellam_noise
from keyart.errors import MessageError
from keyart.secagg import AggregationParameters, DeviceSession, Identity, Stage, certify, session_codec
from keyart.secagg import session_codec as kept
from keyart.secagg.messages import REPLY_FLAG, packets_asked
from keyart_federated.secagg import Coordinator, Gateway
from keyart_federated.secagg.stage_messages import BUNDLE, StageMessages

SIZE, DEVICES = 5, 3
Prepared = tuple[Callable[[bytes], object], Sequence[bytes]]


def vector() -> np.ndarray:
    return round_vectors(np.full(SIZE, 0.123), 100) + skellam_noise(SIZE, 50)


@dataclass
class Played:
    """A whole round. due: the first device as it was when a message of that stage was due, asked: that message.
    bundles: all that went between gateway and coordinator. kept: the first
    device's session, before each stage and at the end."""

    terms: AggregationParameters
    due: dict[Stage, DeviceSession] = field(default_factory=dict)
    asked: dict[Stage, bytes] = field(default_factory=dict)
    bundles: list[bytes] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)


def played() -> Played:
    terms = AggregationParameters(SIZE, 32, 10_000, 700, 2, bytes(32))
    sessions = {}
    for number in range(DEVICES):
        new = Identity.create(os.urandom)
        identity = Identity(new.private, certify(ISSUER, new.public, NOW))
        sessions[number] = DeviceSession.start(terms, identity, [public(ISSUER)], NOW, os.urandom)
    coordinator, gateway, out = Coordinator(terms, [public(ISSUER)], NOW), Gateway(terms), Played(terms)
    for stage in Stage:
        asked = dict.fromkeys(sessions, coordinator.invitation)
        if stage is not Stage.KEYS:
            out.bundles.append(coordinator.ask(0))
            asked = gateway.deliver(out.bundles[-1])
        out.due[stage], out.asked[stage] = sessions[0], asked[0]
        replies = {}
        for number, message in asked.items():
            sessions[number], replies[number] = sessions[number].answer(message, vector)
        out.bundles.append(gateway.collect(replies))
        coordinator.receive(0, out.bundles[-1])
        coordinator.close()
    out.kept = [session_codec.session_to_bytes(session) for session in (*out.due.values(), sessions[0])]
    return out


def terms_of_a_sum(place: Path) -> Prepared:
    def read(data: bytes) -> None:
        found = AggregationParameters.from_bytes(data)
        assert found.to_bytes() == data and len(found.round_id) == 32
        assert found.holds(found.minimum_devices) in (True, False)

    return read, [
        AggregationParameters(SIZE, 32, 10_000, 700, 2, bytes(32)).to_bytes(),
        AggregationParameters(1, 64, 1, 1000, 9, b"n" * 32).to_bytes(),
    ]


def stage_message(place: Path) -> Prepared:
    """Each message goes to the device as it was when a message of that stage was due."""
    round_ = played()

    def read(data: bytes) -> None:
        with suppress(MessageError):  # a gateway looks into some of them
            packets_asked(data, round_.terms.round_id)
        session = round_.due.get(data[3] if len(data) > 3 else 0, round_.due[Stage.KEYS])
        following, reply = session.answer(data, vector)
        assert reply and session_codec.session_from_bytes(session_codec.session_to_bytes(following)) == following

    return read, list(round_.asked.values())


def kept_session(place: Path) -> Prepared:
    """A session that can be read goes on, or refuses the message that is due."""
    round_ = played()
    return partial(used_session, round_), round_.kept


def kept_fields(place: Path) -> Prepared:
    """Behind the lengths of its fields: one field of one session, which the first byte names."""
    round_ = played()
    sessions = [kept._split(session[1:]) for session in round_.kept]
    places = [(i, j) for i, session in enumerate(sessions) for j in range(len(session))]

    def read(data: bytes) -> None:
        i, j = places[data[0] % len(places)] if data else places[0]
        changed = [*sessions[i][:j], data[1:], *sessions[i][j + 1 :]]
        used_session(round_, round_.kept[i][:1] + kept._joined(changed))

    return read, [bytes((at,)) + sessions[i][j] for at, (i, j) in enumerate(places)]


def used_session(round_: Played, data: bytes) -> None:
    session = session_codec.session_from_bytes(data)
    assert session_codec.session_to_bytes(session) == data
    with suppress(MessageError):
        for message in round_.asked.values():
            session, _ = session.answer(message, vector)


def gateway_bundle(place: Path) -> Prepared:
    """What the coordinator sends goes through a gateway; of what a gateway sends the parts are looked at."""
    round_ = played()
    terms = round_.terms

    def read(data: bytes) -> None:
        kind = (data[3] if len(data) > 3 else 0) & ~BUNDLE
        tail = terms.vector_bytes if kind == Stage.MASKED | REPLY_FLAG else 0
        found = StageMessages.from_bytes(data, kind, terms.round_id, tail)
        assert found.to_bytes(terms.round_id) == data
        if kind in (Stage.SHARE, Stage.MASKED, Stage.UNMASK):
            gateway = Gateway(terms)
            gateway.stage = Stage(kind - 1)
            assert gateway.deliver(data) == found.parts
            gateway.collect(found.parts)

    return read, round_.bundles
