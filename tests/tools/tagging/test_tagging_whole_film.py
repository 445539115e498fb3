"""The figures of docs/how-to/tagging.md, on Big Buck Bunny: a minute or two."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenedetect import ContentDetector, detect
from support.services import had

from keyart_tools.models import Models
from keyart_tools.models.sample_media import big_buck_bunny
from keyart_tools.tagging import FilmFile, tag
from keyart_tools.tagging.judgement import MIN_CONTRAST, MIN_LIGHTNESS, MIN_SHARPNESS
from keyart_tools.tagging.similarity import MIN_DUPLICATE_COSINE, cosines

SHOTS_APART = 5
STILLS_WITH_FACES = 0.2  # of a film without people: 0.13 when it was measured


@pytest.mark.soak
def test_the_whole_film(models: Models, tmp_path: Path) -> None:
    path = had(big_buck_bunny)
    cv2.setNumThreads(1)
    film = FilmFile.open(path)
    assert film.frames == 14_315
    tagging = tag(film, tmp_path / "out", models)
    theirs = detect(os.fspath(path), ContentDetector(), start_in_scene=True)

    assert abs(tagging.shots - len(theirs)) <= SHOTS_APART
    assert len(tagging.selected) == 20
    vectors = np.array([still.embedding for still in tagging.selected])
    assert (cosines(vectors) - np.eye(20)).max() <= MIN_DUPLICATE_COSINE
    for still in tagging.selected:
        assert still.sharpness >= MIN_SHARPNESS and still.checked
        assert still.colours.lightness >= MIN_LIGHTNESS and still.colours.contrast >= MIN_CONTRAST
    assert np.mean([bool(still.faces) for still in tagging.stills]) <= STILLS_WITH_FACES
