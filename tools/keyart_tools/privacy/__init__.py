"""Planning of private campaigns: what a budget buys at a fleet's size, before the first round is paid for."""

from __future__ import annotations

from .campaign_plan import Plan, Row, plan, predict
from .measured_runs import Run, read

__all__ = ["Plan", "Row", "Run", "plan", "predict", "read"]
