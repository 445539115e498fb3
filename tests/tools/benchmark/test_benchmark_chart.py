"""suite.png: whatever part of the suite was run."""

from __future__ import annotations

import math

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keyart_tools.benchmark.benchmark_chart import COLOURS, draw
from keyart_tools.benchmark.benchmark_worlds import BenchmarkSize, all_worlds
from keyart_tools.benchmark.policies import GROUPS, POLICIES
from keyart_tools.benchmark.scores import PolicyScore

WORLDS = [setting.name for setting in all_worlds(BenchmarkSize())]


def score(capture: float, half: float = 0.02) -> PolicyScore:
    return PolicyScore(
        {"capture": capture - 0.1, "last_quarter_capture": capture},
        {"last_quarter_capture": (capture - half, capture + half)},
    )


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, laid out."""
    figures = []
    real = Figure.savefig

    def savefig(self, *arguments, **named):
        real(self, *arguments, **named)
        figures.append(self)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return figures


def boxes(figure):
    renderer = FigureCanvasAgg(figure).get_renderer()
    return {
        (n, text.get_text(), at): text.get_window_extent(renderer)
        for n, axes in enumerate(figure.axes)
        if axes.get_visible()
        for at, text in enumerate([*axes.texts, *axes.get_yticklabels()])
        if text.get_visible() and text.get_text()
    }


@pytest.mark.parametrize("worlds", [WORLDS, WORLDS[:5], WORLDS[:1]], ids=len)
def test_every_word_is_inside_and_none_overlaps(worlds, drawn, tmp_path):
    entries = [(world, policy, score(0.1 * n)) for world in worlds for n, policy in enumerate(POLICIES)]
    draw(entries, "500 devices, 200 impressions each, 3 seeds", tmp_path / "suite.png")
    (figure,) = drawn
    words = boxes(figure)
    assert len(words) >= len(worlds) * len(POLICIES) * 2
    for name, box in words.items():
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, name
        clash = [other for other, its in words.items() if other != name and its.overlaps(box)]
        assert clash == [], name


def test_groups_have_colours_of_their_own_and_stand_in_one_order(drawn, tmp_path):
    entries = [("synthetic", policy, score(0.5)) for policy in reversed(POLICIES)]
    draw(entries, "a test", tmp_path / "suite.png")
    axes = drawn[0].axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(POLICIES)
    places = dict(zip(POLICIES, axes.get_yticks(), strict=True))
    assert sorted(places.values()) == list(places.values())
    colour = {line.get_ydata()[0]: line.get_color() for line in axes.lines if line.get_marker() == "o"}
    assert {policy: colour[places[policy]] for policy in POLICIES} == {p: COLOURS[GROUPS[p]] for p in POLICIES}
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_a_policy_that_one_world_lacks_and_an_interval_without_ends(drawn, tmp_path):
    entries = [
        ("synthetic", "keyart", score(0.5, math.inf)),
        ("clickbait", "keyart", score(0.5)),
        ("clickbait", "guard off", score(0.04)),
    ]
    draw(entries, "a test", tmp_path / "suite.png")
    left, right = ({text.get_text() for text in axes.texts} for axes in drawn[0].axes)
    assert "not played" in left and "not played" not in right and {"0.04", "−0.06"} <= right
    assert len(drawn[0].axes[0].collections) == 0 and len(drawn[0].axes[1].collections) == 2  # intervals
