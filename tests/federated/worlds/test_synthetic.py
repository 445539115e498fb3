"""The synthetic world keeps the contract of `keyart_federated.World`, and its numbers are the ones it
states.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest

import keyart
from keyart.catalog import kind_of
from keyart.errors import SettingError, WorldError
from keyart_federated.world import World
from keyart_federated.worlds import SyntheticWorld

SMALL = {"viewers": 40, "titles": 12, "artworks": 10, "impressions": 30}
KNOBS = {
    "popularity_exponent": 2.0,
    "position_bias": 0.5,
    "clickbait_pull": 1.0,
    "idiosyncrasy": 0.5,
    "shared_devices": 0.4,
    "cold_start": 0.3,
    "drift": 0.5,
    "seasons": 0.5,
    "arrivals": 0.2,
    "premieres": 0.2,
}
# sha256 of every history, impression and outcome of the world of SMALL with seed 5, before it had any of KNOBS.
AS_IT_WAS = "4d0f15934ebc25526d523db389dcf36764c1012fc957348a8c0f574cecce329f"


@pytest.fixture(scope="module")
def world() -> SyntheticWorld:
    return SyntheticWorld(**SMALL, seed=5)


def everything(world: SyntheticWorld, pairs: list[tuple[int, int]]) -> dict[tuple[int, int, str], keyart.Outcome]:
    return {
        (i, k, artwork.id): world.outcome(i, k, artwork.id)
        for i, k in pairs
        for artwork in world.catalog[world.impression(i, k)[0]].artworks
    }


def test_is_a_world_of_the_asked_size(world: SyntheticWorld) -> None:
    assert isinstance(world, World)
    assert world.devices == 40
    assert world.impressions == 30
    assert len(world.catalog) == 12
    assert all(len(title.artworks) == 10 for title in world.catalog)


def test_the_same_draw_whatever_is_asked_first(world: SyntheticWorld) -> None:
    pairs = list(itertools.product(range(0, 40, 4), range(0, 30, 3)))
    forward = everything(world, pairs)
    other = SyntheticWorld(**SMALL, seed=5)
    for i, k in pairs:
        other.expected_reward(i, k)
    assert everything(other, pairs[::-1]) == forward
    assert everything(world, pairs) == forward


def test_with_every_knob_at_its_default_it_is_the_world_it_was(world: SyntheticWorld) -> None:
    digest = hashlib.sha256()

    def take(*values: object) -> None:
        digest.update(repr(values).encode())

    for i in range(40):
        for view in world.history(i):
            take(view.title_id, view.at.isoformat(), view.seconds, view.device)
        for k in range(30):
            title_id, context = world.impression(i, k)
            take(title_id, context.at.isoformat(), context.device, context.slot)
            for artwork in world.catalog[title_id].artworks:
                outcome = world.outcome(i, k, artwork.id)
                take(artwork.id, sorted(artwork.tags), outcome.kind, round(outcome.seconds, 3))
    assert digest.hexdigest() == AS_IT_WAS
    first = [0.06870481932346728, 0.10090821053310203, 0.028583589182832138, 0.10428741919614332]
    assert world.expected_reward(3, 4)[:4] == pytest.approx(first, rel=1e-6)


@pytest.mark.parametrize("knob", KNOBS)
def test_a_knob_leaves_catalogue_and_moments_as_they_were(world: SyntheticWorld, knob: str) -> None:
    turned = SyntheticWorld(**SMALL, seed=5, **{knob: KNOBS[knob]})
    assert turned.catalog.titles == world.catalog.titles
    pairs = list(itertools.product(range(40), range(30)))
    assert [turned.impression(*p)[1] for p in pairs] == [world.impression(*p)[1] for p in pairs]
    if knob == "cold_start":
        assert all(np.array_equal(turned.expected_reward(*p), world.expected_reward(*p)) for p in pairs)
    else:
        assert any(not np.array_equal(turned.expected_reward(*p), world.expected_reward(*p)) for p in pairs)


def test_worlds_know_nothing_of_how_a_choice_is_made() -> None:
    folder = Path(SyntheticWorld.__init__.__code__.co_filename).parent
    known = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").startswith("keyart"):
                known.add(node.module)
            elif isinstance(node, ast.Import):
                known |= {name.name for name in node.names if name.name.startswith("keyart")}
    assert known == {"keyart", "keyart.context", "keyart.errors"}


def test_a_seed_is_a_world() -> None:
    same, again, different = (SyntheticWorld(**SMALL, seed=seed) for seed in (5, 5, 6))
    for i, k in itertools.product(range(5), range(30)):
        assert same.impression(i, k) == again.impression(i, k)
        assert np.array_equal(same.expected_reward(i, k), again.expected_reward(i, k))
    assert same.history(3) == again.history(3)
    assert any(same.impression(i, k) != different.impression(i, k) for i, k in itertools.product(range(5), range(30)))
    assert same.catalog.titles != different.catalog.titles


def test_more_impressions_leave_the_first_ones_as_they_were() -> None:
    short = SyntheticWorld(viewers=20, titles=8, impressions=42, seed=1)
    long = SyntheticWorld(viewers=20, titles=8, impressions=90, seed=1)
    for i, k in itertools.product(range(20), range(42)):
        title_id, context = short.impression(i, k)
        assert (title_id, context) == long.impression(i, k)
        artwork = short.catalog[title_id].artworks[k % 10].id
        assert short.outcome(i, k, artwork) == long.outcome(i, k, artwork)


@pytest.mark.parametrize(
    "knobs", [pytest.param({}, id="default", marks=pytest.mark.slow), pytest.param(KNOBS, id="every knob")]
)
def test_frequencies_agree_with_the_expected_reward(knobs: dict[str, float]) -> None:
    # Every (viewer, impression, picture) is one draw; grouped by its stated probability, the mean reward must
    # be it.
    world = SyntheticWorld(viewers=300, titles=10, impressions=200, seed=3, **knobs)
    reward = keyart.Reward()
    stated, seen = [], []
    for i, k in itertools.product(range(world.devices), range(world.impressions)):
        title = world.catalog[world.impression(i, k)[0]]
        a = (i + 3 * k) % len(title.artworks)
        stated.append(world.expected_reward(i, k)[a])
        seen.append(reward.of(world.outcome(i, k, title.artworks[a].id), title.duration))
    p, y = np.array(stated), np.array(seen)
    for group in (np.arange(len(p)), *np.array_split(np.argsort(p), 6)):
        error = np.sqrt((p[group] * (1 - p[group])).sum()) / len(group)
        assert abs(y[group].mean() - p[group].mean()) < 3 * error


def test_a_viewer_s_outcomes_are_independent_between_impressions() -> None:
    world = SyntheticWorld(viewers=200, titles=1, artworks=2, impressions=40, seed=2)
    artwork = world.catalog.titles[0].artworks[0].id
    played = np.array(
        [[world.outcome(i, k, artwork).kind == "played" for k in range(40)] for i in range(200)], dtype=float
    )
    expected = played.mean()
    assert abs(np.mean((played[:, :-1] - expected) * (played[:, 1:] - expected))) < 0.02
    assert len({row.tobytes() for row in played}) > 190


@pytest.mark.parametrize(("knobs", "within"), [({}, 1e-3), (KNOBS, 0.03)], ids=["default", "every knob"])
def test_base_rates_are_the_ones_asked_for(knobs: dict[str, float], within: float) -> None:
    world = SyntheticWorld(viewers=200, titles=40, impressions=40, seed=0, play_rate=0.3, keep_rate=0.4, **knobs)
    rewards = [world.expected_reward(i, k).mean() for i in range(200) for k in range(40)]
    assert np.mean(rewards) == pytest.approx(0.12, rel=within)
    longer = SyntheticWorld(viewers=60, titles=40, impressions=160, play_rate=0.3, keep_rate=0.4, **knobs)
    rewards = [longer.expected_reward(i, k).mean() for i in range(60) for k in range(160)]
    assert np.mean(rewards) == pytest.approx(0.12, rel=0.04)


def test_default_size_of_random_and_oracle() -> None:
    world = SyntheticWorld(viewers=200, impressions=40)
    rewards = np.array([world.expected_reward(i, k) for i in range(200) for k in range(40)])
    assert rewards.mean() == pytest.approx(0.08, abs=0.003)
    assert 0.13 < rewards.max(axis=1).mean() < 0.155


def test_titles_hold_what_is_described(world: SyntheticWorld) -> None:
    for title in world.catalog:
        kinds = [kind_of(tag) for tag in title.tags]
        assert 1 <= kinds.count("genre") <= 3
        assert kinds.count("cast") <= 2
        assert sum(weight for tag, weight in title.tags.items() if kind_of(tag) == "genre") == pytest.approx(1.0)
        assert title.duration >= 20 * 60
        for artwork in title.artworks:
            shown = [kind_of(tag) for tag in artwork.tags]
            assert shown.count("palette") == 1
            assert shown.count("style") in (1, 2)
            assert 1 <= shown.count("genre") <= 2


def test_every_moment_has_a_zone_and_time_goes_on(world: SyntheticWorld) -> None:
    for i in range(world.devices):
        views = world.history(i)
        assert len(views) == 15
        moments = [view.at for view in views] + [world.impression(i, k)[1].at for k in range(world.impressions)]
        assert all(at.utcoffset() is not None for at in moments)
        assert moments == sorted(moments)


def test_history_holds_full_and_abandoned_views(world: SyntheticWorld) -> None:
    shares = [view.seconds / world.catalog[view.title_id].duration for i in range(40) for view in world.history(i)]
    abandoned = np.mean(np.array(shares) < 0.3)
    assert 0.1 < abandoned < 0.7
    assert np.mean(np.array(shares) > 0.8) == pytest.approx(1 - abandoned)


def test_expected_reward_is_a_value_of_the_caller_s_own(world: SyntheticWorld) -> None:
    before = world.expected_reward(0, 0)
    kept = before.copy()
    before[:] = 0
    assert np.array_equal(world.expected_reward(0, 0), kept)
    assert kept.dtype == np.float64


@pytest.mark.parametrize(("i", "k"), [(40, 0), (-1, 0), (0, 30), (0, -1)])
def test_an_impression_outside_of_the_world_is_an_error(world: SyntheticWorld, i: int, k: int) -> None:
    for ask in (world.impression, world.expected_reward):
        with pytest.raises(WorldError, match="40 devices and 30 impressions"):
            ask(i, k)
    with pytest.raises(WorldError, match="40 devices and 30 impressions"):
        world.outcome(i, k, "s0000/00")


def test_a_picture_of_another_title_is_an_error(world: SyntheticWorld) -> None:
    title_id, _ = world.impression(0, 0)
    other = next(title for title in world.catalog if title.id != title_id)
    for artwork_id in (other.artworks[0].id, "no such picture"):
        with pytest.raises(WorldError, match="which has no artwork"):
            world.outcome(0, 0, artwork_id)


@pytest.mark.parametrize(
    "settings",
    [
        {"viewers": 0},
        {"artworks": 0},
        {"play_rate": 0.0},
        {"keep_rate": 1.0},
        {"clickbait_share": 1.5},
        {"seed": -1},
        {"history_views": -1},
        {"popularity_exponent": -0.1},
        {"position_bias": float("nan")},
        {"clickbait_pull": -1.0},
        {"seasons": float("inf")},
        {"idiosyncrasy": 1.1},
        {"shared_devices": -0.1},
        {"cold_start": 2.0},
        {"drift": 1.5},
        {"arrivals": -1.0},
        {"premieres": 1.1},
    ],
)
def test_a_setting_outside_of_its_range_is_named(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        SyntheticWorld(**settings)


@pytest.mark.parametrize(
    "knobs", [{}, KNOBS, KNOBS | {"shared_devices": 1.0}], ids=["default", "every knob", "shared"]
)
@pytest.mark.parametrize("odd", [{"artworks": 1}, {"clickbait_share": 1.0}, {"history_views": 0}, {"impressions": 1}])
def test_small_worlds_work(odd: dict[str, float], knobs: dict[str, float]) -> None:
    world = SyntheticWorld(**({"viewers": 2, "titles": 1, "artworks": 3, "impressions": 5} | knobs | odd))
    assert np.isfinite(world.expected_reward(1, 0)).all()
    world.history(1)
