"""The privacy budget of the fleet: its limit, the charges against it, and a forecast.

The package uses `state` and `audit_log`, and the accountant of `keyart_federated.accounting`.
"""

from __future__ import annotations

from .charges import (
    Budget,
    Charge,
    charge,
    configure,
    epsilon_by_campaign,
    event_counts,
    event_counts_by_campaign,
    fleet_budget,
    give_back,
    list_charges,
    projected_epsilon,
    spent_after,
)

__all__ = [
    "Budget",
    "Charge",
    "charge",
    "configure",
    "epsilon_by_campaign",
    "event_counts",
    "event_counts_by_campaign",
    "fleet_budget",
    "give_back",
    "list_charges",
    "projected_epsilon",
    "spent_after",
]
