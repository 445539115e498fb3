"""What the fleet may lose of its privacy, what of it is spent, and on what."""

from __future__ import annotations

from .charges import Budget, Charge, charge, configure, fleet_budget, list_charges, projected_epsilon

__all__ = ["Budget", "Charge", "charge", "configure", "fleet_budget", "list_charges", "projected_epsilon"]
