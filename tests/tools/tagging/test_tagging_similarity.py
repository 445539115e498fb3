"""How alike pictures are, and which near-duplicate stays."""

from __future__ import annotations

import numpy as np

from keyart_tools.models import Models
from keyart_tools.tagging.similarity import MIN_DUPLICATE_COSINE, colour_layout, cosines, near_duplicates

from .conftest import scenery


def test_layouts_of_colours_tell_pictures_apart() -> None:
    one, other = scenery(1), scenery(2)
    darker = np.clip(one * 0.8, 0, 255).astype(np.uint8)
    matrix = cosines(np.array([colour_layout(picture) for picture in (one, darker, other, np.zeros_like(one))]))

    assert matrix[0, 1] > MIN_DUPLICATE_COSINE > matrix[0, 2]
    assert matrix[3].max() == 0.0  # an even picture is like none
    assert matrix.min() >= 0.0 and matrix.max() <= 1.0


def test_embeddings_tell_pictures_apart(models: Models) -> None:
    one, other = scenery(1), scenery(2)
    assert models.objects is not None
    embeddings, _ = models.objects.read([one, np.roll(one, 3, axis=1), other])
    matrix = cosines(embeddings)

    assert matrix[0, 1] > matrix[0, 2]


def test_the_first_stays() -> None:
    cosine = np.array([[1.0, 0.95, 0.2, 0.91], [0.95, 1.0, 0.3, 0.5], [0.2, 0.3, 1.0, 0.1], [0.91, 0.5, 0.1, 1.0]])

    assert near_duplicates(cosine, [0, 1, 2, 3]) == {1: 0, 3: 0}
    assert near_duplicates(cosine, [1, 3, 2, 0]) == {0: 1}
    assert near_duplicates(np.eye(3), [2, 1, 0]) == {}


def test_none_that_stay_are_near_duplicates() -> None:
    vectors = np.abs(np.random.default_rng(0).normal(size=(60, 6))).astype(np.float32)
    cosine = cosines(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    gone = near_duplicates(cosine, range(60))
    kept = [n for n in range(60) if n not in gone]

    assert gone and all(kept_for in kept for kept_for in gone.values())
    assert max(cosine[a, b] for a in kept for b in kept if a != b) <= MIN_DUPLICATE_COSINE
