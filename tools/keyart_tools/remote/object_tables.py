"""Objects of the API as tables: which fields, under which headings, in which form. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from .answers import printable

MISSING: Final = "–"
TIMES: Final = frozenset({"created", "changed"})
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, the value of an item in it, and whether it is a number."""

    heading: str
    value: Callable[[Item], object]
    numeric: bool = False


def field(name: str, heading: str = "", numeric: bool = False, form: Callable[[Any], str] | None = None) -> Column:
    """Return the column of one field; `form` formats it if it is there."""

    def value(item: Item) -> object:
        found = item.get(name)
        return found if form is None or found is None else form(found)

    return Column(heading or name.replace("_", " "), value, numeric)


def utc_minute(text: str) -> str:
    """Format a time from JSON in UTC, to the minute."""
    return printable(text) if (at := _parsed(text)) is None else at.strftime("%Y-%m-%d %H:%M")


def utc_second(text: str) -> str:
    """Format a time from JSON in UTC, to the second."""
    return printable(text) if (at := _parsed(text)) is None else at.strftime("%Y-%m-%d %H:%M:%S")


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def number(value: object) -> str:
    """Format a number with four significant digits; integers in full."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.4g}"
    return f"{value:,.0f}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def epsilon(value: object) -> str:
    """Format ε with two decimals."""
    return f"{value:.2f}" if isinstance(value, int | float) else str(value)


def percent(share: object) -> str:
    """Format a share as a percentage."""
    return f"{100 * share:.3g} %" if isinstance(share, int | float) else str(share)


def of_planned(item: Item) -> str:
    """Format the rounds of a campaign: done of planned."""
    return f"{item.get('rounds_done', MISSING)} of {item.get('rounds', MISSING)}"


def charged(item: Item) -> str:
    """Format the ε of a campaign: charged of its limit."""
    limit = item.get("epsilon")
    return f"{epsilon(item.get('epsilon_charged', 0.0))} of {'default' if limit is None else epsilon(limit)}"


def stages(item: Item) -> str:
    """Format the cohort of a round: devices at each stage."""
    cohort = item.get("cohort") or {}
    return " → ".join(number(cohort[name]) for name in STAGES if name in cohort) or MISSING


def gates(item: Item) -> str:
    """Format the gates of a release: the number of each verdict, and the names of those not passed."""
    found = item.get("gates") or []
    open_gates = [f"{gate.get('name')} {gate.get('verdict')}" for gate in found if gate.get("verdict") != "passed"]
    passed = len(found) - len(open_gates)
    return ", ".join([*([f"{passed} passed"] if passed else []), *open_gates]) or MISSING


STAGES: Final = {"keys": "registered", "shares": "key shares", "masked": "masked updates", "revealed": "unmasked"}

CAMPAIGNS: Final = (
    field("id"), field("name"), field("kind"), field("state"), Column("rounds", of_planned, True),
    Column("ε", charged, True), field("changed", "changed (UTC)", form=utc_minute), field("waiting"),
)  # fmt: skip
ROUNDS: Final = (
    field("number", "round", True), field("topic"), field("standing", "status"),
    field("opened", "opened (UTC)", form=utc_minute), Column("devices by stage", stages, True),
    field("charge", "ε of the fleet", True, epsilon), field("failure"),
)  # fmt: skip
RELEASES: Final = (
    field("version", numeric=True), field("standing", "status"), field("share", numeric=True, form=percent),
    field("base", numeric=True), Column("gates", gates), field("changed", "changed (UTC)", form=utc_minute),
    field("reason"),
)  # fmt: skip
EXPERIMENTS: Final = (
    field("id"), field("name"), field("state"), Column("analyses", of_planned, True),
    Column("verdict", lambda item: "; ".join(verdict_texts(item)) or MISSING),
)  # fmt: skip
GATES: Final = (field("name", "gate"), field("verdict"), field("sentence"))
VERSIONS: Final = (
    field("version", numeric=True), field("devices", "participations, 28 days", True, number),
    field("share", numeric=True, form=percent),
)  # fmt: skip
GATEWAYS: Final = (
    field("name", "gateway"), Column("status", lambda item: "alive" if item.get("alive") else "silent"),
    field("seen", "last seen (UTC)", form=utc_minute),
)  # fmt: skip
SPENDING: Final = (field("name", "campaign"), field("id"), field("epsilon", "ε", True, epsilon))
AUDIT: Final = (
    field("number", numeric=True), field("at", "at (UTC)", form=utc_second), field("actor"), field("action"),
    field("subject"), Column("details", lambda item: inline(item.get("details"))),
)  # fmt: skip


def budget_sentences(budget: Item) -> list[str]:
    """Return the state of the privacy budget in sentences."""
    limit, spent, left = (epsilon(budget.get(name) or 0.0) for name in ("epsilon", "spent", "left"))
    sentences = [f"ε {spent} of {limit} is spent, {left} is left (δ = {inline(budget.get('delta'))})."]
    forecast = budget.get("forecast") or {}
    if exhausted := forecast.get("exhausted_at"):
        sentences.append(f"At the current rate it is exhausted on {utc_minute(exhausted)} UTC.")
    if (rounds := forecast.get("rounds_left")) is not None:
        sentences.append(f"Rounds like the last one that are left: {number(rounds)}.")
    return sentences


def verdict_texts(item: Item) -> list[str]:
    """Return the verdicts of an experiment as texts, one an arm."""
    verdicts = item.get("verdicts") or []
    return [f"{verdict.get('arm')}: {verdict.get('verdict')}" for verdict in verdicts]


def inline(value: object) -> str:
    """Format a value of any depth on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {inline(inner)}" for name, inner in value.items()) or MISSING
    if isinstance(value, list):
        return ", ".join(map(inline, value)) or MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return MISSING if value is None or value == "" else number(value)


def cell(value: object) -> Text:
    """Return a cell; text from a server is no markup and acts on no terminal."""
    return Text(MISSING if value is None or value == "" else printable(str(value)))


def list_table(items: Iterable[Item], columns: Iterable[Column], title: str = "") -> Table:
    """Return a table with a row an item."""
    table, shown = Table(title=title or None, title_justify="left"), tuple(columns)
    for column in shown:
        table.add_column(column.heading, justify="right" if column.numeric else "left", overflow="fold")
    for item in items:
        table.add_row(*(cell(column.value(item)) for column in shown))
    return table


def object_table(item: Item, title: str = "", hidden: Iterable[str] = ()) -> Table:
    """Return a table of one object: a row a field, nested ones on one line."""
    table, left_out = Table(title=Text(printable(title)), title_justify="left", show_header=False), set(hidden)
    for name in ("field", "value"):
        table.add_column(name, overflow="fold")
    for name, value in item.items():
        if name not in left_out:
            is_time = name in TIMES and isinstance(value, str)
            table.add_row(cell(name), cell(f"{utc_minute(str(value))} UTC" if is_time else inline(value)))
    return table
