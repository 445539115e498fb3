"""How many files of the SDK one choice and one outcome pass: what a reader has to open to follow them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from support.catalogs import OFF, TV, sample_bundle, sample_catalog

import keyart

SDK = Path(keyart.__file__).parent
# Of the files of an outcome eight are those of the store, which writes it down before it returns.
MAX_FILES = {"choose": 13, "observe": 26}


def files_passed(call: Callable[[], object]) -> list[str]:
    """The SDK's files whose code runs in a call, in the order in which it reaches them."""
    found: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(SDK):
            found.setdefault(file.relative_to(SDK).as_posix())

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return list(found)


@pytest.fixture
def art(tmp_path):
    """A profile with a bundle, a history and a learned head, on the numpy engine; all of it is warm."""
    catalog = sample_catalog()
    with keyart.Personalizer.open(
        "memory",
        catalog=catalog,
        keys=keyart.EphemeralKey(),
        bundle=sample_bundle(tmp_path / "bundle", catalog),
        engine="numpy",
        policy=keyart.Policy(stickiness=OFF),
    ) as art:
        art.consent.grant("personalization")
        art.record(keyart.View("t2", TV.at, 5400))
        for outcome in (keyart.Outcome.played(3000), keyart.Outcome.skipped()):
            art.observe(art.choose("t1", TV).id, outcome)
        yield art


def test_a_choice(art):
    passed = files_passed(lambda: art.choose("t1", TV))
    print("choose passes", len(passed), *passed)
    assert "model/scorer.py" in passed and "model/eligibility.py" in passed
    assert len(passed) <= MAX_FILES["choose"], passed


def test_an_outcome(art):
    decision, outcome = art.choose("t1", TV), keyart.Outcome.played(3000)
    passed = files_passed(lambda: art.observe(decision.id, outcome))
    print("observe passes", len(passed), *passed)
    assert "model/scorer.py" in passed and "profile/learner.py" in passed
    assert len(passed) <= MAX_FILES["observe"], passed
