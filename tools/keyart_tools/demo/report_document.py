"""`report.json`: the demo's metrics as plain values.

The top level, like the page, reports the last quarter of the impressions, after learning. `whole_run` counts from the
first impression of an untrained model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from keyart_federated.metrics import MetricEstimate

from .arms import ARMS, BEST_FIXED, CENTRAL, FEDERATED, FEDERATED_HEAD, ORDER, ArmResults, DemoPlan, PolicyFigures
from .demo_bundle import InstalledBundle


def report_document(
    plan: DemoPlan,
    arms: ArmResults,
    installed: InstalledBundle,
    bundle: str,
    fallback: str | None,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Return the content of report.json.

    Args:
        plan: settings of the demo.
        arms: results of the arms.
        installed: the installed bundle.
        bundle: path of the bundle, relative to the report.
        fallback: why another world was used than the one asked for; None if it was not.
        seconds: durations, by stage.
    """
    main = arms.reports[FEDERATED_HEAD]
    return {
        "world": plan.name,
        "fallback": fallback,
        "devices": main.devices,
        "rounds": plan.rounds,
        "steps_per_round": plan.steps,
        "seed": plan.seed,
        "measured_over": "the last quarter of the impressions, after learning",
        **_captures(arms.last_quarter),
        "whole_run": _captures(arms.whole),
        "policies": {
            name: {**_figures(arms.last_quarter[name]), "whole_run": _figures(arms.whole[name])} for name in ORDER
        },
        "arms": {
            name: {
                **ARMS[name],
                "capture_by_round": list(report.capture_by_round),
                "propensities_ok": report.propensities_ok,
                "propensities_p": report.propensities_p,
                "seconds": round(report.seconds, 2),
            }
            for name, report in arms.reports.items()
        },
        "propensities_ok": all(report.propensities_ok for report in arms.reports.values()),
        "client_updates": main.client_updates,
        "client_updates_per_second": main.client_updates_per_second,
        "bytes_up": main.bytes_up,
        "bytes_down": main.bytes_down,
        "model_version": installed.manifest.model_version,
        "bundle_digest": installed.manifest.digest,
        "bundle": bundle,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
    }


def _captures(figures: Mapping[str, PolicyFigures]) -> dict[str, Any]:
    return {
        "capture": figures[FEDERATED_HEAD].capture.value,
        "interval": _ends(figures[FEDERATED_HEAD].capture),
        "capture_federated_only": figures[FEDERATED].capture.value,
        "interval_federated_only": _ends(figures[FEDERATED].capture),
        "capture_central": figures[CENTRAL].capture.value,
        "interval_central": _ends(figures[CENTRAL].capture),
        "best_fixed_capture": figures[BEST_FIXED].capture.value,
        "interval_best_fixed": _ends(figures[BEST_FIXED].capture),
        "federated_minus_central": figures[FEDERATED].capture.value - figures[CENTRAL].capture.value,
    }


def _figures(figures: PolicyFigures) -> dict[str, Any]:
    return {
        "value": figures.value.value,
        "value_interval": _ends(figures.value),
        "capture": figures.capture.value,
        "capture_interval": _ends(figures.capture),
    }


def _ends(estimate: MetricEstimate) -> list[float | None]:
    """Return the ends of an interval; JSON has no infinity, so those of a single device become null."""
    return [x if math.isfinite(x) else None for x in (estimate.low, estimate.high)]
