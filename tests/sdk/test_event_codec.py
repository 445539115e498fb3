"""Entries of the event log go to bytes and back; any other bytes raise StoreDamaged, and nothing else."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.catalogs import EVENING

from keyart import Decision, Outcome, View
from keyart.errors import StoreDamaged
from keyart.profile.event_codec import (
    Entry,
    day_of,
    entry_from_bytes,
    entry_to_bytes,
    view_from_bytes,
    view_to_bytes,
    written_on,
)

times = st.builds(
    lambda at, minutes: at.replace(tzinfo=timezone(timedelta(minutes=minutes))),
    st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
seconds = st.floats(0, 1e6, width=32)
outcomes = st.none() | st.builds(Outcome, st.sampled_from(["skipped", "opened", "played"]), seconds)
decisions = st.builds(
    Decision,
    st.just("ab" * 16),
    texts,
    texts,
    st.floats(0, 1),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)


@settings(deadline=None, max_examples=150)
@given(texts, times, seconds, texts.filter(str.strip))
def test_view(title, at, length, device):
    view = View(title, at, length, device)
    data = view_to_bytes(view, 20_000)
    back = view_from_bytes(data)
    assert written_on(data) == 20_000
    assert (back.title_id, back.seconds, back.device) == (view.title_id, view.seconds, view.device)
    assert abs(back.at - at) < timedelta(milliseconds=1) and back.at.utcoffset() == at.utcoffset()


@settings(deadline=None, max_examples=150)
@given(decisions, times, texts, st.integers(0, 65535), st.booleans(), outcomes, st.booleans(), st.integers(1, 65535))
def test_entry(decision, at, device, slot, with_intent, outcome, seen, day):
    entry = Entry(decision, at, device, slot, with_intent, outcome, seen, day)
    data = entry_to_bytes(entry)
    back = entry_from_bytes(decision.id, data)
    assert back._replace(at=at) == entry and written_on(data) == day
    assert abs(back.at - at) < timedelta(milliseconds=1) and back.daypart == entry.daypart


ENTRY = entry_to_bytes(Entry(Decision("ab" * 16, "t", "a", 0.5, True, 3), EVENING, "tv", 2, outcome=Outcome.opened()))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=80) | st.integers(0, len(ENTRY) * 8 - 1).map(lambda bit: _flipped(ENTRY, bit)))
def test_any_bytes(data):
    for read in (view_from_bytes, written_on, lambda x: entry_from_bytes("ab" * 16, x)):
        try:
            read(data)
        except StoreDamaged as error:
            assert "update keyart" in str(error)


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("cut", range(len(ENTRY)))
def test_cut_off(cut):
    with pytest.raises(StoreDamaged):
        entry_from_bytes("ab" * 16, ENTRY[:cut])


def test_a_later_version():
    with pytest.raises(StoreDamaged, match="version 9"):
        entry_from_bytes("ab" * 16, b"\x09" + ENTRY[1:])


def test_a_far_slot_is_kept_as_far():
    entry = Entry(Decision("ab" * 16, "t", "a", 0.5, True, 3), EVENING, "tv", 10**9)
    assert entry_from_bytes("ab" * 16, entry_to_bytes(entry)).slot == 65535


def test_version_1_is_read():
    """What was written before entries had a day: its own time stands for it."""
    stamp = EVENING.timestamp()
    texts = b"".join(struct.pack("<H", len(text)) + text for text in (b"t", b"a", b"tv"))
    old = struct.pack("<BdhHdIBBf", 1, stamp, 120, 2, 0.5, 3, 1, 3, 900.0) + texts
    entry = entry_from_bytes("ab" * 16, old)
    assert entry.decision == Decision("ab" * 16, "t", "a", 0.5, True, 3) and entry.at == EVENING
    assert entry.outcome == Outcome.played(900) and not entry.seen and entry.slot == 2
    assert written_on(old) == entry.day == day_of(EVENING)
    view = struct.pack("<Bdhf", 1, stamp, 120, 60.0) + texts[:3] + texts[6:]
    assert view_from_bytes(view) == View("t", EVENING, 60.0, "tv") and written_on(view) == day_of(EVENING)
