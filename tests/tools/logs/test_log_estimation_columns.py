"""Logs as CSV, JSON Lines and Parquet: the same decisions, names found or told, and every mistake in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from keyart.errors import HistoryError
from keyart_federated.evaluation import Columns
from keyart_federated.evaluation.columns import NAMES

ROWS = [
    {"reward": 1, "propensity": 0.5, "target_probability": 0.25, "viewer": "a", "shelf": 3},
    {"reward": 0, "propensity": 0.25, "target_probability": 0.5, "viewer": "b", "shelf": 1},
    {"reward": 1, "propensity": 0.2, "target_probability": 0.6, "viewer": "a", "shelf": 2},
]


def as_csv(path: Path, rows=ROWS, delimiter=",") -> Path:
    lines = [list(rows[0]), *(row.values() for row in rows)]
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
    "no reward": (without("reward"), "no column for the reward, such as 'reward'; name it. It has 'propensity'"),
    "no target": (without("target_probability"), "no column for the target probability"),
    "half of the predictions": (
        [row | {"predicted_shown": 0.1} for row in ROWS],
        "only 'predicted_shown'",
    ),
    "NaN": (changed(reward="nan"), "'reward' of row 2 is 'nan'"),
    "infinite": (changed(reward="inf"), "'reward' of row 2 is 'inf'"),
    "empty field": (changed(reward=""), "'reward' of row 2 is empty"),
    "a word": (changed(propensity="high"), "'propensity' of row 2 is 'high'"),
    "propensity 0": (changed(propensity=0), "propensity of decision 2 is 0; it must be from 1e-09 to 1"),
    "propensity above 1": (changed(propensity=1.5), "propensity of decision 2 is 1.5"),
    "propensity below 0": (changed(propensity=-0.5), "propensity of decision 2 is -0.5"),
    "target above 1": (changed(target_probability=2), "target probability of decision 2 is 2"),
    "no viewer": (changed(viewer=""), "row 2 has no 'viewer'"),
}


@pytest.mark.parametrize(("rows", "words"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("write", [as_csv, as_json_lines])
def test_mistakes_in_a_table(tmp_path, write, rows, words):
    with pytest.raises(HistoryError, match=words) as told:
        Columns.read(write(tmp_path / "log", rows))
    assert str(told.value).startswith(str(tmp_path / "log")) and "\n" not in str(told.value)


BYTES = {
    "nothing": (b"", "is empty"),
    "white space": (b" \n\n", "is empty"),
    "random bytes": (bytes(np.random.default_rng(1).integers(0, 256, 4000, dtype=np.uint8)), "neither text nor"),
    "zeros": (bytes(100), "neither text nor"),
    "names alone": (b"reward,propensity,target_probability\n", "no row"),
    "a short row": (
        b"reward,propensity,target_probability\n1,0.5\n",
        "row 1 has 2 fields, and the first line names 3",
    ),
    "a name twice": (b"reward,reward,propensity\n1,1,1\n", "two columns of one name"),
    "a quote that never ends": (
        b'reward,propensity,target_probability\n"1,0.5,0.5\n' + b"x" * 200_000,
        "no CSV|fields",
    ),
    "broken JSON": (b'{"reward": 1, "propensity"\n', "line 1 is no JSON"),
    "a list among objects": (b'{"reward": 1}\n[1]\n', "line 2 is no object"),
    "objects without a name": (b"{}\n{}\n", "no row"),
    "a list as a value": (b'{"reward": [1], "propensity": 1, "target": 1}\n', r"'\[1\]'"),
    "half a picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "neither text nor"),
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
    with pytest.raises(HistoryError, match="is a folder"):
        Columns.read(tmp_path)
    with pytest.raises(FileNotFoundError):
        Columns.read(tmp_path / "none")
