"""The columns of a log that an off-policy estimate is made of, in a log or in a table that a team already has."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from keyart.errors import HistoryError, InputError
from keyart_federated.evaluation import Decisions

from .log_rows import BrokenRow, LogRow, LogTable, open_table, require_whole
from .log_schema import FIELDS, LogField, is_decision

# The names that are looked for, the schema's first; the next ones are those of other systems.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "reward": ("reward", "click", "clicked", "played"),
    "propensity": ("propensity", "propensity_score", "pscore"),
    "target": ("target_probability", "target", "pi", "pi_e"),
    "group": ("viewer", "device_id", "group", "profile", "user_id", "user"),
    "predicted_shown": ("predicted_shown", "predicted"),
    "predicted_target": ("predicted_target", "predicted_policy"),
}
NEEDED: Final = ("reward", "propensity", "target")
PREDICTED: Final = ("predicted_shown", "predicted_target")
PARQUET: Final = b"PAR1"


@dataclass(frozen=True, eq=False)
class Columns:
    """Decisions of a table, and the column that each of their parts was read from."""

    decisions: Decisions
    names: Mapping[str, str]

    @classmethod
    def read(cls, path: Path, names: Mapping[str, str | None] | None = None) -> Columns:
        """Read a log, or a table without a header whose rows are all decisions, as CSV, JSON Lines or Parquet.

        Views and what was shown for something asked are no part of an estimate. Without a group, each decision is
        its own device.

        Args:
            path: the file.
            names: names of columns, by the keys of `NAMES`, where they differ from the usual ones.

        Raises:
            HistoryError: the file is no such table, or a row of it is broken.
        """
        with _opened(path) as table:
            read = list(table.rows)
        broken = [row for row in read if isinstance(row, BrokenRow)]
        rows = [row for row in read if isinstance(row, LogRow)]
        there = dict.fromkeys(table.columns or (name for row in rows for name in row.values))
        if not rows and not broken:
            raise HistoryError(f"{path} has no row; give one for each decision.")
        given = {key: name for key, name in (names or {}).items() if name is not None}
        taken = _taken(there, given, path)
        if len(set(PREDICTED) & set(taken)) == 1:
            raise HistoryError(
                f"{path}: a doubly robust estimate needs the predicted reward of the artwork shown and the policy's "
                f"expected one; there is only {taken.get('predicted_shown') or taken.get('predicted_target')!r}."
            )
        if table.header is not None:
            rows = [row for row in rows if is_decision(row.values) and row.values.get("with_intent") is not True]
        parts: dict[str, list[Any]] = {key: [] for key in taken}
        for row in rows:
            try:
                values = [_value(key, name, row.values.get(name)) for key, name in taken.items()]
            except ValueError as error:
                broken.append(BrokenRow(row.line, str(error)))
                continue
            for part, value in zip(parts.values(), values, strict=True):
                part.append(value)
        require_whole(path, sorted(broken, key=lambda row: row.line))
        reward, propensity, target = (parts[key] for key in NEEDED)
        shown, expected = (parts.get(key) for key in PREDICTED)
        try:
            return cls(Decisions.of(reward, propensity, target, shown, expected, parts.get("group")), taken)
        except InputError as error:
            raise HistoryError(f"{path}: {error}") from None


def _taken(there: Collection[str], given: Mapping[str, str], path: Path) -> dict[str, str]:
    """Return the name of the column of each part."""
    taken: dict[str, str] = {}
    for key, usual in NAMES.items():
        if key in given:
            if given[key] not in there:
                raise HistoryError(f"{path} has no column {given[key]!r}; it has {_listed(there)}.")
            taken[key] = given[key]
        elif found := [name for name in usual if name in there]:
            taken[key] = found[0]
        elif key in NEEDED:
            part = "target probability" if key == "target" else key
            raise HistoryError(
                f"{path} has no column for the {part}, such as {usual[0]!r}; name it, or give --bundle and --catalog "
                f"for a log of decisions with outcomes. It has {_listed(there)}."
            )
    return taken


def _value(key: str, name: str, given: Any) -> Any:
    """Return the value of a part of a decision. Raises ValueError with what is wrong."""
    if given is None or given == "":
        raise ValueError(f"'{name}' is missing")
    if key == "group":
        return str(given)
    field = replace(_field(key), name=name)
    value = field.parse(given) if isinstance(given, str) else given
    return field.check(float(value) if isinstance(value, bool) else value)


def _field(key: str) -> LogField:
    return FIELDS["target_probability" if key == "target" else key]


def _listed(there: Collection[str]) -> str:
    names = [repr(name) if len(name) <= 40 else f"{name[:40]!r}…" for name in list(there)[:12]]
    return ", ".join(names) + ("" if len(there) <= len(names) else f" and {len(there) - len(names)} more")


@contextmanager
def _opened(path: Path) -> Iterator[LogTable]:
    if path.is_file():
        with path.open("rb") as file:
            parquet = file.read(len(PARQUET)) == PARQUET
        if parquet:
            yield _parquet(path)
            return
    with open_table(path) as table:
        yield table


def _parquet(path: Path) -> LogTable:
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise HistoryError(
            f"{path} is Parquet, which needs pyarrow: `pip install pyarrow`, or save the log as CSV."
        ) from None
    try:
        table = parquet.read_table(path)
        rows: Sequence[Mapping[str, Any]] = table.to_pylist()
        names = tuple(table.column_names)
    except (arrow.ArrowException, OSError) as error:
        raise HistoryError(f"{path} is damaged ({str(error).splitlines()[0]}); write it again.") from None
    values = ({name: value for name, value in row.items() if value is not None} for row in rows)
    return LogTable(None, names, (LogRow(number, row) for number, row in enumerate(values, 1)))
