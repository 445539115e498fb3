"""Flower apps on a real SuperLink with real SuperNodes on this machine, with TLS and node authentication."""

from __future__ import annotations

from .app import write_app
from .fleet import Fleet, RunResult

__all__ = ["Fleet", "RunResult", "write_app"]
