"""A chart of the report: error by tensor, and how close the slates with changed winners were."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keyart_federated.charts import picture
from keyart_federated.charts.picture import GREY, INK, WARM

from .quantization_report import QuantizationReport

STORED, FLOAT = WARM, GREY
MIN_SHARE = 1e-5  # of a value: what is less stands at the left end


def draw(report: QuantizationReport, path: Path) -> None:
    """Draw a PNG or SVG, by the suffix.

    Raises:
        FederatedError: the file cannot be written.
    """
    figure = picture.figure(11, 4.2)
    tensors, slates = figure.subplots(1, 2)
    names = [f"{tensor.name}  {tensor.same_winner:.2%}" for tensor in report.tensors]
    places = np.arange(len(names))
    colours = [STORED if tensor.stored == "int8" else FLOAT for tensor in report.tensors]
    least = min((tensor.error_mean for tensor in report.tensors if tensor.error_mean > 0), default=1e-9) / 3
    tensors.barh(places, [max(tensor.error_mean, least) for tensor in report.tensors], color=colours, height=0.6)
    tensors.plot([max(tensor.error_max, least) for tensor in report.tensors], places, "o", color=INK, markersize=4)
    tensors.set_xscale("log")
    tensors.set_yticks(places, names, fontsize=9)
    tensors.invert_yaxis()
    tensors.set_xlabel("error of the value if this tensor alone is int8 (bar: mean, dot: largest)", fontsize=9)
    tensors.set_title(
        f"Which tensor bears rounding, and slates with the same winner\nred: int8 in a bundle, {report.bytes_int8:,} "
        f"of {report.bytes_float:,} bytes",
        loc="left", fontsize=10,
    )  # fmt: skip
    bins = np.geomspace(MIN_SHARE, 1, 41)
    slates.hist(np.clip(report.margins, MIN_SHARE, 1), bins, color=FLOAT, label="lead of the winner, all slates")
    slates.hist(np.clip(report.lost, MIN_SHARE, 1), bins, color=STORED, label="lost where another one won")
    slates.set_xscale("log")
    slates.set_yscale("symlog", linthresh=1)
    slates.set_xlabel("share of the winner's value", fontsize=9)
    slates.set_ylabel("slates", fontsize=9)
    slates.legend(frameon=False, fontsize=9, loc="upper left")
    slates.set_title(
        f"Same winner on {report.same_winner:.2%} of {report.slates:,} slates\n"
        f"policy value {report.value_change:+.3%}",
        loc="left", fontsize=10,
    )  # fmt: skip
    for axes in (tensors, slates):
        picture.plain(axes, "x")
    picture.save(figure, path)
