"""Tables of logged decisions that a team already has, a row a decision, as CSV, JSON Lines or Parquet."""

from __future__ import annotations

import csv
import importlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keyart.errors import HistoryError, InputError

from .decisions import Decisions

# What each column may be called, where nobody says: the first of these that is there.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "reward": ("reward", "click", "clicked", "played"),
    "propensity": ("propensity", "propensity_score", "pscore"),
    "target": ("target_probability", "target", "pi", "pi_e"),
    "group": ("device_id", "group", "viewer", "profile", "user_id", "user"),
    "predicted_shown": ("predicted_shown", "predicted"),
    "predicted_target": ("predicted_target", "predicted_policy"),
}
NEEDED: Final = ("reward", "propensity", "target")
PREDICTED: Final = ("predicted_shown", "predicted_target")
DELIMITERS: Final = ",;\t"
TRUTH: Final = {"true": 1.0, "false": 0.0}
_PARQUET, _JSON = b"PAR1", "{"


@dataclass(frozen=True, eq=False)
class Columns:
    """Decisions of a table, and the column that each of their parts was read from."""

    decisions: Decisions
    names: Mapping[str, str]

    @classmethod
    def read(cls, path: Path, names: Mapping[str, str | None] | None = None) -> Columns:
        """Read a table. Without a group, each decision is its own device.

        Args:
            path: The file.
            names: Names of columns, by the keys of `NAMES`, where they differ from the usual ones.

        Raises:
            HistoryError: The file is no such table.
            OSError: The file cannot be read.
        """
        table = _table(path)
        said = {key: name for key, name in (names or {}).items() if name is not None}
        taken = _taken(table, said, path)
        if len(set(PREDICTED) & set(taken)) == 1:
            raise HistoryError(
                f"{path}: a doubly robust estimate needs the predicted reward of the shown picture and the policy's "
                f"expected one; there is only {taken.get('predicted_shown') or taken.get('predicted_target')!r}."
            )
        numbers = {key: _numbers(table[name], name, path) for key, name in taken.items() if key != "group"}
        group = [_text(value) for value in table[taken["group"]]] if "group" in taken else None
        if group is not None and "" in group:
            raise HistoryError(
                f"{path}: row {group.index('') + 1} has no {taken['group']!r}; give each one, or none."
            )
        reward, propensity, target = (numbers[key] for key in NEEDED)
        shown, expected = (numbers.get(key) for key in PREDICTED)
        try:
            return cls(Decisions.of(reward, propensity, target, shown, expected, group), taken)
        except InputError as error:
            raise HistoryError(f"{path}: {error}") from None


def _taken(table: Mapping[str, Sequence[Any]], said: Mapping[str, str], path: Path) -> dict[str, str]:
    taken: dict[str, str] = {}
    for key, usual in NAMES.items():
        if key in said:
            if said[key] not in table:
                raise HistoryError(f"{path} has no column {said[key]!r}; it has {_listed(table)}.")
            taken[key] = said[key]
        elif found := [name for name in usual if name in table]:
            taken[key] = found[0]
        elif key in NEEDED:
            raise HistoryError(
                f"{path} has no column for the {_words(key)}, such as {usual[0]!r}; name it. It has {_listed(table)}."
            )
    return taken


def _words(key: str) -> str:
    return "target probability" if key == "target" else key


def _listed(table: Mapping[str, Sequence[Any]]) -> str:
    names = [repr(name) if len(name) <= 40 else f"{name[:40]!r}…" for name in list(table)[:12]]
    return ", ".join(names) + ("" if len(table) <= len(names) else f" and {len(table) - len(names)} more")


def _table(path: Path) -> Mapping[str, Sequence[Any]]:
    if path.is_dir():
        raise HistoryError(f"{path} is a folder; give a log as CSV, JSON Lines or Parquet.")
    data = path.read_bytes()
    if data.startswith(_PARQUET):
        return _parquet(data, path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise HistoryError(f"{path} is neither text nor Parquet; give a log as CSV, JSON Lines or Parquet.")
    if not text.strip():
        raise HistoryError(f"{path} is empty; give a log with a row a decision.")
    table = _json_lines(text, path) if text.lstrip().startswith(_JSON) else _csv(text, path)
    if not next(iter(table.values())):
        raise HistoryError(f"{path} has names of columns and no row; give a row a decision.")
    return table


def _csv(text: str, path: Path) -> Mapping[str, Sequence[Any]]:
    head = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except csv.Error as error:
        raise HistoryError(f"{path} is no CSV ({error}).") from None
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names):
        raise HistoryError(f"{path} has two columns of one name; give each its own.")
    for place, row in enumerate(rows[1:], 1):
        if len(row) != len(names):
            raise HistoryError(f"{path}: row {place} has {len(row)} fields, and the first line names {len(names)}.")
    return dict(zip(names, zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(names), strict=True))


def _json_lines(text: str, path: Path) -> Mapping[str, Sequence[Any]]:
    rows: list[dict[str, Any]] = []
    for place, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise HistoryError(f"{path}: line {place} is no JSON; give an object a line.") from None
        if not isinstance(row, dict):
            raise HistoryError(f"{path}: line {place} is no object; give one with a value for each column.")
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names} or {"": ()}


def _parquet(data: bytes, path: Path) -> Mapping[str, Sequence[Any]]:
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise HistoryError(
            f"{path} is Parquet, which needs pyarrow: `pip install pyarrow`, or save the log as CSV."
        ) from None
    try:
        table = parquet.read_table(io.BytesIO(data))
        return {name: table.column(name).to_pylist() for name in table.column_names}
    except (arrow.ArrowException, OSError) as error:
        raise HistoryError(f"{path} is damaged ({str(error).splitlines()[0]}); write it again.") from None


def _numbers(values: Sequence[Any], name: str, path: Path) -> list[float]:
    numbers = []
    for place, value in enumerate(values, 1):
        try:
            number = TRUTH[text] if (text := _text(value).lower()) in TRUTH else float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            shown = "empty" if _text(value) == "" else repr(_text(value)[:40])
            raise HistoryError(f"{path}: {name!r} of row {place} is {shown}; give a finite number.")
        numbers.append(number)
    return numbers


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
