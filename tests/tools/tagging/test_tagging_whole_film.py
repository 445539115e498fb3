"""The figures of docs/how-to/tagging.md, on Big Buck Bunny: a minute or two."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from fetched import had
from scenedetect import ContentDetector, detect

from keyart_tools.models import Models
from keyart_tools.models.film import big_buck_bunny
from keyart_tools.tagging import Film, tag
from keyart_tools.tagging.judgement import BLACK, BLURRED, FLAT
from keyart_tools.tagging.likeness import NEAR_DUPLICATE, cosines

SHOTS_APART = 5
STILLS_WITH_FACES = 0.2  # of a film without people: 0.13 when it was measured


@pytest.mark.slow
def test_the_whole_film(models: Models, tmp_path: Path) -> None:
    path = had(big_buck_bunny)
    cv2.setNumThreads(1)
    film = Film.open(path)
    assert film.frames == 14_315
    tagging = tag(film, tmp_path / "out", models)
    theirs = detect(os.fspath(path), ContentDetector(), start_in_scene=True)

    assert abs(tagging.shots - len(theirs)) <= SHOTS_APART
    assert len(tagging.selected) == 20
    vectors = np.array([still.embedding for still in tagging.selected])
    assert (cosines(vectors) - np.eye(20)).max() <= NEAR_DUPLICATE
    for still in tagging.selected:
        assert still.sharpness >= BLURRED and still.checked
        assert still.colours.lightness >= BLACK and still.colours.contrast >= FLAT
    assert np.mean([bool(still.faces) for still in tagging.stills]) <= STILLS_WITH_FACES
