"""Tables on a terminal, in one style."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from keyart_federated.metrics import MetricEstimate

EXAMPLES = 8  # names listed where there may be thousands


def table(title: str, *columns: str) -> Table:
    """Empty, the title at the left."""
    made = Table(title=escape(title), title_justify="left")
    for name in columns:
        made.add_column(name, overflow="fold")
    return made


def plain(value: object) -> str:
    """A value of a document in a cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value)) or "–"
    return "–" if value is None else escape(str(value))


def tags(weights: Mapping[str, float]) -> str:
    """Tags with their weights."""
    return escape(", ".join(f"{tag} {weight:g}" for tag, weight in weights.items()))


def some(names: list[str]) -> str:
    """How many, and the first of them."""
    more = ", …" if len(names) > EXAMPLES else ""
    return escape(f"{len(names):,} {', '.join(names[:EXAMPLES])}{more}".strip())


def estimate(of: MetricEstimate) -> str:
    """With its interval; of one device there is none."""
    return f"{of.value:.5f}" + (f" ({of.low:.5f} to {of.high:.5f})" if math.isfinite(of.high) else "")


def fields(title: str, document: Mapping[str, object], *names: str) -> Table:
    """A line a field of the document, or all of them."""
    made = table(title, "field", "value")
    for name in names or document:
        made.add_row(name.replace("_", " "), plain(document[name]))
    return made
