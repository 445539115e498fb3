"""Results and rounds of a campaign as flat rows, for tables and CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from .object_tables import STAGES, Column, field, number

RESULT_FIELDS: Final = (
    "round", "at", "devices", "used", "quantity", "name", "arm", "mean", "low", "high", "drowned", "text",
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
            "at": result.get("at"),
            "devices": result.get("devices"),
            "used": result.get("used"),
        }
        numbers = [("rate", rate, rate.get("segment")) for rate in result.get("rates") or []]
        numbers += [
            ("difference", difference, difference.get("label") or difference.get("metric"))
            for difference in result.get("differences") or []
        ]
        for quantity, entry, name in numbers:
            given = {key: entry.get(key) for key in ("arm", "mean", "low", "high", "drowned")}
            yield _row(base, quantity=quantity, name=name, **given)
        for verdict in result.get("verdicts") or []:
            text = verdict.get("text") or verdict.get("word")
            yield _row(base, quantity="verdict", name=verdict.get("word"), arm=verdict.get("arm"), text=text)
        for name, value in (result.get("values") or {}).items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            yield _row(base, quantity="value", name=name, **{"mean" if is_number else "text": value})
        if result.get("reason"):
            yield _row(base, quantity="reason", text=result["reason"])


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
        writer.writerow({name: _safe(value) for name, value in row.items()})
    return text.getvalue()


def _row(base: Row, **entries: Any) -> Row:
    return {**dict.fromkeys(RESULT_FIELDS), **base, **entries}


def _safe(value: Any) -> Any:
    """Return a value of a cell that no spreadsheet takes for a formula (CWE-1236)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _interval(row: Mapping[str, Any]) -> str | None:
    if row.get("low") is None or row.get("high") is None:
        return None
    return f"{number(float(row['low']))} to {number(float(row['high']))}"


def _note(row: Mapping[str, Any]) -> str | None:
    return "drowned by noise" if row.get("drowned") else row.get("text")


RESULT_COLUMNS: Final = (
    field("round", numeric=True), field("devices", numeric=True, form=number), field("quantity"), field("name"),
    field("arm"), field("mean", "value", True, lambda value: number(float(value))),
    Column("95 % interval", _interval, True), Column("", _note),
)  # fmt: skip
