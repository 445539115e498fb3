"""A session as bytes: read back at every stage, and refused when a byte of it has changed its meaning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keyart.errors import StoreDamaged
from keyart.secagg import DeviceSession, Stage, session_codec


@pytest.fixture(params=[None, *Stage], ids=lambda stage: "new" if stage is None else stage.name.lower())
def session(request, cohort) -> DeviceSession:
    return (cohort() if request.param is None else cohort().lead(request.param)).sessions[3]


def test_read_back(session):
    data = session_codec.session_to_bytes(session)
    assert (
        session_codec.session_from_bytes(data) == session
        and session_codec.session_to_bytes(session_codec.session_from_bytes(data)) == data
    )


def test_cut_short_or_longer(session):
    data = session_codec.session_to_bytes(session)
    for wrong in [data[:n] for n in range(0, len(data), 13)] + [data[:-1], data + b"\0", data + bytes(4), data * 2]:
        with pytest.raises(StoreDamaged, match="session"):
            session_codec.session_from_bytes(wrong)


def test_a_changed_byte_never_raises_anything_else(session):
    data = session_codec.session_to_bytes(session)
    for i in range(len(data)):
        try:
            other = session_codec.session_from_bytes(data[:i] + bytes([data[i] ^ 0x81]) + data[i + 1 :])
        except StoreDamaged:
            continue
        assert other != session


def test_another_spelling(cohort):
    session = cohort().lead(Stage.MASKED).sessions[3]
    data, flags = session_codec.session_to_bytes(session), b"\5\0\0\0" + bytes(session.shared)
    assert data.count(flags) == 1
    with pytest.raises(StoreDamaged, match="spelling"):
        session_codec.session_from_bytes(data.replace(flags, flags[:-1] + b"\2"))


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
        session_codec.session_from_bytes(session_codec.session_to_bytes(replace(session, **change)))


@pytest.mark.parametrize("version", [b"", b"\1", b"\3"])
def test_another_version(version):
    with pytest.raises(StoreDamaged, match="version"):
        session_codec.session_from_bytes(version)


def test_its_size_is_that_of_what_was_said(cohort):
    one = cohort(20, size=1000).lead(Stage.UNMASK)
    assert len(session_codec.session_to_bytes(one.sessions[0])) < 4 * 1000 + 8000
