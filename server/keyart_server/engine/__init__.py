"""The engine: runs campaigns from round to round, and brings their models to the devices.

campaign_engine       each step: what is due now, according to the database
scheduling            when a round may begin, and what it asks
candidate_evaluation  a candidate's way through the gates
rollout               a release's way from share to share
estimate_codec        estimates in the result of a round that evaluates a release
engine_metrics        durations and failures of steps, and the lease
round_driver          runs rounds on Flower, in threads
lease                 one engine per database

The package uses `campaigns`, `rounds`, `releases`, `budget` and `bundles`; the logic of campaigns is in
`keyart_federated.campaigns`.
"""

from __future__ import annotations

from .campaign_engine import CampaignEngine
from .round_driver import RoundDriver, RoundRunner

__all__ = ["CampaignEngine", "RoundDriver", "RoundRunner"]
