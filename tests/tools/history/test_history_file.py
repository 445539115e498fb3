"""Both layouts of Netflix, tables and lists of others, and files that are none."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from keyart.errors import HistoryError
from keyart_tools.history import HistoryRow, ViewingHistory, read_history

TODAY = date(2026, 11, 25)


def read(folder: Path, content: str | bytes, **settings: str) -> ViewingHistory:
    path = folder / "history"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_history(path, TODAY, **settings)  # type: ignore[arg-type]


def noon(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Pacific/Auckland")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
def test_detailed_form(detailed) -> None:
    found = read_history(
        detailed({}, {"Profile Name": "Ben", "Title": 'The "Sea", Part 2', "Duration": "0:00:09"}), TODAY
    )

    assert found.form == "Netflix, detailed"
    at = datetime(2026, 3, 14, 20, 15, tzinfo=UTC)
    assert found.rows == (
        HistoryRow(2, "Night Ferry", at, 5400.0, "tv", "Ana"),
        HistoryRow(3, 'The "Sea", Part 2', at, 9.0, "tv", "Ben"),
    )
    assert found.profiles() == {"Ana": 1, "Ben": 1}


def test_what_nobody_chose_to_watch_is_left_out(detailed) -> None:
    path = detailed(
        *(
            {"Supplemental Video Type": kind}
            for kind in ("HOOK", "TRAILER", "TEASER_TRAILER", "RECAP", "PROMOTIONAL")
        ),
        {"Attributes": "Autoplayed: user action: None; "},
        {"Attributes": "View was hidden"},
        {"Attributes": "Autoplayed: user action: User_Interaction; ", "Title": "kept"},
        {"Attributes": "Autoplayed: user action: Unspecified; ", "Title": "kept"},
        {"Attributes": "Has branched playback", "Title": "kept"},
        {"Supplemental Video Type": "N/A", "Latest Bookmark": "Not latest view", "Title": "kept"},
    )

    found = read_history(path, TODAY)

    assert [row.title for row in found.rows] == ["kept"] * 4
    assert found.left_out == {
        "trailers, previews and recaps": 5,
        "started by themselves and not touched": 1,
        "hidden by the person": 1,
    }


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (("3/14/26", "3/2/26"), ((2026, 3, 14), (2026, 3, 2))),
        (("14/03/2026", "02/03/2026"), ((2026, 3, 14), (2026, 3, 2))),
        (("14.03.26", "02.03.26"), ((2026, 3, 14), (2026, 3, 2))),
        (("2026-03-14", "2026-03-02"), ((2026, 3, 14), (2026, 3, 2))),
        (("2026/3/14", "2026/3/2"), ((2026, 3, 14), (2026, 3, 2))),
        (("2026. 3. 14.", "2026. 3. 2."), ((2026, 3, 14), (2026, 3, 2))),
        (("26.3.2", "25.12.31"), ((2026, 3, 2), (2025, 12, 31))),
        (("05/04/26", "04/04/26", "03/05/26"), ((2026, 5, 4), (2026, 4, 4), (2026, 3, 5))),  # newest first
        (("05/04/26", "04/05/26", "06/03/26"), None),
        (("11/11/26",), ((2026, 11, 11),)),
        (("11/12/26",), ((2026, 11, 12),)),  # the eleventh of December has not come
    ],
)
def test_days_of_the_simple_form(tmp_path: Path, days: tuple[str, ...], expected) -> None:
    content = "Title,Date\n" + "".join(f'"Night Ferry: Season 1: ""One""","{day}"\n' for day in days)
    if expected is None:
        with pytest.raises(HistoryError, match=r"'05/04/26' may be .* --dates"):
            read(tmp_path, content)
        found = read(tmp_path, content, dates="dmy")
        expected = ((2026, 4, 5), (2026, 5, 4), (2026, 3, 6))
    else:
        found = read(tmp_path, content)

    assert found.form == "Netflix, titles and dates"
    assert [row.at for row in found.rows] == [noon(*day) for day in expected]
    assert {(row.title, row.seconds, row.device) for row in found.rows} == {
        ('Night Ferry: Season 1: "One"', None, "other")
    }


def test_simple_form_in_another_language(tmp_path: Path) -> None:
    found = read(tmp_path, "\ufeffTitel,Datum\r\nNachtfähre,14.03.26\r\n")

    assert found.rows == (HistoryRow(2, "Nachtfähre", noon(2026, 3, 14), None, "other"),)


def test_other_tables(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "title_id;At;minutes;device;Profile\n"
        "t1;2026-03-14T20:15:00+01:00;90;my ipad;Ana\n\n"
        "t2;2026-03-15;;;\n".replace("\n\n", "\n;;;;\n"),
    )

    assert found.form == "table"
    assert found.rows[0].at == datetime.fromisoformat("2026-03-14T20:15:00+01:00")
    assert (found.rows[0].seconds, found.rows[0].device, found.rows[0].profile) == (5400.0, "tablet", "Ana")
    assert found.rows[1] == HistoryRow(4, "t2", noon(2026, 3, 15), None, "other")


def test_json_lists_and_an_export_of_keyart(tmp_path: Path) -> None:
    views = [
        {"title_id": "t1", "at": "2026-03-14T20:15:00+00:00", "seconds": 61.5, "device": "phone"},
        {"title": "Night Ferry", "time": 1773519300, "duration": "00:01:01.5", "device": "phone"},
    ]
    at = datetime(2026, 3, 14, 20, 15, tzinfo=UTC)
    expected = (HistoryRow(1, "t1", at, 61.5, "phone"), HistoryRow(2, "Night Ferry", at, 61.5, "phone"))

    assert read(tmp_path, json.dumps(views)).rows == expected
    assert read(tmp_path, json.dumps({"format": "keyart-export/1", "views": views})).rows == expected


def test_rows_that_cannot_be_read_are_counted_and_the_others_kept(detailed) -> None:
    found = read_history(
        detailed(
            {"Start Time": "yesterday"}, {"Duration": "-1"}, {"Title": " "}, {"Start Time": "2027-01-01 00:00:00"},
            {"Start Time": "1969-12-31 00:00:00"}, {"Duration": "nan"}, {},
        ),
        TODAY,
    )  # fmt: skip

    assert [row.line for row in found.rows] == [8]
    assert [line for line, _ in found.unreadable] == [2, 3, 4, 5, 6, 7]
    assert "'yesterday' is not a time" in found.unreadable[0][1] and "no title" in found.unreadable[2][1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not a viewing history"),
        ("hello\n", "not a viewing history"),
        ("hello, you\nthere, too\n", "line 2: 'too' is not a time"),
        ("Title,Date\n", "holds no view"),
        ("Profile Name,Start Time\nAna,2026-03-14 20:15:00\n", "no columns for title and time"),
        ("a,title,b\n1,2,3\n", "no columns for title and time"),
        ("{", "not JSON"),
        ("{}", "must be a list"),
        ("[]", "holds no view"),
        ("[3]", "line 1: no title"),
        ('[{"title": "\\ud800", "at": 1}]', "line 1: no title"),
        ('[{"title": "x", "at": true}]', "True is not a time"),
        ('[{"title": ["x"], "at": 1}]', "no title"),
        ('[{"title": "x", "at": 1e300}]', "is not a time"),
        ("[" * 100_000, "not JSON"),
        ('a,"b\n' + "x" * 200_000 + '"\n', "line 1"),
        pytest.param(os.urandom(3000), "not a text file", id="random"),  # of one name, whichever worker asks
    ],
)
def test_no_history_is_a_mistake(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(HistoryError, match=says):
        read(tmp_path, content)


def test_one_person_is_chosen(detailed) -> None:
    several = read_history(detailed({}, {"Profile Name": "Ben"}, {}), TODAY)

    assert len(several.of_profile("ana")) == 2
    for name, says in ((None, r"views of 2 persons: 'Ana' \(2\), 'Ben' \(1\)"), ("Eva", "has no person 'Eva'")):
        with pytest.raises(HistoryError, match=says):
            several.of_profile(name)
    assert len(read_history(detailed({}), TODAY).of_profile(None)) == 1
    with pytest.raises(HistoryError, match="names no persons"):
        read_history(detailed({"Profile Name": ""}), TODAY).of_profile("Ana")
