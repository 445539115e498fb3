"""The engine: what drives campaigns, from one round to the next, and their models to the devices.

engine    each step: what is to be done now, in the database's words
asking    begins a round, and what has to be known before
vetting   a candidate's way through the gates
rollout   a release's way from share to share
estimates what a round that judges a release keeps
driver    rounds on Flower, in threads
lease     one engine a database
"""

from __future__ import annotations

from .campaign_engine import CampaignEngine
from .round_driver import RoundDriver, RoundRunner

__all__ = ["CampaignEngine", "RoundDriver", "RoundRunner"]
