"""Viewing exports in the layouts that Netflix documents, written here with invented titles and people."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

COLUMNS = (
    "Profile Name", "Start Time", "Duration", "Attributes", "Title", "Supplemental Video Type", "Device Type",
    "Bookmark", "Latest Bookmark", "Country",
)  # fmt: skip


@pytest.fixture
def detailed(tmp_path: Path) -> Callable[..., Path]:
    """Writes a ViewingActivity.csv; each row is a dict of some of its columns."""

    def write(*rows: dict[str, str], columns: Sequence[str] = COLUMNS) -> Path:
        usual = {
            "Profile Name": "Ana",
            "Start Time": "2026-03-14 20:15:00",
            "Duration": "01:30:00",
            "Title": "Night Ferry",
            "Device Type": "Samsung CE 2020 UHD TV Smart TV",
            "Bookmark": "01:30:00",
            "Latest Bookmark": "01:30:00",
            "Country": "NL (Netherlands)",
        }
        path = tmp_path / "ViewingActivity.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows({**usual, **row} for row in rows)
        return path

    return write
