"""Rows of a file: whatever one line holds, the others are read, and the line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyart.errors import HistoryError
from keyart_tools.logs import BrokenRow, listed, require_whole
from keyart_tools.logs.log_rows import MAX_LINE_BYTES, MAX_LISTED, LogRow, LogTable, open_table

HEAD = b'{"format": "keyart-log/1", "data": "ours"}\n'
COLUMNS = b"viewer,slot\n"


def rows(path: Path, content: bytes) -> tuple[LogTable, list[LogRow | BrokenRow]]:
    path.write_bytes(content)
    with open_table(path) as table:
        return table, list(table.rows)


@pytest.mark.parametrize(
    ("content", "columns", "header"),
    [
        (HEAD + b'{"viewer": "a", "slot": 1}\n', None, True),
        (b'{"viewer": "a", "slot": 1}\n', None, False),
        (b"# " + HEAD + COLUMNS + b"a,1\n", ("viewer", "slot"), True),
        (b"#" + HEAD + b"viewer;slot\r\na;1\r\n", ("viewer", "slot"), True),
        (b"\xef\xbb\xbf# " + HEAD + b"viewer\tslot\na\t1", ("viewer", "slot"), True),
        (b'"# {""format"": ""keyart-log/1"", ""data"": ""ours""}",\nviewer,slot\na,1\n', ("viewer", "slot"), True),
        (b'"# {""format"": ""keyart-log/1"", ""data"": ""ours""}";;\nviewer;slot\na;1\n', ("viewer", "slot"), True),
        (COLUMNS + b"a,1\n", ("viewer", "slot"), False),
        (b'" viewer",slot\n"a",1\n,\n\n', ("viewer", "slot"), False),
    ],
)
def test_forms_of_the_same_rows(tmp_path: Path, content: bytes, columns, header: bool) -> None:
    table, found = rows(tmp_path / "log", content)
    assert table.columns == columns and (table.header is not None) is header
    assert [row.values for row in found if isinstance(row, LogRow)] == [{"viewer": "a", "slot": 1}]
    assert len(found) == 1


BROKEN = {
    "not UTF-8": (b"\xff\xfe,1", "not UTF-8"),
    "a NUL byte": (b"a\0,1", "NUL"),
    "too few cells": (b"a", "1 cells, and there are 2 columns"),
    "too many cells": (b"a,1,2", "3 cells"),
    "a quote that never ends": (b'"a,1', "not CSV"),
    "text behind a quote": (b'"a"b,1', "not CSV"),
    "a huge cell": (b"a" * 200_000 + b",1", "field larger"),
    "a huge line": (b"a" * (2 * MAX_LINE_BYTES + 5) + b",1", "longer than"),
}


@pytest.mark.parametrize(("line", "reason"), BROKEN.values(), ids=BROKEN)
def test_one_broken_line_of_csv(tmp_path: Path, line: bytes, reason: str) -> None:
    _, found = rows(tmp_path / "log", COLUMNS + b"a,1\n" + line + b"\nb,2\n")
    first, broken, last = found
    assert isinstance(broken, BrokenRow) and broken.line == 3 and reason in broken.reason
    assert isinstance(first, LogRow) and isinstance(last, LogRow)
    assert (last.line, last.values) == (4, {"viewer": "b", "slot": 2})


@pytest.mark.parametrize(
    "line", [b'{"viewer": ', b"[1]", b"1", b"\xff", b'{"a": "\0"}', b"[" * 100_000, b'{"a": ' * 50_000]
)
def test_one_broken_line_of_json(tmp_path: Path, line: bytes) -> None:
    _, found = rows(tmp_path / "log", HEAD + line + b'\n\n{"viewer": "b", "slot": null}\n')
    broken, last = found
    assert isinstance(broken, BrokenRow) and broken.line == 2
    assert isinstance(last, LogRow) and (last.line, last.values) == (4, {"viewer": "b"})


NO_LOG = {
    "nothing": b"",
    "an empty line": b"\n",
    "random bytes": b"\x00\xff\xfe",
    "UTF-16": HEAD.decode().encode("utf-16"),
    "half of JSON": b"{",
    "a list": b"[1]\n",
    "another format": b'{"format": "keyart-log/2", "data": "ours"}\n',
    "another format of CSV": b'# {"format": "keyart-log/2", "data": "ours"}\n' + COLUMNS,
    "a comment": b"# written on Monday\n" + COLUMNS,
    "no description": b'{"format": "keyart-log/1"}\n',
    "an empty description": b'{"format": "keyart-log/1", "data": " "}\n',
    "a wrong mark": b'{"format": "keyart-log/1", "data": "ours", "evaluation_only": "yes"}\n',
    "no columns": b"# " + HEAD,
    "columns of one name": b"viewer,viewer\n",
    "a header of columns that is no CSV": b'viewer,"slot\n',
}


@pytest.mark.parametrize("content", NO_LOG.values(), ids=NO_LOG)
def test_what_is_no_log(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(HistoryError) as caught:
        rows(tmp_path / "log", content)
    assert str(tmp_path / "log") in str(caught.value) and "\n" not in str(caught.value)


def test_an_estimate_needs_a_whole_log() -> None:
    require_whole(Path("log.csv"), [])
    broken = [BrokenRow(line, "no") for line in range(2, 30)]
    with pytest.raises(HistoryError, match=r"28 rows of log\.csv.*log\.csv:2: no; log\.csv:3: no") as caught:
        require_whole(Path("log.csv"), broken)
    assert f"and {28 - MAX_LISTED} more" in str(caught.value)
    assert listed(Path("a"), broken[:1]) == "a:2: no"
