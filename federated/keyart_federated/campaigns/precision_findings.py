"""Findings about the precision of a campaign's results, in words. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .campaign import Campaign
from .findings import CampaignFinding, KnownFleet
from .noise import EPSILON
from .precision import ExpectedError, devices_needed, epsilon_needed, expected_errors, for_fleet
from .protocol import DeployedModel
from .registry import SETTINGS
from .settings import settings_of


def precision_findings(campaign: Campaign, base: DeployedModel, fleet: KnownFleet) -> Iterator[CampaignFinding]:
    """Yield a finding about the error of each result, with what it takes where noise drowns the result."""
    for error in expected_errors(campaign, base, fleet.devices, fleet.answer_share):
        numbers = {
            "half_width": error.half_width if math.isfinite(error.half_width) else None,
            "useful": error.useful,
            "typical": error.typical,
        }
        if not error.drowned:
            yield CampaignFinding("precision", "fine", _error_sentence(error), "", numbers)
            continue
        devices = devices_needed(campaign, base, error, fleet.answer_share)
        epsilon = epsilon_needed(campaign, base, error, fleet.devices, fleet.answer_share)
        yield CampaignFinding(
            "precision",
            "warning",
            _error_sentence(error),
            _precision_advice(campaign, base, error, devices, epsilon, fleet),
            {**numbers, "devices_needed": devices, "epsilon_needed": epsilon},
        )


def _error_sentence(error: ExpectedError) -> str:
    name = f"{error.result[0].upper()}{error.result[1:]}"
    return f"{name}: {_size(error)}{': drowned by noise' if error.drowned else ''}."


def _size(error: ExpectedError) -> str:
    if error.unit == "ratio":
        if error.drowned:
            return f"the noise is {short(error.half_width)} times as large as the largest possible signal"
        return f"the largest possible signal is {short(1 / max(error.half_width, 1e-9))} times as large as the noise"
    if math.isinf(error.half_width):
        return "the noise leaves no interval"
    if error.unit == "relative":
        return (
            f"changes of {share_text(error.half_width)} or more are found; the margin is {share_text(error.useful)}"
        )
    width, useful = f"±{short(error.half_width)}", short(error.useful)
    if error.unit == "difference":
        return f"{width} reward per decision, with a margin of {useful}"
    return f"{width} on a rate of {short(error.typical)}" if error.typical else f"{width}, and ±{useful} is useful"


def _precision_advice(
    campaign: Campaign, base: DeployedModel, error: ExpectedError, devices: int | None, epsilon: float | None,
    fleet: KnownFleet,
) -> str:  # fmt: skip
    means = []
    if devices is not None and devices <= fleet.devices:
        planned = for_fleet(campaign, base, error.purpose, fleet.devices, fleet.answer_share)
        settings = settings_of(planned, SETTINGS[campaign.kind])
        means.append(f"a minimum cohort of {settings.minimum_devices:,} in this fleet (less noise per device)")
    elif devices is not None:
        means.append(f"{devices:,} devices (with cohorts that grow with the fleet)")
    if epsilon is not None and epsilon > (campaign.epsilon or EPSILON):
        means.append(f"ε {epsilon:g}")
    consequence = "The gate stays unclear. " if error.unit == "difference" else ""
    if not means:
        return f"{consequence}Neither more devices nor a larger ε is enough; plan fewer rounds."
    return f"{consequence}It takes {' or '.join(means)}."


def short(value: float) -> str:
    """Format a number with two digits, without the zero before the point."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}".replace("0.", ".", 1) if value < 1 else f"{value:.2g}"


def share_text(value: float) -> str:
    """Format a share as a percentage with two digits."""
    return f"{100 * value:,.0f} %" if value >= 1 else f"{100 * value:.2g} %"
