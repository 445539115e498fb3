"""A small catalogue, bundles of seeded weights, and a random generator whose next number a test can set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

import keyart
from keyart.catalog.file_magic import MAGIC

ZONE = timezone(timedelta(hours=2))
EVENING = datetime(2026, 3, 2, 20, 15, tzinfo=ZONE)
MORNING = EVENING.replace(hour=8)
TV = keyart.Context("tv", EVENING)
GENRES = ("comedy", "crime", "drama", "romance")
ARTWORKS = 8
OFF = timedelta(0)
ROOT = Path(__file__).parents[2]


def sample_catalog(titles: int = 6, artworks: int = ARTWORKS) -> keyart.Catalog:
    """Titles t0, t1 … with pictures t0/a … of seeded tags; none misleading, all for any age."""
    rng = np.random.default_rng(5)
    rows = []
    for t in range(titles):
        mine = [GENRES[t % 4], GENRES[(t + 1) % 4]]
        pictures = [
            keyart.Artwork(
                f"t{t}/{chr(97 + a)}",
                tags={
                    f"genre:{mine[a % 2]}": round(float(rng.uniform(0.4, 1)), 2),
                    f"style:{'abcde'[a % 5]}": round(float(rng.uniform(0.2, 1)), 2),
                    f"palette:{'warm' if rng.random() < 0.5 else 'cool'}": 1.0,
                    "faces": round(float(rng.random()), 2),
                },
                maturity="all",
            )
            for a in range(artworks)
        ]
        tags = {f"genre:{mine[0]}": 0.7, f"genre:{mine[1]}": 0.3}
        rows.append(keyart.Title(f"t{t}", name=f"Title {t}", duration=6000, tags=tags, artworks=pictures))
    return keyart.Catalog.from_titles(rows)


def crowded_catalog(titles: int = 30) -> keyart.Catalog:
    """`sample_catalog` with people, more than a hundred in all: too many for places of their own."""
    rows = []
    for t, title in enumerate(sample_catalog(titles)):
        people = {f"cast:person-{(7 * t + n) % 131}": 1.0 - 0.2 * n for n in range(4)}
        shown = list(people.items())
        artworks = [
            replace(artwork, tags={**artwork.tags, **dict(shown[a % 3 : a % 3 + 2])})
            for a, artwork in enumerate(title.artworks)
        ]
        rows.append(replace(title, tags={**title.tags, **people}, artworks=artworks))
    return keyart.Catalog.from_titles(rows)


def sample_model(catalog: keyart.Catalog, seed: int = 1, version: int = 1):
    """The zero-shot model with seeded noise on each weight, each picture's appeal and all factors."""
    from keyart.model.features import EncodedCatalog, FeatureSpec
    from keyart_federated.learning.model import GlobalModel

    start = GlobalModel.zero_shot(EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog)))
    rng, others = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    return replace(
        start,
        theta=start.theta + rng.normal(0, 0.15, len(start.theta)),
        appeal=rng.normal(0, 0.1, start.appeal.shape).round(3),
        title_latents=others.normal(0, 1, start.title_latents.shape),
        artwork_latents=others.normal(0, 0.1, start.artwork_latents.shape),
        base_rate=0.08,
        version=version,
    )


def sample_bundle(folder: Path, catalog: keyart.Catalog, seed: int = 1, version: int = 1) -> Path:
    """A whole, valid bundle of `sample_model`."""
    from keyart_federated.export import write_bundle

    model = sample_model(catalog, seed, version)
    return write_bundle(folder, model, catalog, data="Made up.", training={"round": 1, "devices": 1})


def sample_keys() -> keyart.HostKey:
    """The same root key each time, in any process."""
    return keyart.HostKey(lambda name: b"k" * 32, lambda name, secret: None, lambda name: None)


def seeded(seed: int) -> Callable[[int], bytes]:
    """A source of bytes that is the same each time."""
    return np.random.default_rng(seed).bytes


class Dial:
    """Stands for a random generator: the next uniform number is what the test says."""

    def __init__(self, number: float = 0.0) -> None:
        self.number = number

    def random(self) -> float:
        return self.number


class Clock:
    """Says what the test says; the evening of the samples, to begin with."""

    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> datetime:
        return self.now


def distribution_of(art: keyart.Personalizer, dial: Dial, title: str, context: keyart.Context) -> dict[str, float]:
    """Propensity by picture, found by turning the dial from 0 to 1; stickiness must be off."""
    found: dict[str, float] = {}
    passed = 0.0
    while passed < 1 - 1e-9:
        dial.number = passed + 1e-12
        decision = art.choose(title, context)
        assert decision.artwork_id not in found and not decision.sticky
        found[decision.artwork_id] = decision.propensity
        passed += decision.propensity
    return found


def play_favourite(art: keyart.Personalizer, favourite: str, times: int, title: str = "t0") -> None:
    """Impressions of a title whose viewer plays one picture and passes over all others."""
    for _ in range(times):
        decision = art.choose(title, TV)
        played = decision.artwork_id == favourite
        art.observe(decision.id, keyart.Outcome.played(2400) if played else keyart.Outcome.skipped())


def chi_square_bound(freedom: int, z: float = 3.09) -> float:
    """Upper 0.1 % point of chi-square (Wilson and Hilferty 1931)."""
    part = 2 / (9 * freedom)
    return freedom * (1 - part + z * part**0.5) ** 3


def run_python(text: str, *arguments: object, kill: bool = False, **environment: str) -> str:
    """What a program prints that runs in a process of its own, next to these samples. kill: it ends by kill -9."""
    env = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY")}
    env |= {"PYTHONPATH": str(ROOT / "tests"), **environment}
    command = [sys.executable, "-c", textwrap.dedent(text), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)
    assert done.returncode == (-9 if kill else 0), done.stderr
    return done.stdout


def resealed_catalog(data: bytes) -> bytes:
    """A compact catalogue file with the check sum of what it holds, so that a change gets as far as it can."""
    begin = len(MAGIC) + 4
    end = begin + int.from_bytes(data[len(MAGIC) : begin], "little")
    try:
        header = json.loads(data[begin:end])
        sealed = json.dumps({**header, "crc32": zlib.crc32(data[end:])}).encode()
    except (ValueError, TypeError):
        return data
    return data[:begin] + sealed.ljust(end - begin) + data[end:] if len(sealed) <= end - begin else data
