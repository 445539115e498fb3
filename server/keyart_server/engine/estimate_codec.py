"""Estimates by segment in the JSON result of a round; values that are not finite are stored as null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from keyart_federated.campaigns.segments import Estimate

SEGMENTS = "segments"


def encode_estimates(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """Encode estimates for `round_store.finish`."""
    return {
        SEGMENTS: {
            name: [_finite(estimate.mean), _finite(estimate.standard_error), _finite(estimate.devices)]
            for name, estimate in estimates.items()
        }
    }


def decode_estimates(result: Mapping[str, Any]) -> dict[str, Estimate]:
    """Decode the estimates of a result; empty if it holds none."""
    return {
        name: Estimate(
            math.nan if mean is None else mean,
            math.inf if error is None else error,
            0.0 if devices is None else devices,
        )
        for name, (mean, error, devices) in result.get(SEGMENTS, {}).items()
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
