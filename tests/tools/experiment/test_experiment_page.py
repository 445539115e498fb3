"""The report page: one file, no script, no outside address, and what it says is what was found."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from keyart.errors import FederatedError
from keyart_federated.experiments import Experiment, InterimSum, Results
from keyart_federated.experiments.interim_analysis import added
from keyart_federated.experiments.peeking import ExperimentFleet, baselines, drawn, played
from keyart_tools.experiment import page, summary, write_page
from keyart_tools.experiment.svg_plots import BAR_WIDTH, HEIGHT, WIDTH, effect_plot, forest_bars

KNOWN = baselines(devices=4000)
EXPERIMENT = Experiment('Larger <buttons> & "quotes"', 6000, KNOWN, looks=5, epsilon=4.0)
VOID = {"meta", "br", "img", "line", "rect", "polygon", "polyline", "circle"}


class Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


def found(experiment: Experiment = EXPERIMENT, lift: float = 0.1, seed: int = 1) -> Results:
    rng = np.random.default_rng(seed)
    return played(experiment, drawn(rng, experiment.devices, lift), rng.bytes)


def test_the_page_is_one_whole_file(tmp_path):
    write_page(tmp_path / "e.html", found())
    assert [path.name for path in tmp_path.iterdir()] == ["e.html"]
    text = (tmp_path / "e.html").read_text("utf-8")
    reader = Balanced()
    reader.feed(text)
    assert reader.open == []
    assert not re.search(r"https?://|<script|url\(", text)
    assert not any(name in ("src", "href") or name.startswith("on") for name, _ in reader.attributes)
    assert "prefers-color-scheme:dark" in text and 'name="viewport"' in text
    assert "Larger &lt;buttons&gt; &amp;" in text and "<buttons>" not in text


def test_it_says_what_the_summary_says():
    results = found()
    (said,) = summary(results)["comparisons"]
    text = page(results)
    assert said["verdict"] == "better" and "treatment: Better" in text
    assert said["text"].split("“")[-1].split("”")[-1].replace("&", "&amp;") in text
    assert text.count('class="dot"') == 5
    assert "Arms match." in text and "Not breached" in text
    assert f"ε = {EXPERIMENT.epsilon:g}" in text
    assert [one["day"] for one in said["metrics"]["quality_plays"]["by_look"]] == list(EXPERIMENT.look_days)


@pytest.mark.parametrize(
    ("lift", "harm", "lose", "headline"),
    [(-0.12, 0.0, 0.0, "Guard breached"), (0.0, 0.0, 0.4, "Arms do not match"), (0.0, 0.0, 0.0, "Not yet")],
)
def test_every_tone(lift, harm, lose, headline):
    rng = np.random.default_rng(2)
    fleet = drawn(rng, EXPERIMENT.devices, lift)
    kept = (fleet.arm == 0) | (rng.random(len(fleet.arm)) >= lose)
    results = played(EXPERIMENT, ExperimentFleet(fleet.arm[kept], fleet.now[kept], fleet.past[kept]), rng.bytes)
    assert f"treatment: {headline}" in page(results)


def test_one_look_several_arms_and_groups():
    experiment = Experiment(
        "b", 6000, KNOWN, ("now", "one", "two"), looks=1, days=9, epsilon=8.0, group="device", groups=("tv",)
    )
    rng = np.random.default_rng(3)
    fleet, question = drawn(rng, 6000, 0.0), experiment.question()
    from keyart.campaigns.kinds.experiment import experiment_vectors

    vectors = experiment_vectors(
        question, rng.integers(3, size=6000), rng.integers(2, size=6000), fleet.now, fleet.past
    )
    total, variance = added(experiment, 0, vectors, rng.bytes)
    results = Results(experiment, (InterimSum(9, tuple(a.theta for a in question.asked), 6000, variance, total),))
    text = page(results)
    assert "one: " in text and "two: " in text and text.count("by device") == 2
    assert 'class="dot"' not in text  # one look is a bar
    assert "others" in text


def test_nothing_to_show_yet(tmp_path):
    with pytest.raises(FederatedError, match="no look yet"):
        write_page(tmp_path / "e.html", Results(EXPERIMENT))
    assert not list(tmp_path.iterdir())


def test_lines_stay_within_the_picture():
    (said,) = summary(found())["comparisons"]
    plot = effect_plot(said["metrics"]["quality_plays"], 0.02)
    numbers = [tuple(map(float, point.split(","))) for point in plot.band.split()]
    assert len(numbers) == 10
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in numbers)
    highs, lows = numbers[:5], numbers[5:][::-1]
    assert all(high[1] < middle[1] < low[1] for high, middle, low in zip(highs, plot.dots, lows, strict=True))
    assert "0 %" in [label for _, label in plot.ys]
    (bar, cut) = forest_bars([{"relative": [0.1, -0.1, 0.3]}, {"relative": [5.0, -9.0, 20.0]}])
    assert bar.left < bar.zero < bar.middle < bar.right <= BAR_WIDTH
    assert (cut.left, cut.right) == (0.0, BAR_WIDTH)
