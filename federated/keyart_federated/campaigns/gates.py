"""Gates: the two questions that judge a candidate. Both are rounds of the campaign that made it, paid for by the
share `gates` of its ε.

Before anybody has it, held-out devices replay their decisions: how much better would it have done? While it is rolled
out, those that have it and those that do not tell what came of their pictures.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from keyart.campaigns.kinds.segments import SegmentLayout
from keyart.errors import SettingError
from keyart_federated.accounting import Skellam
from keyart_federated.campaigns import segment_estimate as segments
from keyart_federated.campaigns.segment_estimate import Estimate

from .bundle_model import payload_of
from .campaign import Campaign
from .costs import costs_of, guards_of
from .noise import Part, split
from .private_sum import Sum
from .protocol import Asked, Base
from .rollout_plan import Plan
from .round_offer import HOUR, asked
from .settings import HELD_OUT, OF_KIND, Cohort, Settings, TrainingSettings, settings_of

COMPARED_HOURS: Final = 336.0  # before the round, whose decisions are replayed
MOST_DECISIONS: Final = 400


def compares(campaign: Campaign) -> bool:
    """Whether its candidates are compared on devices, before and while they roll out. Raises SettingError."""
    return campaign.kind == "training" and settings_of(campaign, TrainingSettings).gates > 0


def plan_of(campaign: Campaign) -> Plan:
    """How its candidates reach the fleet. Raises SettingError."""
    return settings_of(campaign, TrainingSettings).plan


def comparison(candidate: Path, base: Base, campaign: Campaign, number: int, at: datetime) -> Asked:
    """The candidate in this folder against the base, by segment, on held-out devices; once for each candidate.

    number: free in the campaign. Raises SettingError, and a BundleError for a candidate that cannot be read.
    """
    settings = settings_of(campaign, TrainingSettings)
    costs = costs_of(campaign, settings, base)
    return _asked(
        campaign,
        settings,
        base,
        at,
        costs.comparison,
        kind="evaluation",
        topic="compare",
        number=number,
        planned=costs.rounds,
        low=0.0,
        high=HELD_OUT,
        since=max(0, int(at.timestamp() - COMPARED_HOURS * HOUR)),
        payload=payload_of(candidate, base.catalog),
    )


def guard_question(version: int, base: Base, campaign: Campaign, number: int, at: datetime, since: datetime) -> Asked:
    """Mean reward of a decision since then, by segment, on devices that have this version: the candidate's, or the
    base's to compare. `guards_of` its plan for each candidate; more of them cost more than the campaign's ε.

    campaign: that made the candidate; one about statistics, for a bundle that came by hand, spends all of its ε on
    this. Raises SettingError.
    """
    settings = settings_of(campaign, OF_KIND[campaign.kind])
    if isinstance(settings, TrainingSettings):
        costs = costs_of(campaign, settings, base)
        planned, event = costs.rounds, costs.guard
    else:
        planned = guards_of(Plan())
        (event,) = split(campaign, Part(1.0, planned, SegmentLayout.of("rates", base.spec).size))
    return _asked(
        campaign,
        settings,
        replace(base, version=version),
        at,
        event,
        kind="statistics",
        topic="rates",
        number=number,
        planned=planned,
        low=0.0,
        high=1.0,
        since=int(since.timestamp()),
    )


def judged(summed: Sum, base: Base) -> dict[str, Estimate]:
    """By segment, "all" first: of a `comparison`, how much more reward a decision the candidate would have had than
    the base; of a `guard_question`, reward a decision of the version that it asked about.

    Raises RoundFailed for a sum that no honest devices make.
    """
    layout = SegmentLayout.of(summed.offer.topic, base.spec)
    summed.check(layout)
    return segments.read(summed.total, layout, summed.offer.units, summed.survivors, summed.variance)


def _asked(
    campaign: Campaign,
    settings: Settings,
    base: Base,
    at: datetime,
    event: Skellam | None,
    **about: Any,
) -> Asked:
    if event is None or not isinstance(settings, Cohort):
        raise SettingError("The campaign sets no ε aside to judge candidates; give its setting 'gates' a share.")
    return asked(campaign, settings, base, at, event, wanted=settings.wanted, most_decisions=MOST_DECISIONS, **about)
