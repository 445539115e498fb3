"""A catalogue, a bundle of it, and a way to open a profile with stickiness off and a dial for chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.catalogs import OFF, Clock, Dial, sample_bundle, sample_catalog, sample_keys, sample_model

import keyart
from keyart_federated.export import write_bundle

Open = Callable[..., keyart.Personalizer]


@pytest.fixture(scope="session")
def catalog() -> keyart.Catalog:
    return sample_catalog()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, catalog: keyart.Catalog) -> Path:
    return sample_bundle(tmp_path_factory.mktemp("bundles") / "one", catalog)


@pytest.fixture(scope="session")
def next_bundle(tmp_path_factory: pytest.TempPathFactory, catalog: keyart.Catalog) -> Path:
    return sample_bundle(tmp_path_factory.mktemp("bundles") / "two", catalog, seed=2, version=2)


@pytest.fixture(scope="session")
def plain_bundle(tmp_path_factory: pytest.TempPathFactory, catalog: keyart.Catalog) -> Path:
    """`bundle` without latents."""
    model = sample_model(catalog)
    model = replace(model, title_latents=np.zeros_like(model.title_latents))
    folder = tmp_path_factory.mktemp("bundles") / "plain"
    return write_bundle(folder, model, catalog, data="Made up.", training={"round": 1, "devices": 1})


@pytest.fixture
def dial() -> Dial:
    return Dial()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profile.db"


@pytest.fixture
def open_art(path: Path, catalog: keyart.Catalog, dial: Dial) -> Iterator[Open]:
    """open_art(consent=…, **settings of Personalizer.open): all are closed at the end."""
    opened: list[keyart.Personalizer] = []

    def open_one(consent: str = "personalization", **settings: object) -> keyart.Personalizer:
        base = {"catalog": catalog, "keys": sample_keys(), "rng": dial, "engine": "numpy"}
        base["policy"] = keyart.Policy(stickiness=OFF)
        where = settings.pop("path", path)
        art = keyart.Personalizer.open(where, **{**base, **settings})
        opened.append(art)
        for purpose in consent.split():
            if not art.consent.allows(purpose):
                art.consent.grant(purpose)
        return art

    yield open_one
    for art in opened:
        art.close()
