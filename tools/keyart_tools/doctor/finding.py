"""What a check says: how it is, what was seen, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """name: what was looked at. seen: what is there. remedy: what to do, and empty where nothing is to be done.

    A warning is a trap that does not stop keyart today; a problem does, or breaks a promise.
    """

    name: str
    state: State
    seen: str
    remedy: str = ""


def ok(name: str, seen: str) -> Finding:
    return Finding(name, "ok", seen)


def warning(name: str, seen: str, remedy: str) -> Finding:
    return Finding(name, "warning", seen, remedy)


def problem(name: str, seen: str, remedy: str) -> Finding:
    return Finding(name, "problem", seen, remedy)
