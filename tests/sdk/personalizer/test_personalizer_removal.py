"""One view or one decision removed: gone from the store, the export, and from what was learned."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from support.catalogs import EVENING, TV, play_favourite

import keyart
from keyart.errors import UnknownDecision, WrongKey

PLAYED = keyart.Outcome.played(3000)
LATER = EVENING + timedelta(hours=2)


def test_a_view(open_art):
    art, without = open_art(), open_art(path="without", keys=keyart.EphemeralKey())
    art.record_many([keyart.View("t0", EVENING, 5000), keyart.View("t0", LATER, 5000), keyart.View("t1", LATER, 60)])
    without.record_many([keyart.View("t0", EVENING, 5000), keyart.View("t1", LATER, 60)])
    assert art.remove_view("t0", LATER) == 1 and art.remove_view("t0", LATER) == 0
    assert art.export()["views"] == without.export()["views"]
    np.testing.assert_allclose(
        art._session.custody.profile.viewer().affinity, without._session.custody.profile.viewer().affinity, atol=1e-6
    )


@pytest.mark.parametrize("written", [False, True])
def test_a_decision(open_art, written):
    art, without = open_art(), open_art(path="without", keys=keyart.EphemeralKey())
    for one in (art, without):
        play_favourite(one, "t0/b", 4)
    wrong = art.choose("t1", TV)
    if written:
        art.observe(wrong.id, PLAYED)
    assert art.remove_decision(wrong.id) == 1 and art.remove_decision(wrong.id) == 0
    assert len(art.export()["decisions"]) == 4
    learned, expected = art._session.custody.profile.learner, without._session.custody.profile.learner
    np.testing.assert_allclose(learned.head.mean, expected.head.mean, atol=1e-6)
    np.testing.assert_allclose(learned.own.added, expected.own.added, atol=1e-6)
    for call in (art.explain, lambda id_: art.observe(id_, PLAYED)):
        with pytest.raises(UnknownDecision):
            call(wrong.id)


def test_without_consent_too(open_art):
    with open_art() as art:
        art.record(keyart.View("t0", EVENING, 5000))
        decision = art.choose("t0", TV)
        art.consent.withdraw("personalization")
        assert art.remove_view("t0", EVENING) == 1
        assert art.remove_decision(decision.id) == 0  # was never written
        assert art.export()["views"] == [] and not art.profiled


def test_sent_is_the_log_of_what_left(open_art):
    assert open_art().federated.sent() == []


def test_rotated_keys(open_art, tmp_path):
    """What is pending is written, all is there under the new keys, and the old ones open nothing."""
    old, new = keyart.PassphraseKey("an old one"), keyart.PassphraseKey("a new one")
    with open_art(keys=old) as art:
        play_favourite(art, "t0/b", 3)
        art.preferences.like("style:b")
        art.choose("t1", TV)
        before = art.export()
        assert art.rotate_keys(new).verified
        after = art.export()
        assert {**after, "exported_at": None} == {**before, "exported_at": None}
        art.choose("t2", TV)
    with pytest.raises(WrongKey):
        open_art(keys=old)
    art = open_art(keys=new)
    assert art._session.custody.profile._summary_basis and len(art.export()["decisions"]) == 5
    art.forget()  # and goes on under the new keys
    art.consent.grant("personalization")
    art.close()
    assert open_art(keys=new, consent="").profiled
