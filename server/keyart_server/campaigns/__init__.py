"""Campaigns: what the fleet is asked for."""

from __future__ import annotations

from keyart_federated.campaigns.campaign import KINDS, Action, Campaign, Kind, Standing

__all__ = ["KINDS", "Action", "Campaign", "Kind", "Standing"]
