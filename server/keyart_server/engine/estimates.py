"""Estimates by segment as a round keeps them: JSON, where what the noise drowns has no numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from keyart_federated.campaigns.segments import SegmentEstimate

SEGMENTS = "segments"


def to_told(found: Mapping[str, SegmentEstimate]) -> dict[str, Any]:
    """For `records.finish`."""
    return {
        SEGMENTS: {
            name: [_finite(one.mean), _finite(one.standard_error), _finite(one.devices)]
            for name, one in found.items()
        }
    }


def from_told(told: Mapping[str, Any]) -> dict[str, SegmentEstimate]:
    """Inverse of `to_told`; empty where a round told nothing."""
    return {
        name: SegmentEstimate(
            math.nan if mean is None else mean,
            math.inf if error is None else error,
            0.0 if devices is None else devices,
        )
        for name, (mean, error, devices) in told.get(SEGMENTS, {}).items()
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
