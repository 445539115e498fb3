"""A page with everything on it: three viewers, two screens each, nine invented titles of ten artworks."""

from __future__ import annotations

from random import Random

import pytest

from keyart_tools.demo.page.page_model import Candidate, Choice, HomePage, PageViewer, PolicyResult, Screen

TITLES = (
    ("Harbour Lights", "1998", ("drama", "romance")),
    ("The Cartographer's Daughter", "2004", ("adventure", "fantasy")),
    ("Orbit", "2011", ("science-fiction", "thriller")),
    ("Paper Moons & Other Lies", "1987", ("comedy", "romance")),
    ("Iron Gate", "1979", ("war", "history")),
    ("Nine Lanterns", "2016", ("mystery", "crime")),
    ("Marble", "1951", ("film-noir", "drama")),
    ("The Small Brass Band", "2001", ("animation", "musical")),
    ("Copper Sky", "1966", ("western", "action")),
)
SHOTS, PALETTES, MOODS = ("close-up", "ensemble", "wide"), ("warm", "cool"), ("thoughtful", "intense", "")


def artwork_tags(index: int, genres: tuple[str, ...], chance: Random) -> dict[str, float]:
    tags = {
        f"genre:{genres[index % len(genres)]}": 1.0,
        f"shot:{SHOTS[index % 3]}": 1.0,
        f"palette:{PALETTES[index % 2]}": 1.0,
        "faces": round(chance.random(), 2),
        "style:painted": 0.4,
    }
    mood = MOODS[chance.randrange(3)]
    if mood:
        tags[f"mood:{mood}"] = 1.0
    if index % 4 == 0:
        tags["cast:robin-w"] = 1.0
    return tags


def sample_choice(number: int, seed: str) -> Choice:
    name, year, genres = TITLES[number]
    fixed, chance = Random(f"title {number}"), Random(f"{seed} {number}")
    weights = [chance.random() ** 3 for _ in range(10)]
    misleading = fixed.randrange(10)
    weights[misleading] = 0.0
    candidates = tuple(
        Candidate(f"t{number}/{i}", artwork_tags(i, genres, fixed), weight / sum(weights), i == misleading)
        for i, weight in enumerate(weights)
    )
    chosen = max(range(10), key=weights.__getitem__)
    everybody = next(i for i in (fixed.randrange(10), 3, 4) if i != misleading)
    reasons = (
        "you often finish films with this mood",
        f"you like {genres[0]} in the evening",
        "few people have shown it yet",
    )
    return Choice(
        f"t{number}", name, year, dict.fromkeys((f"genre:{g}" for g in genres), 0.5), candidates,
        chosen, everybody, reasons[: 1 + number % 3],
    )  # fmt: skip


def sample_viewer(number: int) -> PageViewer:
    evening = tuple(sample_choice(i, f"{number} evening") for i in range(len(TITLES)))
    morning = tuple(
        sample_choice(i, f"{number} {'evening' if (i + number) % 2 else 'morning'}") for i in range(len(TITLES))
    )
    return PageViewer(
        f"Viewer {number}",
        "watches mostly drama and romance; 41 films so far",
        ("Lowlands", "Blue Hour", "A Quiet Street in October"),
        (
            Screen("Tuesday evening, TV", "tv", "evening", evening),
            Screen("Wednesday morning, phone", "phone", "morning", morning),
        ),
    )


@pytest.fixture(scope="session")
def sample_page() -> HomePage:
    rows = (
        ("random", 0.0), ("best fixed artwork", 0.31), ("central", 0.78),
        ("federated", 0.71), ("federated + head", 0.83), ("oracle", 1.0),
    )  # fmt: skip
    results = tuple(
        PolicyResult(
            name,
            0.3 + 0.2 * c,
            (0.29 + 0.2 * c, 0.31 + 0.2 * c),
            c,
            (c - 0.05 * (0 < c < 1), c + 0.05 * (0 < c < 1)),
        )
        for name, c in rows
    )
    return HomePage(
        "sample",
        "Three viewers, the same nine titles: each sees the pictures that speak to them.",
        results,
        tuple(sample_viewer(number) for number in (196, 22, 305)),
        ("Sample data: titles, viewers and figures of this page are made up for a test.",),
        ("None: nothing here comes from a data set.",),
    )
