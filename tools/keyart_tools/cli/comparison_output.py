"""`keyart simulate --compare`: what is said of several policies on one world."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .console import note, print_table, write_json

if TYPE_CHECKING:
    from keyart_federated.metrics import Estimate
    from keyart_tools.benchmark.paired_comparison import PolicyComparison


def show(lines: Sequence[PolicyComparison], title: str, plot: Path | None, as_json: bool) -> None:
    """The table or its JSON, and the picture. Raises KeyartError."""
    from rich.table import Table

    if plot is not None:
        from keyart_tools.benchmark.paired_comparison import draw

        draw(lines, title, plot)
        note(f"Plot: {plot}")
    if as_json:
        write_json({"world": title, "policies": [line.to_dict() for line in lines]})
        return
    about = f"{title}: capture (0: random picture, 1: oracle), and how far from {lines[0].policy} on the same devices"
    table = Table(title=about, title_justify="left")
    table.add_column("policy")
    for name in ("last quarter", "apart", "whole run", "apart", "value", "apart"):
        table.add_column(name, justify="right")
    for line in lines:
        cells = []
        for name, digits in (("last_quarter_capture", 3), ("capture", 3), ("policy_value", 5)):
            apart = line.apart.get(name)
            cells += [_cell(line.figures[name], digits), _cell(apart, digits, "+") if apart is not None else ""]
        table.add_row(line.policy, *cells)
    print_table(table, "±: 95 %, over devices. Apart: paired, so that it may be clear where the intervals overlap.")


def _cell(one: Estimate, digits: int, sign: str = "") -> str:
    reach = f" ± {one.high - one.value:.{digits}f}" if math.isfinite(one.high) else ""
    return f"{one.value:{sign}z.{digits}f}{reach}"
