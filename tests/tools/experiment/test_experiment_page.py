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

KNOWN = baselines(devices=4000)
EXPERIMENT = Experiment('Larger <buttons> & "quotes"', 6000, KNOWN, looks=5, epsilon=4.0)
VOID = {"meta", "br", "img", "path"}


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
    (points,) = re.findall(r'class="chart-points[^>]*d="([^"]+)"', text.partition('class="chart-legend"')[0])
    assert points.count("M") == 5
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
    assert text.count("chart-band") >= 2, "one look is a bar for each arm"
    assert "others" in text


def test_nothing_to_show_yet(tmp_path):
    with pytest.raises(FederatedError, match="no look yet"):
        write_page(tmp_path / "e.html", Results(EXPERIMENT))
    assert not list(tmp_path.iterdir())


def test_the_plot_is_the_effect_with_its_band():
    (said,) = summary(found())["comparisons"]
    text = page(found()).partition('class="chart-legend"')[0]
    (band,) = re.findall(r'class="chart-band[^>]*d="([^"]+)"', text)
    heights = [float(y) for _, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", band)]
    (line,) = re.findall(r'class="chart-line[^>]*d="([^"]+)"', text)
    middles = [float(y) for _, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", line)]
    assert len(middles) == 5 and len(heights) == 10
    assert all(high < middle < low for high, middle, low in zip(heights[:5], middles, heights[:4:-1], strict=True))
    change = 100 * said["metrics"]["quality_plays"]["relative"][0]
    assert f"{change:+.3g} % after 21 days" in text and "too small to matter" in page(found())


def test_intervals_share_an_axis_and_the_longest_is_cut():
    text = page(found())
    drawn = re.findall(r'class="chart-reach"[^>]*d="M([\d.]+) 6H([\d.]+)"', text)
    assert len(drawn) == len(KNOWN) and all(0 <= float(low) <= float(high) <= 100 for low, high in drawn)


def test_a_relative_and_an_absolute_effect_never_share_a_sentence():
    (said,) = summary(found())["comparisons"]
    assert said["text"].count("relative") == 1 and "→" not in said["text"] and "pp" not in said["text"]
