"""The chart of peeking is drawn from what was measured."""

from __future__ import annotations

import numpy as np
from PIL import Image
from support.peeking_chart import draw_peeking

from keyart_federated.experiments import Experiment
from keyart_federated.experiments.peeking import Peeking, baselines


def test_both_lines_are_on_it(tmp_path):
    experiment = Experiment("aa", 2000, baselines(devices=2000), days=9, looks=3)
    found = Peeking(10, 0.0, 0.0, 0.2, 0.05, np.array([0.0, 0.01, 0.02]), np.array([0.05, 0.1, 0.2]))
    draw_peeking(experiment, found, tmp_path / "p.png")
    draw_peeking(experiment, found, tmp_path / "p.svg")
    colours = np.array(Image.open(tmp_path / "p.png").convert("RGB")).reshape(-1, 3)
    for line in ((0xE4, 0x57, 0x2E), (0x17, 0x60, 0x7A)):
        assert (np.abs(colours.astype(int) - line).max(axis=1) < 8).sum() > 200
    assert "<svg" in (tmp_path / "p.svg").read_text("utf-8")
