"""Experiments: arms against each other, one interim analysis (look) a round (`keyart_federated.experiments`).

A device hands in once: each look asks a range of sampling buckets of its own, so that a person's ε is that of one
look. Device side: `keyart.campaigns.kinds.experiment`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from keyart.campaigns import DAY_SECONDS, Offer
from keyart.errors import FederatedError, SettingError
from keyart_federated.accounting import Skellam
from keyart_federated.experiments import (
    ASSUMED,
    ArmComparison,
    Baseline,
    Experiment,
    InterimSum,
    Results,
    analyse,
    next_thetas,
    verdicts,
)

from . import honest_vectors
from .campaign import Campaign
from .noise import DELTA, EPSILON, PlannedRounds
from .private_sum import PrivateSum
from .protocol import DeployedModel, Finished, RoundRequest, RoundResult, Wait
from .round_offer import request_round, require_own, require_usable, unread, until
from .settings import CampaignSettings, Devices, Line, settings_of
from .state_codec import load, pack

PURPOSE: Final = "look"


class KnownMetric(BaseModel):
    """The baseline of a metric: see `keyart_federated.experiments.Baseline`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    mean: float
    deviation: float
    correlation: float = 0.0
    days: float = 14.0


class ExperimentSettings(CampaignSettings):
    """Settings of an experiment."""

    purpose: Line = Field("Compare ways to show pictures.")
    name: Line = Field(description="Name by which the app draws the arm of a device.")
    arms: tuple[Line, ...] = Field(
        ("control", "treatment"), description="Names with commas between them; the first is the control."
    )
    start: int | None = Field(None, ge=0, le=2**53 - 1, description="Unix seconds; by default the time of creation.")
    days: int = Field(21, ge=1, le=365, description="Days from the start to the last interim analysis.")
    first_day: int = Field(7, ge=1, le=365, description="Day of the first interim analysis.")
    looks: int = Field(8, ge=1, le=100, description="Interim analyses; each asks other devices.")
    devices: Devices = Field(10_000, description="Devices that will answer, over all arms and analyses.")
    metrics: tuple[str, ...] | dict[str, KnownMetric] = Field(
        ("quality_plays", "abandonment"), description="Names with commas between them; the first one decides."
    )
    margin: float = Field(0.02, description="Smallest relevant effect, as a share of the first metric.")
    tolerance: float = Field(0.02, description="Share by which a guardrail metric may get worse.")
    group: str = Field("", description="Kind of groups that are compared, such as device class.")
    groups: tuple[str, ...] = Field((), description="Groups, with commas between them.")
    most_decisions: int = Field(400, ge=1, le=100_000, description="Latest decisions of a device that count.")

    def experiment_of(self, campaign: Campaign) -> Experiment:
        """Return the experiment that a campaign with these settings runs. Raises SettingError."""
        return self.experiment(campaign.epsilon or EPSILON, campaign.delta or DELTA)

    def check(self, epsilon: float, delta: float) -> None:
        """Raise a `SettingError` if the campaign cannot be run with this budget."""
        experiment = self.experiment(epsilon, delta)
        fewest = experiment.survivors(self.looks - 1)
        if fewest < self.minimum_devices:
            raise SettingError(
                f"A look's noise would count on {fewest} devices, and minimum_devices is {self.minimum_devices}. Ask "
                "more devices, or look less often."
            )

    def experiment(self, epsilon: float, delta: float) -> Experiment:
        """Return the experiment that these settings describe. Raises SettingError."""
        known = self.metrics
        if not isinstance(known, dict):
            unknown = set(known) - set(ASSUMED)
            if unknown:
                raise SettingError(f"The setting 'metrics': {', '.join(sorted(unknown))}; take {', '.join(ASSUMED)}.")
            metrics = {name: ASSUMED[name] for name in known}
        else:
            metrics = {name: Baseline(**one.model_dump()) for name, one in known.items()}
        return Experiment(
            self.name,
            self.devices,
            metrics,
            self.arms,
            days=self.days,
            first_day=self.first_day,
            looks=self.looks,
            margin=self.margin,
            tolerance=self.tolerance,
            epsilon=epsilon,
            delta=delta,
            group=self.group,
            groups=self.groups,
            most_decisions=self.most_decisions,
            threshold=self.threshold_permille / 1000,
            honest_fraction=self.honest_fraction,
        )


def plan(campaign: Campaign, base: DeployedModel) -> dict[str, PlannedRounds]:
    """See `CampaignKind.plan`. Every device takes part in one look."""
    experiment = settings_of(campaign, ExperimentSettings).experiment_of(campaign)
    offer = experiment.offer(
        0,
        None,
        campaign=campaign.name,
        purpose="-",
        model_version=base.version,
        feature_spec=base.spec.sha256,
        since=0,
        not_after=0,
    )
    return {PURPOSE: PlannedRounds(experiment.looks, _event(offer), per_device=1)}


def ask(
    campaign: Campaign, state: bytes | None, number: int, failed: int, base: DeployedModel, at: datetime
) -> RoundRequest | Wait | Finished:
    """See `CampaignKind.ask`. The next look begins on its day after the start."""
    settings = settings_of(campaign, ExperimentSettings)
    known, _ = load(state, campaign)
    experiment = settings.experiment_of(campaign)
    results = _results(known, experiment)
    look = known.get("done", 0) + failed
    analysis = _analysis(results)
    if look >= experiment.looks or analysis.get("decided"):
        return Finished(analysis)
    start = int(campaign.created.timestamp()) if settings.start is None else settings.start
    waits = until(start + experiment.look_days[look] * DAY_SECONDS, at, f"Look {look + 1}")
    if waits is not None:
        return waits
    thetas = next_thetas(experiment, results.looks)
    offer = experiment.offer(
        look,
        thetas,
        campaign=campaign.name,
        purpose=settings.purpose,
        model_version=base.version,
        feature_spec=base.spec.sha256,
        since=start,
        not_after=0,
    )
    width = (settings.high - settings.low) / experiment.looks
    return request_round(
        campaign,
        settings,
        base,
        at,
        _event(offer),
        kind=offer.kind,
        topic=offer.topic,
        number=number,
        planned=experiment.looks,
        wanted=experiment.devices_of(look),
        low=settings.low + look * width,
        high=settings.low + (look + 1) * width,
        minimum_devices=offer.minimum_devices,
        most_decisions=offer.most_decisions,
        arms=offer.arms,
        since=start,
        payload=offer.payload,
        pending={
            "day": max(experiment.look_days[look], round((at.timestamp() - start) / DAY_SECONDS, 2)),
            "thetas": thetas,
        },
    )


def read(campaign: Campaign, state: bytes | None, summed: PrivateSum, base: DeployedModel) -> RoundResult:
    """See `CampaignKind.read`. The result is the analysis of all looks so far."""
    experiment = settings_of(campaign, ExperimentSettings).experiment_of(campaign)
    known, _ = load(state, campaign)
    question = experiment.question()
    require_own(campaign, summed, ("experiment", question.topic))
    known, look = summed.counted(known), summed.about
    try:
        require_usable(summed, base, question.layout, by_title=False, by_spec=False)
        summed.check(honest_vectors.experiment(question))
        sums = tuple(summed.total.tolist())
        told = InterimSum(look["day"], tuple(look["thetas"]), summed.survivors, summed.variance, sums)
        results = _results(known, experiment).with_look(told)
        analysis = _analysis(results)
    except FederatedError as error:
        return unread(known, b"", error)
    result = {"used": True, "devices": summed.survivors, **analysis}
    return RoundResult(pack(known | {"results": results.to_dict()}), result)


def _event(offer: Offer) -> Skellam:
    return Skellam(offer.noise_multiplier, offer.l2, offer.size)


def _results(known: dict[str, Any], experiment: Experiment) -> Results:
    return Results.from_dict(known["results"]) if "results" in known else Results(experiment)


def _analysis(results: Results) -> dict[str, Any]:
    """Return the analysis so far. "decided" says whether there is a verdict for every arm."""
    if not results.told:
        return {}
    experiment = results.experiment
    analysis = analyse(experiment, results.looks)
    found = verdicts(experiment, analysis)
    return {
        "looks": len(results.told),
        "day": results.told[-1].day,
        "arms": dict(zip(experiment.arms, map(float, analysis.devices), strict=True)),
        "mismatches": {
            one.arm: {"difference": float(one.difference[-1]), "bound": float(one.bound[-1]), "found": one.found}
            for one in analysis.mismatches
        },
        "verdicts": {one.arm: {"word": one.word, "text": one.text, "forecast": one.forecast} for one in found},
        "decided": all(one.word != "not yet" for one in found),
        "metrics": {name: _by_arm(courses) for name, courses in analysis.courses.items()},
        "groups": {name: _by_arm(courses) for name, courses in analysis.groups.items()},
    }


def _by_arm(courses: Sequence[ArmComparison]) -> dict[str, Any]:
    """Return each arm's difference from the first, in the metric's unit."""
    return {one.arm: _course(one) for one in courses}


def _course(course: ArmComparison) -> dict[str, Any]:
    difference, low, high = course.now
    told: dict[str, Any] = {
        "difference": difference,
        "low": low,
        "high": high,
        "control": float(course.control[-1]),
        "excludes_zero": course.excludes_zero,
        "devices": float(course.devices[-1]),
    }
    if all(map(math.isfinite, course.relative)):
        told["relative"] = dict(zip(("difference", "low", "high"), course.relative, strict=True))
    return told
