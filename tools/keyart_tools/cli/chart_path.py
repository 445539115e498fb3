"""A click type for chart files, which is checked before the work begins and not after it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class ChartPath(click.Path):
    """A chart file in an existing folder, with a suffix that can be drawn."""

    name = "file"

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path, or fail with a usage error."""
        from keyart_federated.charts.picture import SUFFIXES

        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.suffix.lower() not in SUFFIXES:
            self.fail(f"{path} is not a chart file; its name must end in one of {', '.join(SUFFIXES)}.", param, ctx)
        if not path.parent.is_dir():
            self.fail(f"The folder {path.parent} for the chart does not exist; create it first.", param, ctx)
        return path
