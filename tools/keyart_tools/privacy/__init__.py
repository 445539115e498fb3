"""Planning of private campaigns: what a budget buys at a fleet's size, before the first round is paid for."""

from __future__ import annotations

from .measured import Run, read
from .plan import Plan, Row, plan, predict

__all__ = ["Plan", "Row", "Run", "plan", "predict", "read"]
