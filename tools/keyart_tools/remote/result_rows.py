"""Results and rounds of a campaign as flat rows, for tables and CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from keyart_federated.campaigns.result_words import words_of
from keyart_federated.csv_cells import plain_cell
from keyart_federated.experiments.device_metrics import MEASURES

from .object_tables import STAGES, Column, field, number

RESULT_FIELDS: Final = (
    "round", "topic", "at", "devices", "used", "quantity", "name", "group", "arm", "mean", "low", "high", "drowned",
    "improvement", "label", "unit", "text",
)  # fmt: skip
ROUND_FIELDS: Final = (
    "number", "topic", "standing", "opened", "changed", "charge", "survivors", *STAGES, "failure",
)  # fmt: skip
Row = dict[str, Any]


def result_rows(results: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield a row for each rate, difference, verdict and other value of each round; absent fields are None.

    A rate that noise drowns keeps its interval, and `drowned` is true. A sum that could not be used has one row with
    the reason.
    """
    for result in results:
        base = {
            "round": result.get("number"),
            **{name: result.get(name) for name in ("topic", "at", "devices", "used")},
        }
        for rate in result.get("rates") or []:
            yield _row(base, rate, quantity="rate", name=rate.get("segment"))
        for difference in result.get("differences") or []:
            yield _row(base, difference, quantity="difference", name=difference.get("metric"))
        for verdict in result.get("verdicts") or []:
            yield _row(base, verdict, quantity="verdict", name=verdict.get("verdict"), text=verdict.get("sentence"))
        for name, value in (result.get("values") or {}).items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            words = words_of(name)
            known = {"name": name, "label": words.label, "unit": words.unit or None}
            yield _row(base, {}, quantity="value", **known, **{"mean" if is_number else "text": value})
        if result.get("reason"):
            yield _row(base, {}, quantity="reason", text=result["reason"])


def round_rows(rounds: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield a row a round, with the devices at each stage as columns of their own."""
    for round_ in rounds:
        cohort = round_.get("cohort") or {}
        yield {name: cohort.get(name) if name in STAGES else round_.get(name) for name in ROUND_FIELDS}


def csv_text(rows: Iterable[Row], fields: Iterable[str]) -> str:
    """Return CSV (RFC 4180) with a header. Missing values are empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, tuple(fields))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: plain_cell(value) if isinstance(value, str) else value for name, value in row.items()})
    return text.getvalue()


def _row(base: Row, entry: Mapping[str, Any], **more: Any) -> Row:
    """Return a row: the fields of the round, those of an entry that a row has, and more."""
    known = {name: entry[name] for name in RESULT_FIELDS if name in entry}
    return {**dict.fromkeys(RESULT_FIELDS), **base, **known, **more}


def _value(row: Mapping[str, Any], name: str) -> str | None:
    """Format a number of a row: differences with their sign and the unit of their metric."""
    value = row.get(name)
    if not isinstance(value, int | float):
        return None
    if row["quantity"] == "difference" and row["name"] in MEASURES:
        return MEASURES[row["name"]].shown_difference(value)
    if row["quantity"] == "value":
        return words_of(row["name"]).text(value)
    return number(float(value))


def _interval(row: Mapping[str, Any]) -> str | None:
    low, high = _value(row, "low"), _value(row, "high")
    return None if low is None or high is None else f"{low} to {high}"


def _name(row: Mapping[str, Any]) -> str:
    parts = row.get("label") or row.get("name"), row.get("group"), row.get("arm")
    return ", ".join(str(part) for part in parts if part is not None)


def _note(row: Mapping[str, Any]) -> str | None:
    if row.get("drowned"):
        return "drowned by noise"
    judged = {True: "improvement", False: "deterioration"}.get(row.get("improvement"))  # type: ignore[arg-type]
    return judged or row.get("text")


RESULT_COLUMNS: Final = (
    field("round", numeric=True), field("devices", numeric=True, form=number), field("quantity"), Column("of", _name),
    Column("value", lambda row: _value(row, "mean"), True), Column("95 % interval", _interval, True),
    Column("note", _note),
)  # fmt: skip
