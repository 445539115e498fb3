"""A decision: which picture was chosen, with what probability, and by which model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """propensity: probability with which this picture was drawn, exact. exploring: another one had more value.

    sticky: the picture of an earlier draw, kept. model_version: of the bundle; 0 without one.
    """

    id: str
    title_id: str
    artwork_id: str
    propensity: float
    exploring: bool
    model_version: int
    sticky: bool = False
