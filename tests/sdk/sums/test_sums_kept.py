"""A session as bytes: read back at every stage, and refused when a byte of it has changed its meaning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keyart.errors import StoreDamaged
from keyart.outbound.sums import DeviceSession, Stage


@pytest.fixture(params=[None, *Stage], ids=lambda stage: "new" if stage is None else stage.name.lower())
def session(request, cohort) -> DeviceSession:
    return (cohort() if request.param is None else cohort().lead(request.param)).sessions[3]


def test_read_back(session):
    data = session.to_bytes()
    assert DeviceSession.from_bytes(data) == session and DeviceSession.from_bytes(data).to_bytes() == data


def test_cut_short_or_longer(session):
    data = session.to_bytes()
    for wrong in [data[:n] for n in range(0, len(data), 13)] + [data[:-1], data + b"\0", data + bytes(4), data * 2]:
        with pytest.raises(StoreDamaged, match="session"):
            DeviceSession.from_bytes(wrong)


def test_a_changed_byte_never_raises_anything_else(session):
    data = session.to_bytes()
    for i in range(len(data)):
        try:
            other = DeviceSession.from_bytes(data[:i] + bytes([data[i] ^ 0x81]) + data[i + 1 :])
        except StoreDamaged:
            continue
        assert other != session


def test_another_spelling(cohort):
    session = cohort().lead(Stage.MASKED).sessions[3]
    data, flags = session.to_bytes(), b"\5\0\0\0" + bytes(session.shared)
    assert data.count(flags) == 1
    with pytest.raises(StoreDamaged, match="spelling"):
        DeviceSession.from_bytes(data.replace(flags, flags[:-1] + b"\2"))


@pytest.mark.parametrize(
    "change",
    [
        {"held": ()},
        {"shared": (True,)},
        {"neighbours": ()},
        {"devices": 7},
        {"secret": b"short"},
        {"device": b""},
        {"record": b"?"},
        {"issuers": (b"?",)},
        {"answers": ()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_parts_that_do_not_fit_together(cohort, change):
    session = cohort().lead(Stage.MASKED).sessions[3]
    with pytest.raises(StoreDamaged):
        DeviceSession.from_bytes(replace(session, **change).to_bytes())


def test_another_version():
    with pytest.raises(StoreDamaged, match="version"):
        DeviceSession.from_bytes(b"\2")


def test_its_size_is_that_of_what_was_said(cohort):
    one = cohort(20, size=1000).lead(Stage.UNMASK)
    assert len(one.sessions[0].to_bytes()) < 4 * 1000 + 8000
