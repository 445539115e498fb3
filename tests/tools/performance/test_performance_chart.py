"""The chart is drawn for any rows, and its words are those of the figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyart_tools.performance.measurement import Measurement
from keyart_tools.performance.performance_chart import draw, figure_text, judged_text, reach_text

PROMISES = [
    Measurement("choosing", "choose, numpy", 130.0, "µs", 4.9, "bare run", 6.0),
    Measurement("start", "cold start, existing profile, numpy", 320.0, "ms", 3.4, "numpy", 1.6),
    Measurement("size", "the head in it", 0.0, "bytes", reach=32_000),
    Measurement("size", "profile", 580_000.0, "bytes", reach=512_000),
    Measurement("memory", "memory above numpy's, numpy engine", 27.2, "MiB", reach=30.0),
]
PEERS = [
    Measurement("peers", "VowpalWabbit: predict", 60.0, "µs", 2.2, "bare run"),
    Measurement("peers", "river logistic regression: predict", 20.0, "µs", 0.7, "bare run"),
    Measurement("peers", "MABWiser LinUCB: predict + learn", 1150.0, "µs", 38.0, "bare run"),
]


def size_of(png: Path) -> tuple[int, int]:
    data = png.read_bytes()
    assert data.startswith(b"\x89PNG")
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


@pytest.mark.parametrize("rows", [PROMISES, PROMISES + PEERS], ids=["alone", "with peers"])
def test_chart_is_a_picture_with_light_ground_and_both_colours(rows: list[Measurement], tmp_path: Path) -> None:
    from matplotlib.image import imread

    draw(rows, tmp_path / "device.png")

    pixels = imread(tmp_path / "device.png")[..., :3]
    assert (pixels > 0.99).all(axis=-1).mean() > 0.6
    for colour in ((0x17, 0x60, 0x7A), (0xE4, 0x57, 0x2E)):  # kept, and not kept
        assert (abs(pixels * 255 - colour) < 2).all(axis=-1).sum() > 500


def test_peers_have_a_panel_of_their_own(tmp_path: Path) -> None:
    draw(PROMISES, tmp_path / "alone.png")
    draw(PROMISES + PEERS, tmp_path / "peers.png")

    alone, both = size_of(tmp_path / "alone.png"), size_of(tmp_path / "peers.png")
    assert both[0] == alone[0] and both[1] > 1.5 * alone[1]


def test_words_of_figures() -> None:
    assert [figure_text(row) for row in PROMISES] == ["130 µs", "320 ms", "0.0 kB", "580.0 kB", "27.2 MiB"]
    assert [judged_text(row) for row in PROMISES[:3]] == ["4.9 × bare run", "3.4 × numpy", "0.0 kB"]
    assert [reach_text(row) for row in PROMISES] == ["≤ 6 ×", "≤ 1.6 ×", "≤ 32 kB", "≤ 512 kB", "≤ 30 MiB"]
    assert reach_text(PEERS[0]) == ""
    assert figure_text(Measurement("simulation", "client updates", 1234.5, "/s")) == "1,234 /s"
