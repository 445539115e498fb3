"""Tables for a terminal, in one style."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from keyart_federated.metrics import MetricEstimate

    pass

EXAMPLES = 8  # names listed where there may be thousands


def table(title: str, *columns: str) -> Table:
    """Return an empty table with its title at the left."""
    result = Table(title=escape(title), title_justify="left")
    for name in columns:
        result.add_column(name, overflow="fold")
    return result


def plain(value: object) -> str:
    """Format a value of a document for a cell."""
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
    """Format tags with their weights."""
    return escape(", ".join(f"{tag} {weight:g}" for tag, weight in weights.items()))


def some(names: list[str]) -> str:
    """Format the number of names and the first of them."""
    more = ", …" if len(names) > EXAMPLES else ""
    return escape(f"{len(names):,} {', '.join(names[:EXAMPLES])}{more}".strip())


def estimate(of: MetricEstimate) -> str:
    """Format an estimate with its interval, if it has one."""
    return f"{of.value:.5f}" + (f" ({of.low:.5f} to {of.high:.5f})" if math.isfinite(of.high) else "")


def fields(title: str, document: Mapping[str, object], *names: str) -> Table:
    """Return a table with one row per field of the document; all fields if none is named."""
    result = table(title, "field", "value")
    for name in names or document:
        result.add_row(name.replace("_", " "), plain(document[name]))
    return result
