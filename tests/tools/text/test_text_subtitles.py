"""Subtitle files as they are found: well made, oddly made, and none at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keyart.errors import InputError
from keyart_tools.text import SubtitleLine, Subtitles

TWO = "1\n00:00:01,000 --> 00:00:02,500\nGood evening.\n\n2\n00:01:00,000 --> 00:01:02,000\nIs it?\nIt is.\n"
READ = (SubtitleLine(1.0, 2.5, "Good evening."), SubtitleLine(60.0, 62.0, "Is it? It is."))


def read(folder: Path, content: bytes | str) -> tuple[SubtitleLine, ...]:
    path = folder / "film.srt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Subtitles.read(path).lines


@pytest.mark.parametrize(
    "content",
    {
        "as it should be": TWO,
        "byte order mark": "\ufeff" + TWO,
        "UTF-16": TWO.encode("utf-16"),
        "CRLF": TWO.replace("\n", "\r\n"),
        "old Mac": TWO.replace("\n", "\r"),
        "no numbers": TWO.replace("1\n00:00", "00:00", 1).replace("\n2\n", "\n"),
        "points for commas": TWO.replace(",", "."),
        "no empty lines": TWO.replace("\n\n", "\n"),
        "no last line end": TWO.rstrip("\n"),
        "formatting": TWO.replace("Good evening.", "{\\an8}<i>Good</i> <font color='#fff'>evening.</font>"),
        "positions": TWO.replace("00:00:02,500", "00:00:02,500  X1:40 X2:600 Y1:20 Y2:50"),
        "the wrong order": "\n\n".join(reversed(TWO.rstrip("\n").split("\n\n"))) + "\n",
        "an empty subtitle": TWO + "\n3\n00:02:00,000 --> 00:02:01,000\n\n",
    }.values(),
)  # fmt: skip
def test_reads_what_people_have(tmp_path: Path, content: bytes | str) -> None:
    assert read(tmp_path, content) == READ


def test_reads_old_code_pages(tmp_path: Path) -> None:
    lines = read(tmp_path, TWO.replace("Good evening.", "Où est l’été ?").encode("cp1252"))

    assert lines[0].text == "Où est l’été ?"


def test_odd_times_are_mended(tmp_path: Path) -> None:
    lines = read(
        tmp_path,
        "1\n-00:00:02,000 --> 00:00:00,500\nEarly\n\n2\n00:00:09,000 --> 00:00:08,000\nBackwards\n\n"
        "3\n00:00:08,500 --> 00:00:20,000\nOver it\n",
    )

    assert lines == (
        SubtitleLine(0.0, 0.5, "Early"),
        SubtitleLine(8.5, 20.0, "Over it"),
        SubtitleLine(9.0, 9.0, "Backwards"),
    )


@pytest.mark.parametrize("times", ["00:01 --> 00:02", "00:00:01,000 --> ", "aa:00:01,000 --> 00:00:02,000"])
def test_a_time_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, times: str) -> None:
    with pytest.raises(InputError, match=r"film\.srt, line 6: .*two times"):
        read(tmp_path, TWO.replace("00:01:00,000 --> 00:01:02,000", times).replace("\n", "\r\n"))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"just a text\n", b"1\n00:00:01,000 --> 00:00:02,000\n\n"])
def test_no_subtitle_is_a_mistake(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="holds no subtitle"):
        read(tmp_path, content)


def test_other_files_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a text file"):
        read(tmp_path, os.urandom(5000))
    with pytest.raises(InputError, match="No subtitle file at"):
        Subtitles.read(tmp_path / "nowhere.srt")
    with pytest.raises(InputError, match=r"Cannot read .* directory"):
        Subtitles.read(tmp_path)
