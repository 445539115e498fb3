"""Campaigns: their rows in the database and their API.

The logic of each kind is in `keyart_federated.campaigns`; the engine runs the rounds.
"""

from __future__ import annotations

from keyart_federated.campaigns.campaign import KINDS, Action, Campaign, Kind, Standing

__all__ = ["KINDS", "Action", "Campaign", "Kind", "Standing"]
