"""Checks of values that come from outside, and how an error message quotes them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from ..errors import CatalogError

MAX_QUOTED_CHARACTERS = 60  # characters of a value that an error repeats
MAX_EMBEDDING_SIZE = 4096
MAX_FINITE_NUMBER = 1e6  # from outside; beyond, float32 has no room for sums


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


def checked_embedding(vector: Sequence[float] | None, owner: str) -> Sequence[float] | None:
    """Return an embedding as an array of float32, a tenth of what a tuple takes, or None for None.

    Args:
        vector: The numbers: a list, a tuple or a numpy array.
        owner: Title or artwork, for the error message.

    Raises:
        CatalogError: It is something else.
    """
    if vector is None:
        return None
    try:
        numbers = [float(x) for x in vector]
    except (TypeError, ValueError, OverflowError):
        raise CatalogError(f"{owner}: its embedding must be a sequence of numbers.") from None
    if not 1 <= len(numbers) <= MAX_EMBEDDING_SIZE:
        raise CatalogError(f"{owner}: its embedding has {len(numbers):,} numbers; give 1 to {MAX_EMBEDDING_SIZE:,}.")
    if not all(abs(number) <= MAX_FINITE_NUMBER for number in numbers):
        raise CatalogError(
            f"{owner}: its embedding holds a NaN, an infinity or a number beyond {MAX_FINITE_NUMBER:.0e}."
        )
    return array("f", numbers)
