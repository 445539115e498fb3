"""Colours: OKLab against its author's values, palettes that say what is there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from keyart_tools.tagging.colour import colours, oklab, srgb

from .conftest import scenery


def flat(*rgb: int) -> np.ndarray:
    return np.full((90, 160, 3), rgb, np.uint8)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        # White, red, green, blue in OKLab, by B. Ottosson's own conversion.
        ((255, 255, 255), (1.0, 0.0, 0.0)),
        ((255, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 255, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 255), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_oklab_of_known_colours(rgb: tuple[int, ...], lab: tuple[float, ...]) -> None:
    assert oklab(np.array([[rgb]], np.uint8))[0, 0] == pytest.approx(lab, abs=2e-4)


def test_there_and_back() -> None:
    picture = scenery(3)

    assert np.abs(srgb(oklab(picture)).astype(int) - picture).max() <= 1


def test_warm_is_orange_and_cool_is_blue() -> None:
    assert colours(flat(220, 130, 40)).warmth > 0.1
    assert colours(flat(40, 110, 220)).warmth < -0.1
    assert abs(colours(flat(128, 128, 128)).warmth) < 1e-3


def test_light_contrast_and_strength() -> None:
    halves = np.concatenate([flat(0, 0, 0), flat(255, 255, 255)])

    assert colours(halves).contrast == pytest.approx(0.5, abs=0.01)
    assert colours(flat(9, 9, 9)).lightness < 0.2 < 0.9 < colours(flat(250, 250, 250)).lightness
    assert colours(flat(255, 0, 0)).chroma > colours(flat(160, 90, 90)).chroma > colours(flat(90, 90, 90)).chroma


def test_palette_has_the_colours_and_their_shares() -> None:
    picture = flat(200, 30, 30)
    picture[:, :40] = (20, 40, 200)
    palette = colours(picture).palette

    assert [share for _, share in palette] == pytest.approx([0.75, 0.25], abs=0.03)
    for (found, _), wanted in zip(palette, ((200, 30, 30), (20, 40, 200)), strict=True):
        assert np.abs(np.array(list(bytes.fromhex(found[1:]))) - wanted).max() < 12


def test_palette_of_the_same_picture_is_the_same() -> None:
    cv2.setRNGSeed(1)
    first = colours(scenery(5))
    cv2.setRNGSeed(2)

    assert colours(scenery(5)) == first
    assert sum(share for _, share in first.palette) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (3, 2)])
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    assert colours(np.full((*size, 3), 77, np.uint8)).palette[0] == ("#4d4d4d", 1.0)
