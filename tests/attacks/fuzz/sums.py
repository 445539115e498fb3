"""A device at each stage of a small sum, for messages that a server may have made up."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from campaign_samples import ISSUER, NOW, public

from keyart.errors import MessageError
from keyart.outbound.clip import rounded
from keyart.outbound.skellam import skellam
from keyart.outbound.sums import DeviceSession, Identity, Stage, Terms, certify
from keyart.outbound.sums.messages import packets_asked
from keyart_federated.sums import Coordinator, Gateway

SIZE, DEVICES = 5, 3


def vector() -> np.ndarray:
    return rounded(np.full(SIZE, 0.2), 100) + skellam(SIZE, 50)


def stage_message(place: Path) -> tuple[Callable[[bytes], object], Sequence[bytes]]:
    """Each message goes to the device as it was when a message of that stage was due."""
    terms = Terms(SIZE, 32, 10_000, 700, 2, bytes(32))
    sessions = {}
    for number in range(DEVICES):
        new = Identity.create(os.urandom)
        identity = Identity(new.private, certify(ISSUER, new.public, NOW))
        sessions[number] = DeviceSession.start(terms, identity, [public(ISSUER)], NOW, os.urandom)
    coordinator, gateway = Coordinator(terms, [public(ISSUER)], NOW), Gateway(terms)
    due: dict[int, DeviceSession] = {}
    good = []
    for stage in Stage:
        asked = dict.fromkeys(sessions, coordinator.invitation)
        if stage is not Stage.KEYS:
            asked = gateway.deliver(coordinator.ask(0))
        due[stage] = sessions[0]
        good.append(asked[0])
        replies = {}
        for number, message in asked.items():
            sessions[number], replies[number] = sessions[number].answer(message, vector)
        coordinator.receive(0, gateway.collect(replies))
        coordinator.close()

    def read(data: bytes) -> None:
        with suppress(MessageError):  # a gateway looks into some of them
            packets_asked(data, terms.round_id)
        session = due.get(data[3] if len(data) > 3 else 0, due[Stage.KEYS])
        following, reply = session.answer(data, vector)
        assert reply and DeviceSession.from_bytes(following.to_bytes()) == following

    return read, good
