"""Checks of values that come from outside, and how an error message quotes them."""

from __future__ import annotations

from ..errors import CatalogError

MAX_QUOTED_CHARACTERS = 60  # characters of a value that an error repeats


def quoted(value: object) -> str:
    """Return a value as an error message quotes it: short, even if it is a text of megabytes or cannot be shown."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists in lists
        text = f"a very large {type(value).__name__}"
    return text if len(text) <= MAX_QUOTED_CHARACTERS else f"{text[:MAX_QUOTED_CHARACTERS]}…"


def is_text(value: object) -> bool:
    """Return True for a text that is not empty and can be stored. JSON may hold half of a surrogate pair."""
    try:
        return isinstance(value, str) and bool(value.encode())
    except UnicodeEncodeError:
        return False


def check_id(value: object, what: str) -> None:
    """Raise a `CatalogError` unless the value is an id of what is named."""
    if not is_text(value):
        raise CatalogError(f"{what} needs an id: a text that is not empty, got {quoted(value)}.")
