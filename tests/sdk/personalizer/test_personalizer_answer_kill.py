"""A device is killed while it answers: one round never has two vectors, and none that left was not charged."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from campaign_samples import BOTH, HOUR, ISSUER, NOW, enrolled, fleet, limits, live, messages_for, offer
from choosing_samples import Clock, sample_catalog, sample_keys
from store_samples import run_fork, start_fork

import keyart
from keyart.campaigns import vectors
from keyart.secagg import Stage, certify
from keyart.store.database import Store

KILLS = 40

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")


def open_it(path: Path) -> keyart.Personalizer:
    clock, catalog = Clock(), sample_catalog()
    return keyart.Personalizer.open(
        path, catalog=catalog, keys=sample_keys(), engine="numpy", clock=clock, limits=limits()
    )


def killed_at(path: Path, message: bytes, patch: Callable[[], object]) -> None:
    """Hands the message in, in a process that `patch` has prepared to die on the way."""

    def work() -> None:
        art = open_it(path)
        patch()
        art.answer(message)

    pid = start_fork(work)
    assert os.waitpid(pid, 0)[1] == 9


def die(*_: object) -> None:
    os.kill(os.getpid(), 9)


@pytest.fixture
def before_masked(path):
    """A device on the disk that is asked for its masked vector next, and what it is asked."""
    art = open_it(path)
    for purpose in BOTH.split():
        art.consent.grant(purpose)
    live(art)
    enrolled(art)
    with fleet(2, Clock()) as others:
        for stage, message in messages_for([art, *others], offer(art)):
            if stage is Stage.MASKED:
                break
            art.answer(message)
    art.close()
    return message


def test_killed_before_the_charge(path, before_masked):
    def prepare() -> None:
        answer = vectors.protected_vector
        vectors.protected_vector = lambda *args: die(answer(*args))

    killed_at(path, before_masked, prepare)
    with open_it(path) as art:
        assert art.federated.sent() == []  # nothing had left
        reply = art.answer(before_masked)
        assert reply is not None and art.answer(before_masked) == reply and len(art.federated.sent()) == 1


def test_killed_between_charge_and_reply(path, before_masked):
    killed_at(path, before_masked, lambda: setattr(Store, "flush", die))
    with open_it(path) as art:
        (entry,) = art.federated.sent()
        assert art.federated.budget().epsilon_spent == entry.epsilon > 0
        reply = art.answer(before_masked)
        assert reply is not None and len(art.federated.sent()) == 1
    with open_it(path) as art:
        assert art.answer(before_masked) == reply and art.federated.sent() == [entry]


def test_killed_at_random_moments(path, before_masked):
    """Whoever was asked before a kill and after it said the same, and whoever said anything was charged."""
    draw, said, fresh = random.Random(time.time_ns()), set(), path.read_bytes()
    for n in range(KILLS):
        if n % 8 == 0:
            path.write_bytes(fresh)  # the device again as it was, so that the first answer is often cut off
            for rest in path.parent.glob(path.name + "-*"):
                rest.unlink()
            said = set()
        out, into = os.pipe()

        def work() -> None:
            art = open_it(path)
            os.write(into, b"\n")  # noqa: B023
            os.write(into, art.answer(before_masked)[-64:].hex().encode() + b"\n")  # noqa: B023
            time.sleep(60)

        pid = start_fork(work)
        os.close(into)
        with os.fdopen(out) as pipe:
            pipe.readline()
            time.sleep(draw.uniform(0, 0.03))
            os.kill(pid, 9)
            said |= {line for line in pipe.read().splitlines() if len(line) == 128}
        os.waitpid(pid, 0)
        with open_it(path) as art:
            charged = len(art.federated.sent())
            assert len(said) <= 1 and charged <= 1 and charged >= len(said)
            if charged:
                said.add(art.answer(before_masked)[-64:].hex())
                assert len(said) == 1
    assert said or charged in (0, 1)


@pytest.mark.parametrize("killed", [False, True])
def test_what_is_said_survives_a_power_cut(path, before_masked, killed):
    """Also what is said again after a kill between charge and reply: a cut may leave the database without its WAL."""
    if killed:
        killed_at(path, before_masked, lambda: setattr(Store, "flush", die))
    with open_it(path) as art:
        reply = art.answer(before_masked)
        assert run_fork(lambda: without_wal(path, before_masked, reply)) == 0


def without_wal(path: Path, message: bytes, reply: bytes) -> None:
    alone = Path(shutil.copy(path, path.with_name("alone.db")))
    with open_it(alone) as art:
        assert len(art.federated.sent()) == 1 and art.answer(message) == reply


def test_a_disk_that_is_full_sends_nothing(path, before_masked, monkeypatch):
    with open_it(path) as art:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "put", lambda *_, **__: (_ for _ in ()).throw(keyart.errors.StoreFull("full")))
            with pytest.raises(keyart.errors.StoreFull):
                art.answer(before_masked)
        assert art.federated.sent() == []
        assert art.answer(before_masked) is not None and len(art.federated.sent()) == 1


def test_a_second_certificate_does_not_change_a_round(path, before_masked):
    with open_it(path) as art:
        reply = art.answer(before_masked)
        art.federated.enrol(certify(ISSUER, art.federated.device_key(), NOW + HOUR))
        assert art.answer(before_masked) == reply
        art._session.clock.now += timedelta(minutes=59)
        assert art.answer(before_masked) == reply
