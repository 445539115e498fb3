"""Results and rounds as rows."""

from __future__ import annotations

import csv
import io

from support.fake_api import RESULT, round_

from keyart_tools.remote.result_rows import (
    RESULT_COLUMNS,
    RESULT_FIELDS,
    ROUND_FIELDS,
    csv_text,
    result_rows,
    round_rows,
)


def test_a_row_for_each_number() -> None:
    rows = list(result_rows([RESULT]))
    assert [(row["quantity"], row["name"], row["arm"], row["mean"]) for row in rows] == [
        ("rate", "all", None, 0.12), ("rate", "tv", None, 0.2), ("difference", "quality_plays", "warm", 0.01),
        ("verdict", "ship", "warm", None), ("value", "update norm", None, 0.75),
    ]  # fmt: skip
    assert {(row["round"], row["devices"]) for row in rows} == {(2, 1234)}


def test_a_drowned_rate_is_shown_as_such_with_its_interval() -> None:
    row = list(result_rows([RESULT]))[1]
    shown = {column.heading: column.value(row) for column in RESULT_COLUMNS}
    assert (shown["value"], shown["95 % interval"], shown["note"]) == ("0.2", "-0.3 to 0.7", "drowned by noise")


def test_a_difference_has_the_unit_of_its_metric() -> None:
    row = list(result_rows([RESULT]))[2]
    shown = {column.heading: column.value(row) for column in RESULT_COLUMNS}
    assert (shown["of"], shown["value"], shown["note"]) == ("quality_plays, tv, warm", "+1.00 pp", "improvement")
    assert shown["95 % interval"] == "+0.20 pp to +1.80 pp"
    unknown = row | {"name": "smiles", "improvement": None}
    assert [column.value(unknown) for column in RESULT_COLUMNS][4:] == ["0.01", "0.002 to 0.018", None]


def test_nothing_is_known_of_a_segment_without_devices() -> None:
    empty = {"segment": "car", "mean": None, "low": 0.0, "high": 1.0, "drowned": True}
    (row,) = result_rows([{"number": 1, "rates": [empty]}])
    shown = [column.value(row) for column in RESULT_COLUMNS]
    assert shown[3:] == ["car", None, "0 to 1", "drowned by noise"]


def test_a_refused_sum_has_its_reason() -> None:
    (row,) = result_rows([{"number": 3, "used": False, "reason": "The sum is none that honest devices make."}])
    assert (row["quantity"], row["used"], row["text"][:7]) == ("reason", False, "The sum")


def test_csv_can_be_read_again() -> None:
    read = list(csv.DictReader(io.StringIO(csv_text(result_rows([RESULT]), RESULT_FIELDS))))
    assert [(row["name"], row["mean"], row["drowned"]) for row in read[:2]] == [
        ("all", "0.12", "False"),
        ("tv", "0.2", "True"),
    ]
    assert read[3]["text"] == "More quality plays." and read[3]["mean"] == ""
    rounds = list(csv.DictReader(io.StringIO(csv_text(round_rows([round_()]), ROUND_FIELDS))))
    assert (rounds[0]["keys"], rounds[0]["masked"], rounds[0]["failure"]) == ("180", "60", "")


def test_no_text_is_a_formula_of_a_spreadsheet() -> None:
    hostile = RESULT | {"rates": [RESULT["rates"][0] | {"segment": '=HYPERLINK("http://x")', "mean": -0.5}]}
    read = next(csv.DictReader(io.StringIO(csv_text(result_rows([hostile]), RESULT_FIELDS))))
    assert read["name"] == '\'=HYPERLINK("http://x")'
    assert read["mean"] == "-0.5"


def test_nothing_is_a_header() -> None:
    assert csv_text([], ROUND_FIELDS).count("\n") == 1
