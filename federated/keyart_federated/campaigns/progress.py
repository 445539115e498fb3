"""The progress of a campaign: how many of its planned rounds are done, from the sums that were read. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from . import trending
from .campaign import Campaign
from .comparison import cohorts_of
from .training import PURPOSE as TRAINING


def finished_rounds(campaign: Campaign, sums: Mapping[str, int]) -> int:
    """Return how many of `campaign.rounds` are done. Raises SettingError.

    Rounds that a training campaign needs besides (who there is, which titles are watched together) do not count, and
    where sub-cohorts are asked one after the other, the sums of all of them make one round.

    Args:
        campaign: The campaign.
        sums: Number of sums that were read, by topic; those that evaluate a release left out.
    """
    if not sums:  # a draft may lack settings still
        return 0
    if campaign.kind == "training":
        return sums.get(TRAINING, 0)
    in_turn = campaign.kind == "evaluation" or trending.TOPIC in sums
    return sum(sums.values()) // (cohorts_of(campaign) if in_turn else 1)
