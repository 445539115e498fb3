"""Cells of CSV files that people open in a spreadsheet. Pure."""

from __future__ import annotations

from typing import Final

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def plain_cell(text: str) -> str:
    """Return a text of which no spreadsheet makes a formula (CWE-1236)."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
