"""choose_page: one decision a title in the order asked, in one run of the model, varied, with exact propensities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from choosing_samples import OFF, TV, play_favourite

import keyart
from keyart.errors import ContextError, UnknownTitle
from keyart.page import PageMemory
from keyart.ranker import NumpyRanker

PAGE = ["t3", "t0", "t5", "t1"]


def test_one_decision_a_title_in_order_and_one_run(open_art, bundle, monkeypatch):
    runs = []
    score = NumpyRanker.score
    monkeypatch.setattr(NumpyRanker, "score", lambda self, rows: runs.append(len(rows.artwork)) or score(self, rows))
    art = open_art(bundle=bundle)
    page = art.choose_page(PAGE, TV)
    assert [d.title_id for d in page] == PAGE and len({d.id for d in page}) == 4
    assert runs == [32]
    assert art.choose_page([], TV) == []
    assert [entry["slot"] for entry in art.export()["decisions"]] == [0, 1, 2, 3]


def test_first_of_a_page_is_a_choice(open_art, bundle, dial):
    dial.number = 0.4
    policy = keyart.Policy(exploration=0.5, stickiness=OFF)
    art = open_art(bundle=bundle, policy=policy)
    one, other = art.choose("t3", TV), art.choose_page(PAGE, TV)[0]
    assert replace(one, id="") == replace(other, id="")


@pytest.mark.parametrize("with_bundle", [False, True])
def test_propensities_of_a_page_are_exact(open_art, bundle, with_bundle):
    """For every picture of every place the mean of 1 / propensity over its draws is 1, to four standard errors."""
    settings = {"bundle": bundle} if with_bundle else {}
    policy = keyart.Policy(exploration=0.6, stickiness=OFF, diversity=0.7)
    art = open_art(policy=policy, rng=np.random.default_rng(8), **settings)
    play_favourite(art, "t0/c", 60)
    pages = 5000
    inverse: dict[str, list[float]] = {}
    for _ in range(pages):
        for decision in art.choose_page(PAGE, TV):
            inverse.setdefault(decision.artwork_id, []).append(1 / decision.propensity)
    art.consent.withdraw("personalization")
    assert len(inverse) == 32
    varied = 0
    for weights in inverse.values():
        x = np.zeros(pages)
        x[: len(weights)] = weights
        assert abs(x.mean() - 1) < 4 * x.std() / pages**0.5
        varied += len(set(weights)) > 1
    assert varied >= 24  # places after the first depend on what stands before them


class TwoDials:
    """The first title of a page is drawn with one number, the second with another."""

    def __init__(self) -> None:
        self.numbers = [0.0, 0.0]
        self.calls = 0

    def random(self) -> float:
        self.calls += 1
        return self.numbers[(self.calls - 1) % 2]


def test_second_of_a_page_given_the_first(open_art, bundle):
    """Conditional propensities sum to 1, whatever stands first, and differ with what stands first."""
    dials = TwoDials()
    art = open_art(bundle=bundle, rng=dials, policy=keyart.Policy(exploration=0.6, stickiness=OFF, diversity=0.7))
    chances, second = set(), replace(TV, slot=1)
    for first in (0.01, 0.5, 0.99):
        passed, found = 0.0, []
        while passed < 1 - 1e-9:
            dials.numbers = [first, passed + 1e-12]
            one, other = art.choose_page(["t3", "t0"], TV)
            preview = art.preview("t0", second, beside=[one.artwork_id])[other.artwork_id]
            assert other.propensity == pytest.approx(preview, rel=1e-5)  # two runs of different shape: float32
            found.append(other.propensity)
            passed += other.propensity
        assert sum(found) == pytest.approx(1, abs=1e-9) and len(found) == 8
        chances.add(tuple(found))
    assert len(chances) == 3


def test_memory_of_a_page_is_a_mean_cosine():
    memory, z = PageMemory(0.5, 3), np.array([[1, 0, 0], [0, 2, 0], [3, 4, 0], [0, 0, 0]], dtype=np.float32)
    np.testing.assert_array_equal(memory.factors(z), np.ones(4))
    memory.show(z[0])
    np.testing.assert_allclose(memory.factors(z), [0.5, 1, 1 - 0.5 * 0.6, 1])
    memory.show(z[1])
    np.testing.assert_allclose(memory.factors(z), [0.75, 0.75, 1 - 0.5 * 0.7, 1])


def test_diversity_varies_a_page(open_art, bundle):
    """Greedy, with much diversity: the pictures share less than without it."""

    def likeness(diversity: float, name: str) -> float:
        policy = keyart.Policy(exploration=0, stickiness=OFF, diversity=diversity)
        art = open_art(bundle=bundle, policy=policy, path=name, keys=keyart.EphemeralKey())
        encoded = art._installed.encoded
        page = art.choose_page(["t0", "t4", "t1", "t5", "t2", "t3"], TV)
        z = encoded.artwork[[encoded.place[d.artwork_id] for d in page]]
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
        return float((z @ z.T).sum())

    assert likeness(1.0, "b") < likeness(0.0, "a")


def test_sticky_titles_keep_their_picture_on_a_page(open_art, bundle, dial):
    art = open_art(bundle=bundle, policy=keyart.Policy(exploration=1.0))
    first = art.choose_page(PAGE, TV)
    dial.number = 0.99
    again = art.choose_page(PAGE[::-1], TV)[::-1]
    assert [(d.artwork_id, d.propensity) for d in again] == [(d.artwork_id, d.propensity) for d in first]
    assert all(d.sticky for d in again) and not any(d.sticky for d in first)


def test_preview_draws_nothing(open_art, bundle, dial):
    policy = keyart.Policy(exploration=0.6, stickiness=OFF)
    art = open_art(bundle=bundle, policy=policy)
    chances = art.preview("t0", TV)
    assert sum(chances.values()) == pytest.approx(1) and len(chances) == 8
    dial.number = 0.3
    decision = art.choose("t0", TV)
    assert chances[decision.artwork_id] == decision.propensity
    assert len(art.export()["decisions"]) == 1


def test_a_page_with_a_wrong_title_decides_nothing(open_art):
    art = open_art()
    with pytest.raises(UnknownTitle):
        art.choose_page(["t0", "nowhere"], TV)
    with pytest.raises(ContextError):
        art.choose_page(["t0"], None)
    assert art.export()["decisions"] == []
