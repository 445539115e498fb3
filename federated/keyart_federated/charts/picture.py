"""Picture files in one style, by matplotlib, which is loaded when the first is drawn."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from keyart.bundle import replace_file
from keyart.errors import FederatedError, SettingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".svg", ".pdf")
DPI: Final = 140
INK, FADED, RULE, FAINT = "#444444", "#8a8f98", "#bbbbbb", "#eeeeee"
WARM, PALE, COOL, GREY = "#e4572e", "#eda48d", "#17607a", "#c9ced6"  # keyart, its variants, others, what is beside
COLOURS: Final = (WARM, COOL, FADED, "#6b4e9b", "#3b8f5a")  # of lines, in this order


def figure(width: float, height: float) -> Figure:
    """Return an empty figure; width and height are in inches. Raises FederatedError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise FederatedError("A plot needs matplotlib: install keyart[tools].") from None
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def plain(axes: Axes, grid: Literal["x", "y", "both"] | None = None, *, left: bool = True) -> None:
    """Take away what is no data: the frame, and ticks without a line.

    Args:
        axes: The axes.
        grid: Along which axis faint lines stand; None for none.
        left: Whether the vertical axis has a line, which rows with names do not need.
    """
    axes.spines[["top", "right"] if left else ["top", "right", "left"]].set_visible(False)
    axes.set_axisbelow(True)
    if not left:
        axes.tick_params(axis="y", length=0)
    if grid is not None:
        axes.grid(axis=grid, color=FAINT)


def save(drawn: Figure, path: str | Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the name's ending; whole or not at all.

    Raises:
        SettingError: The name has no known ending.
        FederatedError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise SettingError(f"A plot cannot be written to {path}; end its name in {', '.join(SUFFIXES)}.")
    content = io.BytesIO()
    drawn.savefig(content, format=path.suffix[1:].lower())
    try:
        replace_file(path, content.getvalue())
    except OSError as error:
        raise FederatedError(f"The plot cannot be written to {path}: {error.strerror or error}.") from None
