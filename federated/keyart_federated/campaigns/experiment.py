"""Experiments: arms against each other, look by look (`keyart_federated.experiments`).

A device hands in once: each look asks a slice of the draws of its own, so that a person's ε is that of one look.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from keyart.campaigns.kinds.engagement import DAY_SECONDS
from keyart.errors import FederatedError
from keyart_federated.accounting import Skellam
from keyart_federated.experiments import Course, Experiment, Results, Told, analyse, next_thetas, verdicts

from .campaign import Campaign
from .noise import DELTA, EPSILON
from .private_sum import Sum
from .protocol import Asked, Base, Finished, Read, Wait
from .round_offer import asked, unread, until
from .settings import ExperimentSettings, settings_of
from .state_codec import pack, unpack


class Trial:
    """See `Work`."""

    def ask(
        self, campaign: Campaign, memory: bytes | None, number: int, failed: int, base: Base, at: datetime
    ) -> Asked | Wait | Finished:
        settings = settings_of(campaign, ExperimentSettings)
        known, _ = unpack(memory)
        experiment = _experiment(campaign, settings)
        results = _results(known, experiment)
        look = known.get("done", 0) + failed
        told = _told(results)
        if look >= experiment.looks or told.get("decided"):
            return Finished(told)
        start = int(campaign.created.timestamp()) if settings.start is None else settings.start
        waits = until(start + experiment.look_days[look] * DAY_SECONDS, at, f"Look {look + 1}")
        if waits is not None:
            return waits
        offer = experiment.offer(
            look,
            next_thetas(experiment, results.looks),
            campaign=campaign.name,
            purpose=settings.purpose,
            model_version=base.version,
            feature_spec=base.spec.sha256,
            since=start,
            not_after=0,
        )
        width = (settings.high - settings.low) / experiment.looks
        return asked(
            campaign,
            settings,
            base,
            at,
            Skellam(offer.noise_multiplier, offer.l2, offer.size),
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
            waiting={"day": experiment.look_days[look], "thetas": next_thetas(experiment, results.looks)},
        )

    def read(self, campaign: Campaign, memory: bytes | None, summed: Sum, base: Base) -> Read:
        experiment = _experiment(campaign, settings_of(campaign, ExperimentSettings))
        known, look = summed.counted(unpack(memory)[0]), summed.about
        try:
            summed.check(experiment.question().layout)
            sums = tuple(summed.total.tolist())
            told = Told(look["day"], tuple(look["thetas"]), summed.survivors, summed.variance, sums)
            results = _results(known, experiment).with_look(told)
            said = _told(results)
        except FederatedError as error:
            return unread(known, b"", error)
        return Read(pack(known | {"results": results.to_dict()}), {"used": True, "devices": summed.survivors, **said})


def _experiment(campaign: Campaign, settings: ExperimentSettings) -> Experiment:
    return settings.experiment(campaign.epsilon or EPSILON, campaign.delta or DELTA)


def _results(known: dict[str, Any], experiment: Experiment) -> Results:
    return Results.from_dict(known["results"]) if "results" in known else Results(experiment)


def _told(results: Results) -> dict[str, Any]:
    """The analysis so far. decided: there is a verdict for every arm."""
    if not results.told:
        return {}
    experiment = results.experiment
    analysis = analyse(experiment, results.looks)
    found = verdicts(experiment, analysis)
    return {
        "looks": len(results.told),
        "verdicts": {one.arm: {"word": one.word, "text": one.text} for one in found},
        "decided": all(one.word != "not yet" for one in found),
        "metrics": {name: _by_arm(courses) for name, courses in analysis.courses.items()},
        "groups": {name: _by_arm(courses) for name, courses in analysis.groups.items()},
    }


def _by_arm(courses: Sequence[Course]) -> dict[str, Any]:
    """Each arm's difference from the first, in the metric's unit."""
    return {one.arm: _course(one) for one in courses}


def _course(course: Course) -> dict[str, Any]:
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
