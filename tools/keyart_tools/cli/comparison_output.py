"""The output of `keyart simulate --compare`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .console import note, print_table, write_json

if TYPE_CHECKING:
    from keyart_federated.metrics import MetricEstimate
    from keyart_tools.benchmark.paired_comparison import PolicyComparison


def show(lines: Sequence[PolicyComparison], title: str, plot: Path | None, as_json: bool) -> None:
    """Write the comparison as a table or as JSON, and the chart if one is asked for.

    Args:
        lines: results of the policies; the first one is the reference.
        title: name of the world and size of the run.
        plot: chart file; None for no chart.
        as_json: whether to write JSON instead of a table.

    Raises:
        KeyartError: the chart cannot be drawn.
    """
    from rich.table import Table

    if plot is not None:
        from keyart_tools.benchmark.paired_comparison import draw

        draw(lines, title, plot)
        note(f"Plot: {plot}")
    if as_json:
        write_json({"world": title, "policies": [line.to_dict() for line in lines]})
        return
    about = f"{title}: capture (0: random, 1: oracle), and the paired difference from {lines[0].policy}"
    table = Table(title=about, title_justify="left")
    table.add_column("policy")
    for name in ("last quarter", "difference", "whole run", "difference", "value", "difference"):
        table.add_column(name, justify="right")
    for line in lines:
        cells = []
        for name, digits in (("last_quarter_capture", 3), ("capture", 3), ("policy_value", 5)):
            apart = line.apart.get(name)
            cells += [_cell(line.figures[name], digits), _cell(apart, digits, "+") if apart is not None else ""]
        table.add_row(line.policy, *cells)
    print_table(
        table, "±: 95 % interval over devices. Differences are paired: they can be clear where intervals overlap."
    )


def _cell(estimate: MetricEstimate, digits: int, sign: str = "") -> str:
    half_width = f" ± {estimate.high - estimate.value:.{digits}f}" if math.isfinite(estimate.high) else ""
    return f"{estimate.value:{sign}z.{digits}f}{half_width}"
