"""PageMemory: its factors are marginal gains of the stated function, returns diminish, and made pages are varied."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import keyart
from keyart.catalog import kind_of
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.page import RECOGNISED_KINDS, RECOGNITION_RATE, PageMemory
from keyart.model.policy import distribution, draw_candidates

CLOSED = ("cast:a", "cast:b", "faces", "palette:cool", "palette:warm", "shot:close")
SMALL = FeatureSpec(CLOSED, (), ("cast",), ())
LARGE = FeatureSpec(CLOSED[2:], (), ("cast",), ("cast",))
Tags = Mapping[str, float]
DOCS = Path(__file__).parents[2] / "docs" / "explanation" / "choosing.md"


def encoded(rows: list[list[Tags]], spec: FeatureSpec | None = None) -> EncodedCatalog:
    """A title for each row of pictures; titles carry all tags of their pictures, so that open ones have a place."""
    titles = [
        keyart.Title(
            f"{t}",
            tags={tag: 1.0 for tags in row for tag in tags},
            artworks=[keyart.Artwork(f"{t}/{a}", tags) for a, tags in enumerate(row)],
        )
        for t, row in enumerate(rows)
    ]
    catalog = keyart.Catalog.from_titles(titles)
    return EncodedCatalog.build(catalog, spec or FeatureSpec.from_catalog(catalog))


def after(memory: PageMemory, *pictures: int) -> PageMemory:
    for picture in pictures:
        memory.show(picture)
    return memory


def shares(tags: Tags, spec: FeatureSpec) -> dict[str, float]:
    """x of the equation: weights within a kind, brought down to a sum of 1; those of open kinds up to it, too."""
    totals: Counter[str] = Counter()
    for tag, weight in tags.items():
        totals[kind_of(tag)] += weight
    least = {kind: 0.0 if kind in spec.open_kinds else 1.0 for kind in totals}
    return {tag: w / max(totals[kind_of(tag)], least[kind_of(tag)]) for tag, w in tags.items() if w}


def repetition(page: Mapping[int, Tags], spec: FeatureSpec) -> float:
    """R(S) of the module's docstring, for pictures by their place on the page."""
    x = {place: shares(page[place], spec) for place in sorted(page)}
    total = 0.0
    for tag in {tag for tags in x.values() for tag in tags}:
        held = {place: tags[tag] for place, tags in x.items() if tag in tags}
        if kind_of(tag) in RECOGNISED_KINDS:
            total += sum(held.values())
            total -= (1 - math.prod(1 - RECOGNITION_RATE * share for share in held.values())) / RECOGNITION_RATE
        else:
            total += sum(held[a] * held[b] / b for a in held for b in held if a < b)
    return total


pictures = st.dictionaries(st.sampled_from(CLOSED), st.sampled_from([0.0, 0.3, 1.0, 1.5]), max_size=5)
pages = st.lists(pictures, min_size=1, max_size=7)
specs = st.sampled_from([SMALL, LARGE])


@settings(deadline=None, max_examples=150)
@given(pages, specs, st.floats(0.01, 1))
def test_factors_are_marginal_gains(page, spec, diversity):
    """log factor = −λ (R(S ∪ {b}) − R(S)), at each place of the page and for each picture that could stand there."""
    catalogue = encoded([page], spec)
    memory = PageMemory(diversity, catalogue)
    shown: dict[int, Tags] = {}
    for place, tags in enumerate(page):
        factors = memory.factors(slice(0, len(page)))
        before = repetition(shown, spec)
        expected = [-diversity * (repetition({**shown, place: other}, spec) - before) for other in page]
        np.testing.assert_allclose(np.log(factors), expected, atol=2e-6)
        kinds = len({kind_of(tag) for tag in CLOSED})
        assert (factors <= 1).all() and (factors >= math.exp(-diversity * kinds)).all()
        memory.show(place)
        shown[place] = tags


@settings(deadline=None, max_examples=300)
@given(pages, pictures, specs, st.data())
def test_returns_diminish(page, new, spec, data):
    """F(S ∪ {b}) − F(S) ≥ F(T ∪ {b}) − F(T) for S ⊆ T; log v is the same on both sides."""
    places = data.draw(st.permutations(range(len(page) + 1)))
    larger = dict(zip(places[1:], page, strict=True))
    kept = data.draw(st.lists(st.booleans(), min_size=len(page), max_size=len(page)))
    smaller = {place: tags for (place, tags), keep in zip(larger.items(), kept, strict=True) if keep}

    def gain(shown: Mapping[int, Tags]) -> float:
        return repetition(shown, spec) - repetition({**shown, places[0]: new}, spec)

    assert gain(smaller) >= gain(larger) - 1e-9


@settings(deadline=None, max_examples=100)
@given(pages, specs, st.data())
def test_what_is_not_shown_lowers_no_factor(page, spec, data):
    """The same inequality on the code: pictures without tags in the places of some lower nothing."""
    catalogue = encoded([[*page, {}]], spec)
    blank, candidates = len(page), slice(0, len(page))
    kept = data.draw(st.lists(st.booleans(), min_size=len(page), max_size=len(page)))
    all_shown = after(PageMemory(0.5, catalogue), *range(len(page)))
    some_shown = after(PageMemory(0.5, catalogue), *(p if keep else blank for p, keep in enumerate(kept)))
    assert (some_shown.factors(candidates) >= all_shown.factors(candidates) - 1e-6).all()


def test_by_hand():
    same = {"cast:a": 1.0, "palette:warm": 1.0}
    catalogue = encoded([[same, {"cast:a": 1.0}, {"palette:warm": 1.0}, {"palette:cool": 1.0}, {}]], SMALL)
    memory, candidates = PageMemory(0.2, catalogue), slice(0, 5)
    np.testing.assert_array_equal(memory.factors(candidates), np.ones(5))
    for once_more in ([3 / 2, 1 / 2, 1, 0, 0], [7 / 4, 3 / 4, 1, 0, 0]):
        memory.show(0)
        np.testing.assert_allclose(memory.factors(candidates), np.exp(-0.2 * np.array(once_more)), rtol=1e-6)
    memory.show(4)  # a person is remembered; a palette's share falls
    np.testing.assert_allclose(memory.factors(slice(1, 3)), np.exp([-0.2 * 3 / 4, -0.2 * 2 / 3]), rtol=1e-6)


def test_a_person_counts_the_same_in_a_catalogue_of_any_size():
    rows = [[{"cast:a": 1.0}, {"cast:a": 0.5, "cast:b": 0.5}, {"cast:b": 1.0}, {"faces": 1.0}]]
    small, large = (after(PageMemory(0.3, encoded(rows, spec)), 0, 1, 1) for spec in (SMALL, LARGE))
    np.testing.assert_allclose(small.factors(slice(0, 4)), large.factors(slice(0, 4)), rtol=1e-6)
    assert large.factors(slice(0, 1)) < large.factors(slice(2, 3)) < 1 == large.factors(slice(3, 4))


def test_without_diversity_nothing_changes():
    memory = after(PageMemory(0.0, encoded([[{"cast:a": 1.0}]], SMALL)), 0, 0)
    np.testing.assert_array_equal(memory.factors(slice(0, 1)), [1])


def test_a_catalogue_without_tags_repeats_nothing():
    memory = after(PageMemory(1.0, encoded([[{}, {}], [{}]])), 0, 2)
    np.testing.assert_array_equal(memory.factors(slice(0, 2)), [1, 1])


# Made pages: 40 titles of 20 pictures with values .08 e^(σ N). Their counts stand in docs/explanation/choosing.md.
TITLES, PICTURES, SEEDS, BASE_RATE = 40, 20, 20, 0.08
PALETTES, SHOTS, GENRES = ("cool", "grey", "warm"), ("close", "medium", "wide"), ("comedy", "crime", "drama", "war")


def with_lead(rng: np.random.Generator, title: int, picture: int) -> dict[str, float]:
    who = "lead" if picture % 4 else f"other-{title}-{picture}"
    return {f"cast:{who}": 1.0, **with_palette(rng, title, picture)}


def with_palette(rng: np.random.Generator, title: int, picture: int) -> dict[str, float]:
    return {f"palette:{rng.choice(PALETTES)}": 1.0, f"shot:{rng.choice(SHOTS)}": 1.0}


def with_nothing_in_common(rng: np.random.Generator, title: int, picture: int) -> dict[str, float]:
    return {f"place:{title}-{picture}": 1.0}


def with_genre(rng: np.random.Generator, title: int, picture: int) -> dict[str, float]:
    return {f"genre:{rng.choice(GENRES)}": 1.0, "palette:warm": float(rng.random())}


MADE = {  # what its pictures show, σ, the tag that is counted, and how much more its pictures are worth
    "lead": (with_lead, 0.25, "cast:lead", 1.0),
    "palette": (with_palette, 0.05, "palette:warm", 1.1),
    "genre": (with_genre, 0.25, "genre:drama", 1.5),
    "nothing in common": (with_nothing_in_common, 0.25, "place:0-0", 1.0),
}
DIVERSITIES = (0.0, 0.05, 0.1, 0.2, 0.3)


@cache
def made(name: str) -> tuple[EncodedCatalog, np.ndarray]:
    """The page, and which of its pictures [titles, pictures] carry the tag that is counted."""
    looks, _, counted, _ = MADE[name]
    rng = np.random.default_rng(0)
    rows = [[looks(rng, t, a) for a in range(PICTURES)] for t in range(TITLES)]
    return encoded(rows), np.array([[counted in tags for tags in row] for row in rows])


def judged(name: str, diversity: float) -> tuple[float, float]:
    """Mean over seeds: how many of 40 carry the counted tag, and the mean value; chosen by the default policy."""
    catalogue, counted = made(name)
    _, sigma, _, liking = MADE[name]
    gamma, allowed = keyart.Policy().gamma(BASE_RATE), np.ones(PICTURES, dtype=np.bool_)
    count = value = 0.0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        values = BASE_RATE * np.exp(sigma * rng.normal(size=counted.shape)) * np.where(counted, liking, 1.0)
        memory = PageMemory(diversity, catalogue)
        for title, uniform in enumerate(rng.random(TITLES)):
            first = title * PICTURES
            factors = memory.factors(slice(first, first + PICTURES))
            pick = int(draw_candidates(distribution(values[title] * factors, allowed, gamma), uniform))
            memory.show(first + pick)
            count += counted[title, pick] / SEEDS
            value += values[title, pick] / (SEEDS * TITLES)
    return count, value


@cache
def table() -> dict[float, list[float]]:
    """By diversity: pictures of the lead, value lost there; share of the warm palette, value lost; the same of the
    liked genre; value lost where nothing is in common. Values lost and shares in per cent."""
    rows: dict[float, list[float]] = {diversity: [] for diversity in DIVERSITIES}
    for name in MADE:
        best = judged(name, 0.0)[1]
        for diversity, row in rows.items():
            count, value = judged(name, diversity)
            how_many = {"lead": [count], "nothing in common": []}.get(name, [100 * count / TITLES])
            row += [*how_many, 100 * (1 - value / best)]
    return rows


def test_made_pages_are_as_documented():
    text = DOCS.read_text(encoding="utf-8").partition("## Page")[2]
    lines = re.findall(r"^\| (0\.?\d*) \| (.+) \|$", text, re.MULTILINE)
    documented = {float(first): [float(cell) for cell in re.findall(r"[\d.]+", rest)] for first, rest in lines}
    assert list(documented) == list(DIVERSITIES)
    for diversity, row in table().items():
        # Rounded to a tenth; one draw of 800 that falls otherwise elsewhere moves a share by an eighth of a per cent.
        assert (np.abs(np.subtract(documented[diversity], row)) <= [0.2, 0.1, 0.4, 0.1, 0.4, 0.1, 0.1]).all()


def test_the_default_is_worth_its_price():
    plain, varied = table()[0.0], table()[keyart.Policy().diversity]
    assert varied[0] < 0.85 * plain[0]  # of the lead's pictures
    assert varied[2] < 0.8 * plain[2]  # of the palette
    assert varied[4] > 70  # whoever loves a genre still gets it
    assert max(varied[1::2]) < 2 and varied[-1] == 0  # value lost, in per cent


def test_more_diversity_is_more_varied():
    columns = np.array(list(table().values())).T
    assert all((np.diff(columns[c]) < 0).all() for c in (0, 2, 4))
