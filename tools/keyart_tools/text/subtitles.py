"""Subtitles in SubRip format (.srt). `pysubs2` parses them; this file decides what is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from keyart.errors import InputError

from .text_files import read_text

_TIME = r"\d{1,2}:\d{1,2}:\d{1,2}[.,]\d{1,3}"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?!\d)")
_BEFORE_THE_START = re.compile(rf"(?<![\d:])-{_TIME}")


@dataclass(frozen=True, slots=True)
class SubtitleLine:
    """A subtitle: start and end in seconds, and its text without formatting, on one line."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Subtitles:
    """Subtitles ordered by start; they may overlap."""

    lines: tuple[SubtitleLine, ...]

    @classmethod
    def read(cls, path: Path) -> Subtitles:
        """Read an .srt file.

        Line numbers may be missing, negative times become 0, a line that ends before it starts has no length, and
        lines without words are skipped.

        Raises:
            InputError: the file cannot be read, or a time is invalid; the message names the line.
        """
        import pysubs2

        text = _BEFORE_THE_START.sub("00:00:00,000", read_text(path, "subtitle file"))
        for number, row in enumerate(text.split("\n"), 1):
            if "-->" in row and not _TIMES.match(row):
                raise InputError(
                    f"{path}, line {number}: {row.strip()[:60]!r} must be two times such as "
                    "'00:01:02,500 --> 00:01:04,000'; correct it, or remove the subtitle."
                )
        subtitles = pysubs2.SSAFile.from_string(text, format_="srt")
        lines = [
            SubtitleLine(event.start / 1000, max(event.start, event.end) / 1000, " ".join(event.plaintext.split()))
            for event in subtitles
        ]
        lines = sorted((line for line in lines if line.text), key=lambda line: (line.start, line.end))
        if not lines:
            raise InputError(
                f"{path} holds no subtitle; an .srt file has times such as '00:01:02,500 --> 00:01:04,000'."
            )
        return cls(tuple(lines))
