"""Logged propensities are those of the draws, in every state that a profile can be in; and 300 outcomes move them.

The real `choose` is slow to ask a hundred thousand times. So it is shown that it logs what `preview` says, bit for
bit, that draws by the policy follow what `preview` says, and that its own draws do, fewer of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from choosing_samples import EVENING, OFF, TV, chi_square_bound, play_favourite, sample_bundle

import keyart
from keyart.model.policy import draw_candidates

DRAWS = 100_000
REAL_DRAWS = [12_500, pytest.param(100_000, marks=pytest.mark.slow)]
WISH = keyart.Context("tv", EVENING, intent={"style:c": 1.0, "faces": 0.5})


class Numbers:
    """A random generator whose next numbers a test can set."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.next: list[float] = []

    def random(self) -> float:
        return self.next.pop(0) if self.next else self._rng.random()


@dataclass(frozen=True)
class State:
    """A profile and what is asked of it. shown: what the rules let through, None: all pictures. before: titles that
    stand first on the page, and the numbers that draw their pictures."""

    art: keyart.Personalizer
    title: str = "t0"
    context: keyart.Context = TV
    shown: frozenset[str] | None = None
    before: Mapping[str, float] = field(default_factory=dict)

    def chances(self) -> dict[str, float]:
        beside: list[str] = []
        for place, (title, number) in enumerate(self.before.items()):
            chances = self.art.preview(title, replace(self.context, slot=place), beside)
            beside.append(list(chances)[int(draw_candidates(np.array(list(chances.values())), number))])
        return self.art.preview(self.title, replace(self.context, slot=len(beside)), beside)

    def decide(self, numbers: Numbers, number: float) -> keyart.Decision:
        """The real thing, drawn with `number` in [0, 1)."""
        numbers.next = [*self.before.values(), number]
        if self.before:
            return self.art.choose_page([*self.before, self.title], self.context)[-1]
        return self.art.choose(self.title, self.context)


Open = Callable[..., keyart.Personalizer]


def with_policy(open_art: Open, exploration: float, **settings: object) -> keyart.Personalizer:
    return open_art(policy=keyart.Policy(exploration, OFF), **settings)


def with_head(open_art: Open, exploration: float, **settings: object) -> State:
    art = with_policy(open_art, exploration, **settings)
    play_favourite(art, "t0/c", 300)
    return State(art)


def with_history(open_art: Open, bundle: Path) -> State:
    art = with_policy(open_art, 0.3, bundle=bundle)
    art.record_many([keyart.View("t1", EVENING - timedelta(days=n), 6000) for n in range(20)])
    return State(art)


def third_on_a_page(open_art: Open, bundle: Path) -> State:
    art = open_art(bundle=bundle, policy=keyart.Policy(0.5, OFF, diversity=1.0))
    return State(art, before={"t3": 0.4, "t5": 0.97})


def under_rules(open_art: Open, bundle: Path) -> State:
    pictures = [
        keyart.Artwork("r/a", {"genre:comedy": 1.0, "style:a": 0.5}),
        keyart.Artwork("r/misleading", {"genre:drama": 1.0}),
        keyart.Artwork("r/b", {"genre:crime": 1.0, "style:b": 0.5}),
        keyart.Artwork("r/18", {"genre:comedy": 1.0}, maturity="18+"),
        keyart.Artwork("r/spoiler", {"genre:crime": 1.0}, spoiler=True),
        keyart.Artwork("r/7", {"genre:comedy": 0.4, "faces": 1.0}, maturity="7+"),
        keyart.Artwork("r/c", {"palette:warm": 1.0}),
        keyart.Artwork("r/18-spoiler", {"genre:comedy": 1.0}, maturity="18+", spoiler=True),
    ]
    title = keyart.Title("r", tags={"genre:comedy": 0.7, "genre:crime": 0.3}, artworks=pictures)
    art = with_policy(open_art, 0.5, bundle=bundle, catalog=keyart.Catalog.from_titles([title]))
    shown = frozenset({"r/a", "r/b", "r/7", "r/c"})
    return State(art, "r", keyart.Context("tv", EVENING, max_maturity="12+"), shown)


STATES: dict[str, Callable[[Open, Path], State]] = {
    "no bundle": lambda open_art, bundle: State(open_art()),
    "no consent": lambda open_art, bundle: State(with_policy(open_art, 0.3, bundle=bundle, consent="")),
    "bundle and history": with_history,
    "bundle and head": lambda open_art, bundle: with_head(open_art, 0.5, bundle=bundle),
    "head alone": lambda open_art, bundle: with_head(open_art, 0.01),
    "exploration 0": lambda open_art, bundle: State(with_policy(open_art, 0, bundle=bundle)),
    "exploration .05": lambda open_art, bundle: State(with_policy(open_art, 0.05, bundle=bundle)),
    "exploration 1": lambda open_art, bundle: State(with_policy(open_art, 1, bundle=bundle)),
    "intent": lambda open_art, bundle: State(with_policy(open_art, 0.5, bundle=bundle), context=WISH),
    "third on a page": third_on_a_page,
    "rules": under_rules,
}
EVEN = {"no bundle", "exploration 1"}
every_state = pytest.mark.parametrize("name", STATES)


@pytest.fixture
def numbers() -> Numbers:
    return Numbers(3)


@pytest.fixture
def state(name: str, open_art: Open, bundle: Path, numbers: Numbers) -> State:
    return STATES[name](partial(open_art, rng=numbers), bundle)


def assert_follow(counts: Mapping[str, int], chances: Mapping[str, float]) -> None:
    """Chi-square of counts against chances, p > 1e-3; nothing without a chance was drawn."""
    draws = sum(counts.values())
    expected = {picture: draws * p for picture, p in chances.items() if p > 0}
    assert set(counts) <= set(expected)
    if len(expected) > 1:
        assert min(expected.values()) > 5
        statistic = sum((counts.get(picture, 0) - e) ** 2 / e for picture, e in expected.items())
        assert statistic < chi_square_bound(len(expected) - 1)


@every_state
def test_chances_are_a_distribution(state, name):
    """They sum to 1; each is above 0 exactly where a picture may be shown, except without exploration."""
    chances = state.chances()
    assert sum(chances.values()) == pytest.approx(1, abs=1e-12)
    possible = {picture: p for picture, p in chances.items() if p > 0}
    assert len(possible) == 1 if name == "exploration 0" else set(possible) == (state.shown or set(chances))
    uneven = max(possible.values()) > 1.2 * min(possible.values())
    assert uneven == (name not in EVEN | {"exploration 0"})


@every_state
def test_draws_follow_the_chances(state):
    chances = state.chances()
    ids, p = list(chances), np.broadcast_to(list(chances.values()), (DRAWS, len(chances)))
    picks = draw_candidates(p, np.random.default_rng(11).random(DRAWS))
    assert_follow(Counter(ids[pick] for pick in picks.tolist()), chances)


@every_state
def test_what_is_logged_is_the_chance(state, numbers):
    """Bit for bit; on a page, where `preview` scores the title alone, to the last places of a float32."""
    chances, met = state.chances(), set()
    for number in np.linspace(0, 1, 200, endpoint=False).tolist():
        decision = state.decide(numbers, number)
        met.add(decision.artwork_id)
        chance = chances[decision.artwork_id]
        assert decision.propensity == (pytest.approx(chance, rel=1e-5) if state.before else chance)
    assert met <= {picture for picture, p in chances.items() if p > 0}


@pytest.mark.parametrize("name", ["bundle and head", "third on a page", "rules"])
@pytest.mark.parametrize("draws", REAL_DRAWS)
def test_frequencies_fit_propensities(state, numbers, draws):
    """Chi-square of real choices in one state against the propensities that they log."""
    uniform = np.random.default_rng(17).random(draws).tolist()
    decisions = [state.decide(numbers, number) for number in uniform]
    state.art.consent.withdraw("personalization")  # nothing to write at the end
    propensity = {d.artwork_id: d.propensity for d in decisions}
    assert {(d.artwork_id, d.propensity) for d in decisions} == set(propensity.items())
    assert sum(propensity.values()) == pytest.approx(1, abs=1e-12)
    assert_follow(Counter(d.artwork_id for d in decisions), propensity)


@pytest.mark.parametrize("draws", REAL_DRAWS)
def test_sticky_answers_repeat_the_propensity_of_the_draw(open_art, bundle, numbers, draws):
    """A draw every evening and a second look: what is seen then is distributed as its propensities say."""
    policy = keyart.Policy(exploration=0.5, stickiness=timedelta(hours=24))
    art = open_art(bundle=bundle, consent="", policy=policy, rng=numbers)
    chances = art.preview("t0", TV)
    seen: Counter[str] = Counter()
    for day in range(draws):
        evening = keyart.Context("tv", EVENING + timedelta(days=day))
        drawn, again = art.choose("t0", evening), art.choose("t0", evening)
        assert again.sticky and not drawn.sticky
        assert (again.artwork_id, again.propensity) == (drawn.artwork_id, drawn.propensity)
        assert again.propensity == chances[again.artwork_id]
        seen[again.artwork_id] += 1
    assert_follow(seen, chances)


STYLED = [{f"style:{style}": 1.0, "palette:warm": 1.0} for style in "abcdefgh"]
PICTURES_OF_T0: dict[str, list[dict[str, float]]] = {
    "tags differ": STYLED,
    "tags shared": [STYLED[0]] * 8,
    "no tags": [{}] * 8,
    "tags unseen": [{f"mood:{n}": 1.0} for n in range(8)],
}


def eight_pictures(case: str) -> keyart.Catalog:
    """Title t0 with eight pictures, beside titles whose pictures differ in style: those a bundle has seen."""

    def title(t: int) -> keyart.Title:
        tags = PICTURES_OF_T0[case] if t == 0 else STYLED
        pictures = [keyart.Artwork(f"t{t}/{'abcdefgh'[a]}", tags[a]) for a in range(8)]
        return keyart.Title(f"t{t}", duration=6000, tags={"genre:comedy": 1.0}, artworks=pictures)

    return keyart.Catalog.from_titles(map(title, range(4)))


@pytest.fixture(scope="module")
def styles_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_bundle(tmp_path_factory.mktemp("styles") / "bundle", eight_pictures("tags differ"))


@pytest.mark.parametrize(
    ("case", "with_bundle"),
    [
        ("tags differ", False),
        ("tags differ", True),
        ("tags unseen", False),  # without a bundle the spec is the catalogue's own
        ("tags unseen", True),
        ("tags shared", False),
        ("tags shared", True),
        ("no tags", False),
        ("no tags", True),
    ],
)
def test_300_outcomes_for_one_picture_of_eight(open_art, styles_bundle, case, with_bundle):
    """Same title, same context; outcomes of pictures drawn evenly, and then the chance by the default policy."""
    settings = {"catalog": eight_pictures(case), **({"bundle": styles_bundle} if with_bundle else {})}
    with open_art(policy=keyart.Policy(1, OFF), rng=np.random.default_rng(1), **settings) as art:
        play_favourite(art, "t0/f", 300)
    assert open_art(**settings).preview("t0", TV)["t0/f"] >= 1.5 / 8
