"""The chart docs/plots/peeking.png: false positives of A/A tests by interim analysis, with and without correction."""

from __future__ import annotations

from pathlib import Path

from keyart_federated.charts import picture
from keyart_federated.charts.picture import COOL, INK, WARM
from keyart_federated.experiments import Experiment
from keyart_federated.experiments.peeking import Peeking


def draw_peeking(experiment: Experiment, peeking: Peeking, path: Path) -> None:
    """Draw a PNG or SVG, by the suffix.

    Raises:
        FederatedError: the file cannot be written.
    """
    figure = picture.figure(9, 4.6)
    axes = figure.add_subplot()
    days = experiment.look_days
    for name, shares, colour in (
        ("a test for one time, read at each look", peeking.fixed_by_look, WARM),
        ("keyart's, on private sums", peeking.private_by_look, COOL),
    ):
        axes.plot(days, 100 * shares, color=colour, linewidth=2.2, marker="o", markersize=4)
        end = 100 * shares[-1]
        axes.annotate(f" {end:.1f} %  {name}", (days[-1], end), color=colour, va="center", annotation_clip=False)
    axes.hlines(100 * experiment.level, days[0], days[-1], color=INK, linestyle=(0, (4, 3)), linewidth=1.2)
    axes.annotate(
        f" {100 * experiment.level:g} %  promised", (days[-1], 100 * experiment.level), color=INK, va="center",
        annotation_clip=False,
    )  # fmt: skip
    axes.set_xlim(days[0], days[-1] + 0.75 * (days[-1] - days[0]))
    axes.set_xticks(list(days))
    axes.set_ylim(0, None)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("day of the look")
    axes.set_ylabel("tests that have called a difference, %")
    axes.set_title(
        f"{peeking.tests:,} A/A tests, in which there is nothing to find\n{experiment.devices:,} devices, "
        f"{experiment.looks} looks, ε = {experiment.epsilon:g} a device",
        loc="left",
        fontsize=11,
    )
    picture.plain(axes, "y")
    picture.save(figure, path)
