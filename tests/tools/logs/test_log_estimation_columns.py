"""Logs as CSV, JSON Lines and Parquet: the same decisions, names found or told, and every mistake in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from keyart.errors import HistoryError
from keyart_tools.logs import Columns
from keyart_tools.logs.estimation_columns import NAMES

ROWS = [
    {"reward": 1, "propensity": 0.5, "target_probability": 0.25, "viewer": "a", "shelf": 3},
    {"reward": 0, "propensity": 0.25, "target_probability": 0.5, "viewer": "b", "shelf": 1},
    {"reward": 1, "propensity": 0.2, "target_probability": 0.6, "viewer": "a", "shelf": 2},
]


def as_csv(path: Path, rows=ROWS, delimiter=",") -> Path:
    lines = [list(rows[0]), *(["" if value is None else value for value in row.values()] for row in rows)]
    path.write_text("\n".join(delimiter.join(map(str, line)) for line in lines) + "\n", encoding="utf-8")
    return path


def as_json_lines(path: Path, rows=ROWS) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def assert_these(columns: Columns) -> None:
    log = columns.decisions
    np.testing.assert_allclose(log.reward, [1, 0, 1])
    np.testing.assert_allclose(log.weight, [0.5, 2, 3])
    assert log.units == 2 and log.unit[0] == log.unit[2] != log.unit[1]
    assert not log.predicted
    assert columns.names == {
        "reward": "reward", "propensity": "propensity", "target": "target_probability", "group": "viewer",
    }  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv(tmp_path, delimiter):
    assert_these(Columns.read(as_csv(tmp_path / "log", delimiter=delimiter)))


def test_csv_as_spreadsheets_write_it(tmp_path):
    path = as_csv(tmp_path / "log.csv")
    text = path.read_text("utf-8").replace("\n", "\r\n").replace("reward", '" reward"', 1)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    assert_these(Columns.read(path))


def test_json_lines(tmp_path):
    assert_these(Columns.read(as_json_lines(tmp_path / "log")))


def test_parquet(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="Parquet is read where pyarrow is installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "log"
    parquet.write_table(arrow.Table.from_pylist(ROWS), path)
    assert_these(Columns.read(path))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(HistoryError, match="damaged"):
        Columns.read(path)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "log").write_bytes(b"PAR1" + bytes(40) + b"PAR1")
    with pytest.raises(HistoryError, match="pip install pyarrow"):
        Columns.read(tmp_path / "log")


def test_names_that_are_told_go_first(tmp_path):
    rows = [row | {"watched": n, "who": n, "q": 0.1, "q_policy": 0.2} for n, row in enumerate(ROWS)]
    told = {
        "reward": "watched",
        "group": "who",
        "predicted_shown": "q",
        "predicted_target": "q_policy",
        "target": None,
    }
    columns = Columns.read(as_csv(tmp_path / "log", rows), told)
    np.testing.assert_allclose(columns.decisions.reward, [0, 1, 2])
    assert columns.decisions.units == 3 and columns.decisions.predicted
    np.testing.assert_allclose(columns.decisions.predicted_target, 0.2)


@pytest.mark.parametrize("column", ["reward", "propensity", "target"])
def test_usual_names_are_found(tmp_path, column):
    for name in NAMES[column]:
        usual = NAMES[column][0]
        rows = [{(name if key == usual else key): value for key, value in row.items()} for row in ROWS]
        assert Columns.read(as_csv(tmp_path / "log", rows)).names[column] == name


def test_true_and_false_are_rewards(tmp_path):
    rows = [row | {"reward": bool(row["reward"])} for row in ROWS]
    for path in (as_csv(tmp_path / "a", rows), as_json_lines(tmp_path / "b", rows)):
        np.testing.assert_allclose(Columns.read(path).decisions.reward, [1, 0, 1])


def without(*names: str) -> list[dict]:
    return [{key: value for key, value in row.items() if key not in names} for row in ROWS]


def changed(**values: object) -> list[dict]:
    return [ROWS[0], ROWS[1] | values, ROWS[2]]


MISTAKES = {
    "no reward": (without("reward"), "no column for the reward, such as 'reward'; name it"),
    "no target": (without("target_probability"), "no column for the target probability.*--bundle"),
    "half of the predictions": (
        [row | {"predicted_shown": 0.1} for row in ROWS],
        "only 'predicted_shown'",
    ),
    "NaN": (changed(reward="nan"), "'reward' is 'nan'|'reward' is nan"),
    "infinite": (changed(reward="inf"), "'reward' is inf"),
    "empty field": (changed(reward=""), "'reward' is missing|'reward' is ''"),
    "a word": (changed(propensity="high"), "'propensity' is 'high'"),
    "propensity 0": (changed(propensity=0), "'propensity' is 0"),
    "propensity above 1": (changed(propensity=1.5), "'propensity' is 1.5"),
    "propensity below 0": (changed(propensity=-0.5), "'propensity' is -0.5"),
    "target above 1": (changed(target_probability=2), "'target_probability' is 2"),
    "no viewer": (changed(viewer=None), "'viewer' is missing"),
}


@pytest.mark.parametrize(("rows", "words"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("write", [as_csv, as_json_lines])
def test_mistakes_in_a_table(tmp_path, write, rows, words):
    with pytest.raises(HistoryError, match=words) as told:
        Columns.read(write(tmp_path / "log", rows))
    assert str(tmp_path / "log") in str(told.value) and "\n" not in str(told.value)
    if rows[1] != ROWS[1] and len(rows[0]) == len(ROWS[0]):  # one broken row, and not a wrong table
        assert f"{tmp_path / 'log'}:{3 if write is as_csv else 2}: " in str(told.value)


BYTES = {
    "nothing": (b"", "is empty"),
    "white space": (b" \n\n", "is empty"),
    "random bytes": (bytes(np.random.default_rng(1).integers(0, 256, 4000, dtype=np.uint8)), "not a text file"),
    "zeros": (bytes(100), "not a text file"),
    "names alone": (b"reward,propensity,target_probability\n", "no row"),
    "a short row": (
        b"reward,propensity,target_probability\n1,0.5\n",
        ":2: the row has 2 cells, and there are 3 columns",
    ),
    "a name twice": (b"reward,reward,propensity\n1,1,1\n", "two columns have the name 'reward'"),
    "a quote that never ends": (
        b'reward,propensity,target_probability\n"1,0.5,0.5\n' + b"x" * 200_000,
        ":2: the line is not CSV.*:3: ",
    ),
    "broken JSON": (b'{"reward": 1, "propensity"\n', "first line .* is not a JSON object"),
    "a list among objects": (
        b'{"reward": 1, "propensity": 1, "target": 1}\n[1]\n',
        ":2: the line is not a JSON object",
    ),
    "objects without a name": (b"{}\n{}\n", "no column for the reward"),
    "a list as a value": (b'{"reward": [1], "propensity": 1, "target": 1}\n', r"'reward' is \[1\]"),
    "half a picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "not a text file"),
}


@pytest.mark.parametrize(("data", "words"), BYTES.values(), ids=BYTES)
def test_mistakes_in_a_file(tmp_path, data, words):
    (tmp_path / "log").write_bytes(data)
    with pytest.raises(HistoryError, match=words):
        Columns.read(tmp_path / "log")


def test_a_name_that_is_not_there(tmp_path):
    path = as_csv(tmp_path / "log")
    with pytest.raises(HistoryError, match="no column 'clicks'; it has 'reward', 'propensity'"):
        Columns.read(path, {"reward": "clicks"})
    wide = as_csv(tmp_path / "wide", [{f"column {n} {'x' * 60}": n for n in range(40)}])
    with pytest.raises(HistoryError, match="and 28 more"):
        Columns.read(wide)


def test_a_folder_and_nothing(tmp_path):
    with pytest.raises(HistoryError, match="directory"):
        Columns.read(tmp_path)
    with pytest.raises(HistoryError, match="No log at"):
        Columns.read(tmp_path / "none")


def test_a_log_has_views_and_rows_that_do_not_count(tmp_path):
    decisions = [row | {"artwork_id": f"t/{n}"} for n, row in enumerate(ROWS)]
    rows = [*decisions, decisions[0] | {"with_intent": True}, {"viewer": "a", "title_id": "t", "seconds": 60}]
    path = as_json_lines(tmp_path / "log", [{"format": "keyart-log/1", "data": "ours"}, *rows])
    assert_these(Columns.read(path))


def test_each_broken_row_is_named(tmp_path):
    rows = [ROWS[0] | {"reward": "?"}, ROWS[1], ROWS[2] | {"propensity": 7}]
    with pytest.raises(HistoryError, match=r"2 rows of .*log:2: 'reward' .*log:4: 'propensity' is 7"):
        Columns.read(as_csv(tmp_path / "log", rows))
