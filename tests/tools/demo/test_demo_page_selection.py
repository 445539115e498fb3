"""Rules by which the demo picks viewers, titles and words, and what `preview` promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import keyart
from keyart.errors import SettingError, UnknownTitle, WorldError
from keyart_federated import simulate
from keyart_federated.metrics import WorldTruth
from keyart_federated.worlds import SyntheticWorld
from keyart_tools.demo.arms import _require_same_world
from keyart_tools.demo.explanations import sentences
from keyart_tools.demo.page_selection import most_different_viewers, most_varied_titles, popular_titles, tastes
from keyart_tools.demo.screens import split_name

EVENING = keyart.Context("tv", datetime(2025, 6, 1, 20, 30, tzinfo=UTC))


@pytest.fixture(scope="module")
def world() -> SyntheticWorld:
    return SyntheticWorld(viewers=60, titles=20, artworks=6, impressions=12, history_views=25)


@pytest.fixture(scope="module")
def bundle(world: SyntheticWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(world, 3, 3, out=tmp_path_factory.mktemp("bundle") / "bundle").bundle


def opened(world: SyntheticWorld, bundle: Path, **settings: object) -> keyart.Personalizer:
    policy = keyart.Policy(stickiness=timedelta(0), exploration=0.3, **settings)
    art = keyart.Personalizer.open(
        "unused", catalog=world.catalog, keys=keyart.EphemeralKey(), bundle=bundle, policy=policy,
        rng=np.random.default_rng(3),
    )  # fmt: skip
    art.consent.grant("personalization")
    art.record_many(world.history(0))
    return art


def test_viewers_are_far_apart(world: SyntheticWorld) -> None:
    taste = tastes(world)
    chosen = most_different_viewers(world)

    assert len(set(chosen)) == 3 and chosen == most_different_viewers(world)
    apart = [np.linalg.norm(taste[a] - taste[b]) for a in chosen for b in chosen if a < b]
    everybody = [np.linalg.norm(taste[a] - taste[b]) for a in range(60) for b in range(a)]
    assert min(apart) > np.quantile(everybody, 0.8)


def test_fewer_viewers_than_places() -> None:
    small = SyntheticWorld(viewers=2, titles=4, artworks=3, impressions=2)
    assert most_different_viewers(small) == [0, 1]


def test_titles_are_popular_and_new(world: SyntheticWorld) -> None:
    everything = popular_titles(world, 12, set())
    shown = [world.impression(i, k)[0] for i in range(60) for k in range(12)]
    assert [shown.count(t) for t in everything] == sorted((shown.count(t) for t in everything), reverse=True)

    left = popular_titles(world, 12, set(everything[:5]))
    assert left == everything[5:]
    assert popular_titles(world, 12, set(everything)) == everything  # nothing new is left: then the popular ones


def test_telling_titles_differ_most_and_keep_their_order() -> None:
    popular = [f"t{n}" for n in range(12)]
    pictures = {title_id: ["a", "a"] for title_id in popular} | {"t11": ["a", "b"]}

    assert most_varied_titles(popular, pictures) == [*popular[:9], "t11"]


def test_names_and_years() -> None:
    assert split_name("The Matrix (1999)") == ("The Matrix", "1999")
    assert split_name("Synthetic title 3") == ("Synthetic title 3", "")


def test_reasons_are_few_positive_and_notes_come_first() -> None:
    factor = keyart.Factor
    factors = (
        factor("exploration", 0.0, "Drawn to find out."),
        factor("a", 0.05, "A."),
        factor("b", -0.04, "B."),
        factor("c", 0.02, "C."),
        factor("d", 0.02, "D."),
        factor("e", 0.001, "E."),
    )
    explanation = keyart.Explanation("d1", "t1", "t1/a", "t1/b", 0.1, 0.05, factors)

    assert sentences(explanation, varied=False) == ("Drawn to find out.", "A.", "C.")
    assert sentences(keyart.Explanation("d", "t", "a", "b", 0.1, 0.05, factors[1:]), False) == ("A.", "C.", "D.")
    assert sentences(explanation, varied=True)[1].startswith("The page")


def test_preview_is_the_distribution_of_the_draw(world: SyntheticWorld, bundle: Path) -> None:
    """On a page, too: given what stands there already, the chance is the propensity, to the last digit."""
    titles = [title.id for title in world.catalog][:6]
    with opened(world, bundle) as art:
        page = art.choose_page(titles, EVENING)
        shown: list[str] = []
        for slot, decision in enumerate(page):
            here = keyart.Context("tv", EVENING.at, slot=slot)
            chances = art.preview(decision.title_id, here, beside=shown)
            assert sum(chances.values()) == pytest.approx(1.0)
            assert list(chances) == [artwork.id for artwork in world.catalog[decision.title_id].artworks]
            # One model run for a page and one for a title may differ in the last digit of a float32.
            assert chances[decision.artwork_id] == pytest.approx(decision.propensity, rel=1e-3)
            shown.append(decision.artwork_id)
        alone = art.preview(titles[5], keyart.Context("tv", EVENING.at, slot=5))
        assert alone != art.preview(titles[5], keyart.Context("tv", EVENING.at, slot=5), beside=shown[:5])


def test_preview_draws_and_keeps_nothing(world: SyntheticWorld, bundle: Path) -> None:
    with opened(world, bundle) as art, opened(world, bundle) as other:
        for title in world.catalog:
            art.preview(title.id, EVENING)
        art.flush()
        assert art.export()["decisions"] == []
        drawn, undisturbed = (
            [each.choose(title.id, EVENING).artwork_id for title in world.catalog] for each in (art, other)
        )
        assert drawn == undisturbed


def test_preview_says_what_is_wrong(world: SyntheticWorld, bundle: Path) -> None:
    with opened(world, bundle) as art:
        with pytest.raises(UnknownTitle):
            art.preview("nothing", EVENING)
        with pytest.raises(SettingError, match="nothing/1"):
            art.preview(world.catalog.titles[0].id, EVENING, beside=["nothing/1"])


def test_two_different_worlds_are_noticed(world: SyntheticWorld) -> None:
    truth = WorldTruth.measure(world, 3)
    again = SyntheticWorld(viewers=60, titles=20, artworks=6, impressions=12, history_views=25)
    other = SyntheticWorld(viewers=60, titles=20, artworks=6, impressions=12, history_views=25, taste=0.8)

    _require_same_world(again, truth)
    with pytest.raises(WorldError, match="deterministic"):
        _require_same_world(other, truth)
