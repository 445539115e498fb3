"""The summary of an experiment as plain values, for JSON and for the page."""

from __future__ import annotations

import math
from typing import Any

from keyart_federated.experiments import MEASURES, Analysis, ArmComparison, Results, analyse, detectable, verdicts
from keyart_federated.experiments.verdict import harmed


def summary(results: Results) -> dict[str, Any]:
    """Return verdict, metrics, groups and guards of each arm.

    Raises:
        FederatedError: there was no interim analysis yet.
    """
    experiment, looks = results.experiment, results.looks
    analysis = analyse(experiment, looks)
    noise = detectable(experiment).noise_share
    return {
        "name": experiment.name,
        "note": results.note,
        "arms": dict(zip(experiment.arms, (round(n) for n in analysis.devices), strict=True)),
        "day": looks[-1].day,
        "days": experiment.days,
        "looks": len(looks),
        "looks_planned": experiment.looks,
        "epsilon": experiment.epsilon,
        "delta": experiment.delta,
        "level": experiment.level,
        "margin": experiment.margin,
        "tolerance": experiment.tolerance,
        "noise_share": noise,
        "comparisons": [_comparison(results, analysis, a) for a in range(len(experiment.arms) - 1)],
    }


def _comparison(results: Results, analysis: Analysis, a: int) -> dict[str, Any]:
    experiment = results.experiment
    verdict = verdicts(experiment, analysis)[a]
    mismatch = analysis.mismatches[a]
    guards = {
        name: "breached" if harmed(experiment, courses[a]) else "within tolerance or not known to be beyond"
        for name, courses in analysis.courses.items()
        if MEASURES[name].guard and name != experiment.first
    }
    return {
        "arm": verdict.arm,
        "verdict": verdict.word,
        "text": verdict.text,
        "forecast": verdict.forecast,
        "more_days": verdict.more,
        "metrics": {name: course(courses[a]) for name, courses in analysis.courses.items()},
        "groups": {name: course(courses[a]) for name, courses in analysis.groups.items()},
        "guards": guards,
        "mismatch": {
            "found": mismatch.found,
            "difference": float(mismatch.difference[-1]),
            "bound": float(mismatch.bound[-1]),
        },
    }


def course(of: ArmComparison) -> dict[str, Any]:
    """Return a metric at the last interim analysis, and at each of them."""
    effect, low, high = of.now
    return {
        "label": MEASURES[of.metric].label,
        "unit": MEASURES[of.metric].unit,
        "control": float(of.control[-1]),
        "effect": effect,
        "low": low,
        "high": high,
        "relative": [value if math.isfinite(value) else None for value in of.relative],
        "devices": round(float(of.devices[-1])),
        "by_look": [
            {"day": float(day), "effect": float(e), "low": float(lo), "high": float(hi)}
            for day, e, lo, hi in zip(of.days, of.effect, of.low, of.high, strict=True)
        ],
    }
