"""Planning of private campaigns: what a budget yields at a fleet's size, before the first round is charged."""

from __future__ import annotations

from .campaign_plan import CampaignPlan, PlanRow, plan, predict
from .measured_runs import MeasuredRun, read

__all__ = ["CampaignPlan", "MeasuredRun", "PlanRow", "plan", "predict", "read"]
