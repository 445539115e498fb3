"""Evaluation: what a bundle would be worth, from the decisions of held-out devices before anybody gets it.

Each round is estimated by itself, from the median of several sub-cohorts that are asked one after the other
(`sub_cohorts`). One round is enough, and has all of the campaign's ε: ask for `rounds` of 1. The unit is
a device: decisions on one device depend on each other, devices do not. Without noise the same comes out of the logs
themselves (`keyart_federated.evaluation.by_device`). Device side: `keyart.campaigns.kinds.evaluation`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

import numpy as np
from pydantic import Field

from keyart.campaigns import EVALUATION_PART_MAXIMA, EVALUATION_PART_NORM, EvaluationLayout
from keyart.errors import FederatedError, NoOverlap
from keyart_federated.evaluation.device_estimate import MIN_MEAN_WEIGHT, hardly_shown
from keyart_federated.rounding import sum_variance

from ..types import Integers
from . import honest_vectors
from .bundle_model import payload_of
from .campaign import Campaign
from .noise import Part, PlannedRounds, planned, total_rounds
from .private_estimate import MIN_DEVIATIONS, normal_interval, require_sum
from .private_sum import PrivateSum
from .protocol import DeployedModel, Finished, RoundRequest, RoundResult, Wait
from .round_offer import HOUR, early, request_round, require_own, require_usable, unread
from .settings import HELD_OUT, Cohort, Draw, Hours, Line, settings_of
from .state_codec import load, pack
from .sub_cohorts import CohortTurn, level_of_each, median_interval

PURPOSE: Final = "evaluation"
LEVEL: Final = 0.95  # confidence of the interval
MAX_DOUBT: Final = 0.25  # deviation of the noise in the variance, as a share of it


class EvaluationSettings(Cohort):
    """Settings of an evaluation."""

    purpose: Line = Field("Find out whether a newer model would choose better pictures.")
    version: int = Field(ge=0, le=2**53 - 1, description="Version of the model that is evaluated.")
    high: Draw = Field(HELD_OUT, description="Held-out devices judge: no model has learned from them.")
    window: Hours = Field(336.0, description="Hours before the round whose decisions count.")
    most_decisions: int = Field(400, ge=1, le=100_000, description="Latest decisions of a device that count.")


@dataclass(frozen=True, slots=True)
class EvaluationEstimate:
    """The estimate of a candidate.

    Attributes:
        value: Reward a decision under the candidate.
        standard_error: Its standard error, noise included.
        logged_value: Reward a decision of what was shown, by models with latents and with a head that had seen more.
            To compare like with like, evaluate the installed model as a candidate, too.
        effective: Number of devices of equal weight that the estimate counts as.
        devices: Estimated number of devices that had decisions.
    """

    value: float
    standard_error: float
    logged_value: float
    effective: float
    devices: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of the value. Raises SettingError."""
        return normal_interval(self.value, self.standard_error, level)


def plan(campaign: Campaign, base: DeployedModel) -> dict[str, PlannedRounds]:
    """See `CampaignKind.plan`. Every round costs the same."""
    cohorts = settings_of(campaign, EvaluationSettings).sub_cohorts
    return planned(campaign, {PURPOSE: Part(1.0, campaign.rounds, EvaluationLayout().size, cohorts)})


def ask(
    campaign: Campaign, state: bytes | None, number: int, failed: int, base: DeployedModel, at: datetime
) -> RoundRequest | Wait | Finished:
    """See `CampaignKind.ask`. The offer's payload is the model that is judged."""
    settings = settings_of(campaign, EvaluationSettings)
    known, _ = load(state, campaign)
    done = known.get("done", 0)
    turn = CohortTurn.after(done + failed, settings.sub_cohorts)
    if turn.round_ >= campaign.rounds:
        return Finished({"version": settings.version, "rounds": done // settings.sub_cohorts})
    bundle = base.bundle if settings.version == base.version else base.others.get(settings.version)
    if bundle is None:
        return Wait(f"There is no version {settings.version} here. Publish it, or stop the campaign.")
    waits = early(known, settings, at) if turn.opens else None
    if waits is not None:
        return waits
    costs = plan(campaign, base)
    return request_round(
        campaign,
        settings,
        base,
        at,
        costs[PURPOSE].event,
        kind="evaluation",
        number=number,
        planned=total_rounds(costs),
        **(turn.request(settings, known, at) if settings.sub_cohorts > 1 else {"wanted": settings.wanted}),
        since=max(0, int(at.timestamp() - settings.window * HOUR)),
        most_decisions=settings.most_decisions,
        payload=payload_of(bundle, base.catalog),
    )


def read(campaign: Campaign, state: bytes | None, summed: PrivateSum, base: DeployedModel) -> RoundResult:
    """See `CampaignKind.read`."""
    settings = settings_of(campaign, EvaluationSettings)
    known, _ = load(state, campaign)
    require_own(campaign, summed, ("evaluation", ""))
    known, offer = summed.counted(known), summed.offer
    try:
        require_usable(summed, base, EvaluationLayout(), by_title=False, by_spec=False)
        summed.check(honest_vectors.evaluation(EvaluationLayout()))
        found = estimate(summed.total, offer.units, summed.survivors, summed.variance)
    except FederatedError as error:
        return unread(known, b"", error)
    cohorts = settings.sub_cohorts
    result: dict[str, Any] = {"used": True, "version": settings.version, "installed": offer.model_version}
    collected = [list(astuple(found))]
    if cohorts > 1:
        collected = [*(known["collected"] if known.get("collecting") == known["turn"] else []), *collected]
        known |= {"collecting": known["turn"], "collected": collected}
        result["cohorts"] = len(collected)
    if len(collected) > cohorts // 2:
        result |= combined_result([EvaluationEstimate(*values) for values in collected], cohorts)
    return RoundResult(pack(known), result)


def combined_result(found: Sequence[EvaluationEstimate], cohorts: int) -> dict[str, float]:
    """Return the medians over sub-cohorts. What one that has not answered would have said is anything."""
    missing = [(-math.inf, math.inf)] * (cohorts - len(found))
    intervals = [one.interval(level_of_each(LEVEL, cohorts)) for one in found]
    low, high = median_interval([*intervals, *missing])
    return {
        "rate": median(one.value for one in found),
        "low": low,
        "high": high,
        "logged": median(one.logged_value for one in found),
        "effective": sum(one.effective for one in found),
        "devices": sum(one.devices for one in found),
    }


def estimate(total: Integers, units: int, devices: int, variance: float) -> EvaluationEstimate:
    """Return the estimate from a noised sum.

    The estimate is v = Σ b / Σ a, with a device's mean weight a and mean weighted reward b (Swaminathan and Joachims
    2015, eq. 7, by device). Its variance is Σ (b − v a)² / (Σ a)² by the delta method (Owen 2013, "Monte Carlo
    theory, methods and examples", chapter 9), and (1 + v²) τ² / (Σ a)² more for the noise in both sums, whose
    variance τ² is known.

    Args:
        total: Noised sum of integer vectors, [7].
        units: Integers to the norm of 1.
        devices: Number of devices in the sum.
        variance: Variance of the noise in each entry, that of all devices together.

    Raises:
        RoundFailed: The sum has another shape.
        FederatedError: No interval would hold: the noise is too loud for so few devices, or the devices' logs show
            too little of what the candidate would.
    """
    layout = EvaluationLayout()
    require_sum(total, layout.size, units, devices, variance)
    steps = {name: most / (units * EVALUATION_PART_NORM) for name, most in EVALUATION_PART_MAXIMA.items()}
    told = {name: float(part[0]) * steps[name] for name, part in layout.parts(total.astype(np.float64)).items()}
    noise = {name: math.sqrt(sum_variance(variance, devices)) * step for name, step in steps.items()}
    for name in ("devices", "weight"):
        if told[name] < MIN_DEVIATIONS * noise[name] or told[name] <= 0:
            raise FederatedError(
                f"The noise drowns the sum of {name!r}; ask more devices, or about a nearer candidate."
            )
    weight, rewarded = told["weight"], told["rewarded"]
    if weight < MIN_MEAN_WEIGHT * told["devices"]:
        raise NoOverlap(hardly_shown(weight / told["devices"]))
    value = rewarded / weight
    scatter = told["rewarded_rewarded"] - 2 * value * told["weight_rewarded"] + value**2 * told["weight_weight"]
    doubt = noise["weight_weight"] * math.sqrt(1 + 4 * value**2 + value**4)
    spread = max(scatter, 0.0) + noise["weight"] ** 2 * (1 + value**2)
    if doubt > MAX_DOUBT * spread:
        raise FederatedError(
            f"The noise hides how far {told['devices']:.0f} devices differ: no interval would hold; ask more devices."
        )
    least = weight**2 / told["devices"]  # what Σ a² is where all have the same weight; noise may have left less
    return EvaluationEstimate(
        value=value,
        standard_error=math.sqrt(spread) / weight,
        logged_value=told["logged"] / told["devices"],
        effective=weight**2 / max(told["weight_weight"], least),
        devices=told["devices"],
    )
