"""A sample household: a small catalogue, a bundle of about 10,000 parameters, and a filled profile.

The measured processes import this file as well, so at import it loads only the standard library.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import keyart

if TYPE_CHECKING:
    from keyart_federated.learning.model import GlobalModel


TITLES, ARTWORKS_PER_TITLE = 40, 10
GENRES, STYLES, PALETTES = 24, 64, 8  # 64 is the most values that a closed kind may have
DETAILED_KINDS = {"cast": 40, "genre": 12, "style": 10, "palette": 6}
IMPRESSIONS_PER_DAY = 20
SECRET = b"k" * 32


def catalog() -> keyart.Catalog:
    """Return 40 titles with 10 artworks each; cast is a high-cardinality field of 80 people."""
    return keyart.Catalog.from_titles(_title(t) for t in range(TITLES))


def detailed_catalog(titles: int, artworks: int) -> keyart.Catalog:
    """Return a catalogue whose artworks have tags of four kinds: 40 people, 12 genres, 10 styles and 6 palettes."""
    import random

    draw = random.Random(5)  # noqa: S311 (a made-up catalogue, no secret)
    kinds = {kind: [f"{kind}:{n:02}" for n in range(count)] for kind, count in DETAILED_KINDS.items()}

    def made(t: int) -> keyart.Title:
        genres, cast, styles = draw.sample(kinds["genre"], 2), draw.sample(kinds["cast"], 4), kinds["style"]
        return keyart.Title(
            f"d{t:03}",
            name=f"Title {t}",
            duration=6000.0,
            tags={genres[0]: 0.7, genres[1]: 0.3} | dict.fromkeys([*cast, *draw.sample(styles, 2)], 1.0),
            artworks=[
                keyart.Artwork(
                    f"d{t:03}/{a}",
                    tags=dict.fromkeys(
                        [genres[a % 2], cast[a % 4], draw.choice(styles), draw.choice(kinds["palette"])], 1.0
                    ),
                )
                for a in range(artworks)
            ],
        )

    return keyart.Catalog.from_titles(made(t) for t in range(titles))


def keys() -> keyart.HostKey:
    """Return a host key store that holds the same secret in every process."""
    return keyart.HostKey(lambda _: SECRET, lambda _, secret: None, lambda _: None)


def model(titles: keyart.Catalog) -> GlobalModel:
    """Return the zero-shot model with seeded noise on every weight, so that none is 0, as after many rounds."""
    from dataclasses import replace

    import numpy as np

    from keyart.model import EncodedCatalog, FeatureSpec
    from keyart_federated.learning.model import GlobalModel

    start = GlobalModel.zero_shot(EncodedCatalog.build(titles, FeatureSpec.from_catalog(titles)))
    rng = np.random.default_rng(1)
    return replace(
        start,
        theta=start.theta + rng.normal(0, 0.15, len(start.theta)),
        appeal=rng.normal(0, 0.1, start.appeal.shape),
        title_latents=rng.normal(0, 1, start.title_latents.shape),
        artwork_latents=rng.normal(0, 0.1, start.artwork_latents.shape),
    )


def fill_profile(profile: Path, titles: keyart.Catalog, bundle: Path, days: int) -> None:
    """Fill the profile with `days` of 20 impressions each, up to yesterday; every outcome is on disk."""
    import numpy as np

    rng = np.random.default_rng(2)
    first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=days)
    now = first

    def clock() -> datetime:
        return now

    with keyart.Personalizer.open(profile, catalog=titles, keys=keys(), bundle=bundle, rng=rng, clock=clock) as art:
        art.consent.grant("personalization")
        for day in range(days):
            for n in range(IMPRESSIONS_PER_DAY):
                now = first + timedelta(days=day, minutes=3 * n)
                title = titles.titles[int(rng.integers(TITLES))]
                decision = art.choose(title.id, keyart.Context("tv", now, slot=n))
                art.observe(decision.id, outcome(float(rng.random())))


def outcome(number: float) -> keyart.Outcome:
    """Return a play for one `number` in seven, uniform in [0, 1), and a skip for the others."""
    return keyart.Outcome.played(seconds=3000) if number < 1 / 7 else keyart.Outcome.skipped()


def _title(t: int) -> keyart.Title:
    genres = [f"genre:{t % GENRES:02}", f"genre:{(7 * t + 5) % GENRES:02}"]
    styles = [f"style:{(3 * t + k) % STYLES:02}" for k in range(3)]
    cast = [f"cast:{2 * t}", f"cast:{2 * t + 1}"]
    return keyart.Title(
        f"t{t:02}",
        name=f"Title {t}",
        duration=6000.0,
        tags={genres[0]: 0.7, genres[1]: 0.3} | dict.fromkeys([*styles, *cast], 1.0),
        artworks=[
            keyart.Artwork(
                f"t{t:02}/{a}",
                tags={
                    genres[a % 2]: 1.0,
                    styles[a % 3]: 1.0,
                    f"style:{(3 * t + 5 * a + 7) % STYLES:02}": 0.5,
                    cast[a % 2]: 1.0,
                    f"palette:{(t + a) % PALETTES}": 1.0,
                    "faces": (1 + a % 4) / 4,
                },
                image=f"t{t:02}-{a}.jpg",
            )
            for a in range(ARTWORKS_PER_TITLE)
        ],
    )
