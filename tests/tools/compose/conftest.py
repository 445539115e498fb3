"""Picture files, a photograph, a key and a clock for the tests of composing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image
from support.pictures import NOW, doll, landscape
from support.services import had

from keyart_tools.compose.signing_keys import SigningKey, create_key
from keyart_tools.models import sample_media


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def key() -> SigningKey:
    return create_key(NOW)


@pytest.fixture(scope="session")
def astronaut(downloads: None) -> Path:
    """A photograph in the public domain."""
    return had(sample_media.astronaut)


@pytest.fixture
def doll_file(tmp_path: Path) -> Path:
    path = tmp_path / "doll.png"
    Image.fromarray(doll()[0]).save(path)
    return path


@pytest.fixture
def lawn_file(tmp_path: Path) -> Path:
    path = tmp_path / "lawn.jpg"
    Image.fromarray(landscape(800, 450, seed=1)).save(path, quality=95)
    return path
