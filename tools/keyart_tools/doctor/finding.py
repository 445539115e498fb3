"""The result of a check: state, observation and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding; a warning does not stop keyart today, a problem does, or breaks a guarantee.

    Attributes:
        name: what was checked.
        seen: what was observed.
        remedy: what to do; empty if nothing is to be done.
    """

    name: str
    state: State
    seen: str
    remedy: str = ""


def ok(name: str, seen: str) -> Finding:
    """Return a finding without a remedy."""
    return Finding(name, "ok", seen)


def warning(name: str, seen: str, remedy: str) -> Finding:
    """Return a finding that does not stop keyart today."""
    return Finding(name, "warning", seen, remedy)


def problem(name: str, seen: str, remedy: str) -> Finding:
    """Return a finding that stops keyart or breaks a guarantee."""
    return Finding(name, "problem", seen, remedy)
