"""The view of an experiment: plan, forecast, arm sizes and charts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keyart.errors import SettingError
from keyart_federated.campaigns.experiment import ExperimentSettings
from keyart_federated.charts import Chart

from ..campaigns import Campaign
from ..rounds import Round
from ..rounds.round_result import parse_result
from . import experiment_charts
from .experiment_charts import ExperimentPlan


@dataclass(frozen=True, slots=True)
class ExperimentView:
    """An experiment, for display.

    Attributes:
        plan: its plan; None for settings that an older version accepted and this one does not.
        forecast: a sentence about the time that is still needed, or about the end.
        mismatches: by arm, whether its size differs more than chance explains, and a sentence about it.
        charts: its charts.
    """

    plan: ExperimentPlan | None
    forecast: str
    mismatches: tuple[tuple[bool, str], ...]
    charts: tuple[Chart, ...]


def experiment_view(campaign: Campaign, rounds: Sequence[Round]) -> ExperimentView:
    """Return the view of an experiment; `rounds` come oldest first."""
    newest: Mapping[str, Any] = next(
        (round_.result for round_ in reversed(rounds) if round_.result.get("verdicts")), {}
    )
    plan: ExperimentPlan | None = None
    charts: list[Chart] = []
    with suppress(SettingError):
        charts = experiment_charts.experiment_charts(campaign, rounds)
        plan = experiment_charts.plan_of(campaign)
    forecast = experiment_charts.forecast_text(campaign, parse_result(newest).verdicts, plan)
    return ExperimentView(plan, forecast, tuple(experiment_charts.mismatch_texts(newest)), tuple(charts))


def experiment_check(values: Mapping[str, Any], at: datetime) -> ExperimentPlan:
    """Return the plan of an experiment that is not created yet, as if it were created now.

    Args:
        values: values of the form, as for `campaign_store.create`.
        at: current time.

    Raises:
        SettingError: for settings that cannot be run.
    """
    settings = ExperimentSettings.model_validate_json(values["settings"])
    return experiment_charts.experiment_plan(settings, values.get("epsilon"), values.get("delta"), at)
