"""seen: a picture that was on the screen and was not answered within the window was passed over."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from support.catalogs import TV

import keyart
from keyart.errors import SettingError, StoreClosed, UnknownDecision
from keyart.store.database import Table

HOUR = timedelta(hours=1)


def outcomes(art: keyart.Personalizer) -> dict[str, str]:
    return {o["decision_id"]: o["kind"] for o in art.export()["outcomes"]}


def test_only_what_was_seen_becomes_a_skip(open_art, clock):
    art = open_art(clock=clock, outcome_window=2 * HOUR)
    seen, unseen = art.choose("t0", TV), art.choose("t1", TV)
    assert art.seen(seen.id) and not art.seen(seen.id)
    clock.now += HOUR
    art.flush()
    assert not outcomes(art)
    clock.now += HOUR
    art.flush()
    assert outcomes(art) == {seen.id: "skipped"}
    assert {d["id"]: d["seen"] for d in art.export()["decisions"]} == {seen.id: True, unseen.id: False}
    plain = open_art(path="plain", keys=keyart.EphemeralKey())
    plain.observe(plain.choose("t0", TV).id, keyart.Outcome.skipped())
    np.testing.assert_allclose(
        art._session.custody.profile.learner.head.mean, plain._session.custody.profile.learner.head.mean, atol=1e-6
    )


@pytest.mark.parametrize("killed", [False, True])
def test_across_a_restart(open_art, clock, killed):
    """With the summary of an orderly end, and without one."""
    art = open_art(clock=clock)
    decision = art.choose("t0", TV)
    art.seen(decision.id)
    art.flush()
    if killed:
        art._session.custody.store.delete(Table.HEAD, b"summary")
        art._session.custody.profile.summarise = lambda: None  # so that closing writes none
    art.close()
    clock.now += 5 * 24 * HOUR
    again = open_art(clock=clock)
    assert list(again._session.custody.profile._waiting) == [decision.id]
    again.flush()
    assert outcomes(again) == {decision.id: "skipped"}


def test_a_late_play_corrects_the_skip(open_art, clock):
    art, plain = open_art(clock=clock), open_art(path="plain", keys=keyart.EphemeralKey())
    decision = art.choose("t0", TV)
    art.seen(decision.id)
    clock.now += 5 * HOUR
    art.flush()
    assert outcomes(art) == {decision.id: "skipped"}
    assert art.observe(decision.id, keyart.Outcome.played(3000))
    plain.observe(plain.choose("t0", TV).id, keyart.Outcome.played(3000))
    assert outcomes(art) == {decision.id: "played"}
    np.testing.assert_allclose(
        art._session.custody.profile.learner.head.mean, plain._session.custody.profile.learner.head.mean, atol=1e-6
    )
    assert not art.seen(decision.id)


def test_an_outcome_is_not_settled_again(open_art, clock):
    art = open_art(clock=clock)
    decision = art.choose("t0", TV)
    art.seen(decision.id)
    art.observe(decision.id, keyart.Outcome.played(3000))
    clock.now += 5 * HOUR
    art.flush()
    assert outcomes(art) == {decision.id: "played"}
    assert art.export()["decisions"][0]["seen"]


def test_nothing_without_consent(open_art, clock):
    art = open_art(consent="")
    decision = art.choose("t0", TV)
    assert art.seen(decision.id) is False
    art.consent.grant("personalization")
    assert art.seen(decision.id) is False  # made before
    with pytest.raises(UnknownDecision):
        art.seen("0" * 32)
    art.close()
    with pytest.raises(StoreClosed, match=r"Personalizer\.open"):
        art.seen(decision.id)


@pytest.mark.parametrize("window", [timedelta(0), -HOUR, 4, None])
def test_wrong_window(open_art, window):
    with pytest.raises(SettingError, match="outcome_window"):
        open_art(outcome_window=window)
