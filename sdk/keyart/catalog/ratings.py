"""Age ratings of artworks, and the limits that are held against them."""

from __future__ import annotations

MAX_AGE_DIGITS = 3


def age_of(maturity: str) -> int | None:
    """Return 13 for "13+", 0 for "" and "all", and None for anything else."""
    if maturity in ("", "all"):
        return 0
    digits = maturity.removesuffix("+")
    return int(digits) if len(digits) <= MAX_AGE_DIGITS and digits.isdigit() and digits.isascii() else None
