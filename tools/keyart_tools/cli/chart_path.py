"""Where a chart goes: looked at before the work that it is to show, not after."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

CHART_SUFFIXES = (".png", ".svg", ".pdf")


class ChartPath(click.Path):
    """The name of a picture that can be written: of a kind that can be drawn, in a folder that is there."""

    name = "file"

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.suffix.lower() not in CHART_SUFFIXES:
            self.fail(f"{path} is no name for a chart; it ends in one of {', '.join(CHART_SUFFIXES)}.", param, ctx)
        if not path.parent.is_dir():
            self.fail(f"There is no folder {path.parent} for the chart; make it first.", param, ctx)
        return path
