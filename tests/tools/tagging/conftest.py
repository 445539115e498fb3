"""Real clips and models from the cache, or fetched into it; small films that the tests write."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from support.services import all_models, had

from keyart_tools.models import Models, Picture
from keyart_tools.models.sample_media import sample_clips

FilmWriter = Callable[..., Path]


@pytest.fixture(scope="session")
def clips(downloads: None) -> dict[str, Path]:
    """ "bikes", six shots, and "bigbuckbunny", one."""
    return had(sample_clips)


@pytest.fixture(scope="session")
def models(downloads: None) -> Models:
    return all_models()


@pytest.fixture(scope="session")
def no_models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models.open(tmp_path_factory.mktemp("no models"))


def scenery(seed: int, width: int = 320, height: int = 180) -> Picture:
    """A picture of coloured blocks, sharp, unlike that of another seed."""
    blocks = np.random.default_rng(seed).integers(40, 230, (9, 16, 3), dtype=np.uint8)
    return np.kron(blocks, np.ones((-(-height // 9), -(-width // 16), 1), np.uint8))[:height, :width]


@pytest.fixture
def film_of(tmp_path: Path) -> FilmWriter:
    """Writes a film of one second of each picture, 25 frames a second."""

    def write(
        *pictures: Picture, name: str = "film.mp4", frames: int = 25, turned: int = 0, aspect: Fraction | None = None
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            if turned:
                stream.set_display_rotation(turned)
            for picture in pictures:
                for _ in range(frames):
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write
