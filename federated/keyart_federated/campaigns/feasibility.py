"""Feasibility: whether a campaign can finish on this fleet, and what its results will be worth. Pure.

`assess` compares what the campaign's rounds need (`requirements`), what they cost and how noisy their results are
(`precision`) with the fleet as the server knows it, before any of it costs something.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from keyart.campaigns import COWATCH_TOPIC, Limits
from keyart.errors import SettingError
from keyart_federated.accounting import composed_by_draw

from .campaign import Campaign
from .comparison import rollout_plan_of
from .experiment import PURPOSE as LOOK
from .findings import CampaignFinding, ChargeKey, Feasibility, KnownFleet, Severity
from .noise import EPSILON
from .precision_findings import precision_findings, share_text
from .presets import PRESETS
from .protocol import DeployedModel
from .registry import SETTINGS
from .requirements import COMPARISON, GUARD, Requirement, requirements
from .rollout_plan import MAX_FIRST_SHARE, SURE
from .settings import CampaignSettings, settings_of
from .training import TrainingSettings

SMALLEST_FLEET: Final = KnownFleet(1)  # with the largest first stage; a fleet that nobody has counted may be as small
MIN_CHANCE: Final = 0.05  # a round that reaches its minimum cohort less often counts as impossible
TENS_OF_DEVICES: Final = 100  # a fleet of so many or fewer may want a preset
SEARCH_STEPS: Final = 12  # of the search for an ε that fits the budget

PURPOSES: Final[Mapping[str, str]] = {
    "population": "population round",
    "training": "training round",
    COWATCH_TOPIC: "co-watch round",
    "rates": "round about rates",
    "trending": "round about trends",
    LOOK: "interim analysis",
    "evaluation": "evaluation round",
    COMPARISON: "comparison of a candidate on held-out devices",
    GUARD: "check of a roll-out on devices",
}


_ORDER: Final[Mapping[Severity, int]] = {"blocking": 0, "warning": 1, "fine": 2}


def assess(campaign: Campaign, base: DeployedModel, fleet: KnownFleet, with_precision: bool = True) -> Feasibility:
    """Return the feasibility of a campaign.

    Args:
        campaign: The campaign.
        base: What the fleet runs on.
        fleet: The fleet.
        with_precision: Whether the errors of results are forecast, too, which takes longer.

    Raises:
        SettingError: The settings or ε cannot be kept at all.
    """
    settings, needs = (
        settings_of(campaign, SETTINGS[campaign.kind]),
        requirements(campaign, base, fleet if fleet.known else SMALLEST_FLEET),
    )
    findings = [
        *_cohorts(campaign, settings, needs, fleet),
        *_rollout(campaign, settings, fleet),
        *_budget(campaign, base, needs, fleet),
        *_limits(campaign, needs),
        *_gateways(fleet),
    ]
    if with_precision and fleet.known:
        findings += precision_findings(campaign, base, fleet)
    return Feasibility(fleet.devices, tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity])))


def _cohorts(
    campaign: Campaign, settings: CampaignSettings, needs: Sequence[Requirement], fleet: KnownFleet
) -> Iterator[CampaignFinding]:
    """Compare the devices that answer with the minimum cohort of each purpose; equal answers are given once."""
    if not fleet.known:
        needed = _rounded(max(need.needed(fleet.answer_share) for need in needs))
        yield CampaignFinding(
            "cohort",
            "warning",
            f"No device has registered with this server yet. The campaign needs a fleet of about {needed:,} devices.",
            "Connect the devices first, or state the size of the fleet.",
            {"needed": needed},
        )
        return
    alike: dict[tuple[float, ...], list[Requirement]] = {}
    for need in needs:
        key = need.low, need.high, need.cohorts, need.minimum, need.installed
        alike.setdefault(key, []).append(need)
    for same in alike.values():
        yield _cohort(campaign, settings, same, fleet)


def _cohort(
    campaign: Campaign, settings: CampaignSettings, same: Sequence[Requirement], fleet: KnownFleet
) -> CampaignFinding:
    """Judge rounds that need the same devices."""
    need = same[0]
    chance, expected = (
        need.chance(fleet.devices, fleet.answer_share),
        need.expected(fleet.devices, fleet.answer_share),
    )
    needed = need.needed(fleet.answer_share)
    numbers: dict[str, float | None] = {
        "expected": expected, "minimum": need.minimum, "probability": chance, "needed": needed,
        "devices": fleet.devices, "low": need.low, "high": need.high, "cohorts": need.cohorts,
    }  # fmt: skip
    names = " and ".join(PURPOSES[one.purpose] for one in same)
    sentence = (
        f"{names[0].upper()}{names[1:]}: about {_count(expected)} of {_fleet(fleet)} can answer{_where(need)}, and "
        f"at least {need.minimum:,} must."
    )
    if chance >= SURE:
        return CampaignFinding("cohort", "fine", sentence, "", numbers)
    # What judges a candidate does not stop a campaign that goes on without it.
    stops = need.purpose not in (COMPARISON, GUARD) or (campaign.kind == "training" and not _goes_on(settings))
    severity: Severity = "blocking" if chance < MIN_CHANCE and stops and not fleet.at_least else "warning"
    return CampaignFinding(
        "cohort", severity, sentence, _cohort_advice(need, campaign, settings, needed, fleet), numbers
    )


def _fleet(fleet: KnownFleet) -> str:
    return f"{'more than ' if fleet.at_least else ''}{fleet.devices:,} device{'' if fleet.devices == 1 else 's'}"


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 3 else f"{value:.1f}".removesuffix(".0")


def _where(need: Requirement) -> str:
    """Say why not all devices are asked."""
    parts = []
    if (need.low, need.high) != (0.0, 1.0):
        parts.append(f"sampling buckets {need.low:g} to {need.high:g}")
    if need.cohorts > 1:
        parts.append(f"divided into {need.cohorts} {'analyses' if need.purpose == LOOK else 'sub-cohorts'}")
    if need.installed < 1:
        parts.append(f"{share_text(need.installed)} of the devices run the model in question")
    return f" ({'; '.join(parts)})" if parts else ""


def _cohort_advice(
    need: Requirement, campaign: Campaign, settings: CampaignSettings, needed: int, fleet: KnownFleet
) -> str:
    """Say what follows and what helps, with the preset where the fleet is as small as it is meant for."""
    preset = next((name for name, one in PRESETS.items() if campaign.kind in one.settings), None)
    small = f"; the preset “{preset}” has such settings" if preset and fleet.devices <= TENS_OF_DEVICES else ""
    more = f"It takes {_rounded(needed):,} devices"
    if need.purpose == COMPARISON:
        consequence = (
            "Without the comparison, candidates roll out unjudged."
            if _goes_on(settings)
            else "Without the comparison, every candidate waits for a decision of a person."
        )
        return f"{consequence} {more}, or gates of 0 with stages of 1{small}."
    if need.purpose == GUARD:
        consequence = (
            "Without the check, releases are widened unjudged."
            if _goes_on(settings)
            else "Without the check, every release is held until a person promotes it."
        )
        larger = "larger first stages, or " if need.installed < MAX_FIRST_SHARE else ""
        return f"{consequence} {more}, or {larger}fewer sub-cohorts{small}."
    if need.purpose == LOOK:
        return f"{more}, or fewer interim analyses, or a larger ε."
    wider = ", or a wider sampling bucket range" if need.high - need.low < 1 else ""
    return f"{more}, or a smaller minimum cohort (with more noise){wider}{small}."


def _rounded(value: int) -> int:
    """Round up to two digits."""
    digit = 10 ** max(len(str(value)) - 2, 0)
    return int(math.ceil(value / digit) * digit)


def _goes_on(settings: CampaignSettings) -> bool:
    """Return whether a candidate that could not be judged rolls out all the same."""
    return isinstance(settings, TrainingSettings) and settings.unclear == "go on"


def _rollout(campaign: Campaign, settings: CampaignSettings, fleet: KnownFleet) -> Iterator[CampaignFinding]:
    """Find a roll-out in stages for which no ε is set aside, and say which stages were fitted to the fleet."""
    if not isinstance(settings, TrainingSettings):
        return
    rollout = rollout_plan_of(campaign, fleet)
    first = rollout.stages[0]
    if rollout.reason:
        yield CampaignFinding("roll-out", "fine", rollout.reason, "", {"first": first, "devices": fleet.devices})
    if not settings.gates and first < 1:
        yield CampaignFinding(
            "roll-out",
            "blocking",
            f"No ε is set aside to watch a roll-out (gates is 0), so every release is held at {share_text(first)} of "
            "the devices.",
            "Set stages to 1, or gates to a share of ε.",
        )


def _budget(
    campaign: Campaign, base: DeployedModel, needs: Sequence[Requirement], fleet: KnownFleet
) -> Iterator[CampaignFinding]:
    if math.isinf(fleet.epsilon):
        return
    spent, after = fleet.spent, _after(needs, fleet)
    numbers: dict[str, float | None] = {
        "asked": (campaign.epsilon or EPSILON),
        "spent": spent,
        "budget": fleet.epsilon,
    }
    left = max(fleet.epsilon - spent, 0.0)
    if after <= fleet.epsilon:
        sentence = f"The campaign brings the fleet from ε {spent:.2f} to {after:.2f} of {fleet.epsilon:g}."
        yield CampaignFinding("privacy budget", "fine", sentence, "", {**numbers, "after": after})
        return
    fits = _epsilon_that_fits(campaign, base, fleet)
    yield CampaignFinding(
        "privacy budget",
        "blocking",
        f"The campaign would bring the fleet to ε {after:.2f}; the privacy budget is {fleet.epsilon:g}, and ε "
        f"{left:.2f} of it is left. The server pauses the campaign before the round that exceeds it.",
        f"Give the campaign ε {fits:g} or less, or fewer rounds."
        if fits
        else "Stop other campaigns, or raise the budget, which changes a promise to your users.",
        {**numbers, "after": after, "fits": fits},
    )


def _after(needs: Sequence[Requirement], fleet: KnownFleet) -> float:
    """Return the ε of the fleet after all rounds of the campaign that are not charged yet."""
    own: Counter[tuple[float, float, float]] = Counter()
    for (event, low, high), count in fleet.own:
        own[getattr(event, "noise_multiplier", 0.0), low, high] += count  # a shorter vector has the same noise
    times: Counter[ChargeKey] = Counter(dict(fleet.charged))
    for need in needs:
        for low, high in need.ranges:
            key = need.event.noise_multiplier, low, high
            done = min(own[key], need.planned.per_device)
            own[key] -= done
            times[need.event, low, high] += need.planned.per_device - done
    return composed_by_draw({key: count for key, count in times.items() if count}, fleet.delta)


def _epsilon_that_fits(campaign: Campaign, base: DeployedModel, fleet: KnownFleet) -> float | None:
    """Return about the largest ε of the campaign that the budget allows, to two digits; None if there is none."""
    low, high = 0.0, campaign.epsilon or EPSILON
    for _ in range(SEARCH_STEPS):
        middle = (low + high) / 2
        try:
            enough = _after(requirements(replace(campaign, epsilon=middle), base), fleet) <= fleet.epsilon
        except SettingError:  # no noise keeps so small an ε
            enough = False
        low, high = (middle, high) if enough else (low, middle)
    return math.floor(low * 100) / 100 or None


def _limits(campaign: Campaign, needs: Sequence[Requirement]) -> Iterator[CampaignFinding]:
    """Find what devices with the default limits decline."""
    limits, smallest = Limits(), min(need.minimum for need in needs)
    if smallest < limits.minimum_devices:
        yield CampaignFinding(
            "limits of devices",
            "warning",
            f"Devices with the default limits decline a cohort of {smallest}; they demand {limits.minimum_devices}.",
            f"The app must open profiles with Limits(minimum_devices={smallest}).",
            {"minimum": float(smallest)},
        )
    epsilon = campaign.epsilon or EPSILON
    if epsilon > limits.epsilon:
        yield CampaignFinding(
            "limits of devices",
            "warning",
            f"Devices with the default limits decline a campaign of ε {epsilon:g}; they allow {limits.epsilon:g}.",
            "Ask for a smaller ε, or ship the app with a larger limit.",
            {"epsilon": epsilon},
        )


def _gateways(fleet: KnownFleet) -> Iterator[CampaignFinding]:
    if fleet.gateways == 0:
        yield CampaignFinding(
            "gateways",
            "warning",
            "No gateway has reported in the last 5 minutes, so no device can take part.",
            "Start a gateway; rounds begin when one reports.",
        )
