"""A chart of predicted capture against ε, one curve per fleet size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keyart.errors import KeyartError
from keyart_federated.charts import picture

from .campaign_plan import predict
from .measured_runs import MeasuredRun

EPSILONS = np.geomspace(0.5, 16, 25)


def draw(
    path: Path, devices: Sequence[int], *, delta: float, rounds: int, dimension: int, runs: Sequence[MeasuredRun]
) -> None:
    """Draw the chart.

    Raises:
        KeyartError: there are no measured runs.
        FederatedError: the file cannot be written.
    """
    if not any(run.devices for run in runs):
        raise KeyartError("There are no measured runs to draw a curve from. Measure some first, or leave out --plot.")
    figure = picture.figure(8, 4.6)
    axes = figure.subplots()
    for place, fleet in enumerate(sorted(set(devices))):
        predictions = [
            predict(fleet, float(e), delta=delta, rounds=rounds, dimension=dimension, runs=runs) for e in EPSILONS
        ]
        captures = [prediction[0] for prediction in predictions if prediction is not None]
        axes.plot(EPSILONS, captures, color=picture.COLOURS[place % len(picture.COLOURS)], label=f"{fleet:,} devices")
    alone = [run.whole for run in runs if run.devices == 0]
    if alone:
        axes.axhline(sum(alone) / len(alone), color="#222222", lw=1, ls="--", label="learning nothing together")
    axes.set_xscale("log", base=2)
    axes.set_xticks([0.5, 1, 2, 4, 8, 16], ["½", "1", "2", "4", "8", "16"])
    axes.set_xlabel(f"ε at δ = {delta:g}, {rounds} rounds, {dimension:,} coordinates")
    axes.set_ylabel("capture over the whole run, predicted")
    axes.legend(frameon=False)
    picture.plain(axes)
    picture.save(figure, path)
