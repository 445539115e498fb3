"""Requests of the live displays: a campaign until it ends, and an overview of the fleet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from keyart.errors import ServerUnreachable

from .api_client import ApiClient, Document
from .campaign_progress import CampaignProgress
from .fleet_overview import Overview

MAX_SILENT_POLLS: Final = 30  # each has been repeated by the client
MAX_SHOWN: Final = 50  # campaigns in a state, and releases: no terminal has more lines
CURRENT_STATES: Final = ("running", "paused", "draft")


@dataclass(frozen=True, slots=True)
class Observation:
    """A campaign at a moment, as the server told it.

    Attributes:
        newest: its newest round; None before the first.
        silence: why the server does not answer now; the rest is then what it said last. "" if it does.
    """

    campaign: Document
    newest: Document | None
    silence: str = ""

    @property
    def progress(self) -> CampaignProgress:
        """Return the progress that it shows."""
        return CampaignProgress.read(self.campaign, self.newest)

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        silence = {"unreachable": self.silence} if self.silence else {}
        return {"campaign": self.campaign, "round": self.newest, **silence}


def observe(api: ApiClient, campaign_id: str, pause: Callable[[], None]) -> Iterator[Observation]:
    """Yield an observation whenever something has changed, until the campaign has ended; `pause` waits between polls.

    A server that restarts in between is waited for.

    Raises:
        ApiError: if the server refuses the request, or does not answer from the beginning or for too long.
    """
    last = _read(api, campaign_id)
    yield last
    silent_polls = 0
    while not last.progress.has_ended:
        pause()
        try:
            found, silent_polls = _read(api, campaign_id), 0
        except ServerUnreachable as error:
            silent_polls += 1
            if silent_polls == MAX_SILENT_POLLS:
                raise
            found = Observation(last.campaign, last.newest, str(error))
        if found != last:
            last = found
            yield found


def read_overview(api: ApiClient, at: datetime) -> Overview:
    """Return the overview of the fleet at this time. Raises ApiError."""
    campaigns = [item for state in CURRENT_STATES for item in api.items("campaigns", MAX_SHOWN, state=state)]
    newest = {
        item["id"]: next(api.items(f"campaigns/{item['id']}/rounds", 1), None)
        for item in campaigns
        if item["state"] != "draft"
    }
    return Overview(
        api.login.server.url,
        at,
        campaigns,
        {campaign_id: round_ for campaign_id, round_ in newest.items() if round_ is not None},
        list(api.items("releases", MAX_SHOWN)),
        api.get("fleet"),
        api.get("budget"),
    )


def _read(api: ApiClient, campaign_id: str) -> Observation:
    campaign = api.get(f"campaigns/{campaign_id}")
    return Observation(campaign, next(api.items(f"campaigns/{campaign_id}/rounds", 1), None))
