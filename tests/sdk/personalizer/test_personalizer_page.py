"""choose_page: one decision a title in the order asked, in one run of the model, varied, with exact propensities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.catalogs import OFF, TV, play_favourite

import keyart
from keyart.errors import ContextError, UnknownTitle
from keyart.model.ranker import NumpyRanker

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


@pytest.mark.parametrize("with_bundle", [False, pytest.param(True, marks=pytest.mark.slow)])
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


def page_of_one_actor() -> keyart.Catalog:
    """Ten titles of eight pictures; six of the eight show the same actor, the others somebody new (80 people)."""
    people = {f"cast:{n}": 1.0 for n in range(80)}
    rows = []
    for t in range(10):
        who = ["lead"] * 6 + [f"{2 * t}", f"{2 * t + 1}"]
        pictures = [
            keyart.Artwork(f"p{t}/{a}", {f"cast:{name}": 1.0, "shot:close": 1.0}) for a, name in enumerate(who)
        ]
        rows.append(keyart.Title(f"p{t}", tags={"cast:lead": 1.0, **people}, artworks=pictures))
    return keyart.Catalog.from_titles(rows)


def test_no_page_of_one_actor(open_art):
    """More than 64 people: cast is an open kind. All values are equal, so that diversity decides alone."""
    catalog = page_of_one_actor()
    titles = [title.id for title in catalog]

    def close_ups(diversity: float, seed: int) -> int:
        policy = keyart.Policy(exploration=0, stickiness=OFF, diversity=diversity)
        rng = np.random.default_rng(seed)
        art = open_art(catalog=catalog, policy=policy, rng=rng, path=f"{diversity}", keys=keyart.EphemeralKey())
        page = art.choose_page(titles, TV)
        return sum("cast:lead" in catalog[d.title_id].artworks[int(d.artwork_id[-1])].tags for d in page)

    plain, varied = ([close_ups(diversity, seed) for seed in range(10)] for diversity in (0.0, 0.1))
    assert 60 < sum(plain) < 90 and max(varied) == 1 >= min(varied)


def test_preview_beside_people(open_art):
    """Preview knows of open tags on the page, too, and the draw has exactly its chance."""
    catalog = page_of_one_actor()
    art = open_art(catalog=catalog, policy=keyart.Policy(stickiness=OFF, diversity=1.0))  # the dial stands at 0
    one, other = art.choose_page(["p0", "p1"], TV)
    assert one.artwork_id == "p0/0"
    chances = art.preview("p1", replace(TV, slot=1), beside=["p0/0"])
    assert chances[other.artwork_id] == other.propensity
    assert chances["p1/6"] > chances["p1/7"] > chances["p1/0"] == chances["p1/1"]  # of equals the first has the rest


def test_diversity_varies_a_page(open_art, bundle):
    """Greedy, with much diversity: the pictures share less than without it."""

    def likeness(diversity: float, name: str) -> float:
        policy = keyart.Policy(exploration=0, stickiness=OFF, diversity=diversity)
        art = open_art(bundle=bundle, policy=policy, path=name, keys=keyart.EphemeralKey())
        encoded = art._session.chooser.installed.encoded
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
        art.choose_page(["t0", "nowhere"], TV, unknown="raise")
    for titles in (["t0"], ["nowhere"], []):
        with pytest.raises(ContextError):
            art.choose_page(titles, None)
    assert art.export()["decisions"] == []
