"""Evaluation: what a bundle would be worth, from the decisions of held-out devices before anybody gets it.

Each round is told by itself. One is enough, and has all of the campaign's ε: ask for `rounds` of 1.
"""

from __future__ import annotations

from datetime import datetime

from keyart.campaigns.kinds.evaluation import EvaluationLayout
from keyart.errors import FederatedError
from keyart_federated.campaigns.evaluation_estimate import read

from .bundle_model import payload_of
from .campaign import Campaign
from .noise import Part, split
from .private_sum import Sum
from .protocol import Asked, Base, Finished, Read, Wait
from .round_offer import HOUR, asked, early, unread
from .settings import EvaluationSettings, settings_of
from .state_codec import pack, unpack


class Evaluation:
    """See `Work`."""

    def ask(
        self, campaign: Campaign, memory: bytes | None, number: int, failed: int, base: Base, at: datetime
    ) -> Asked | Wait | Finished:
        settings = settings_of(campaign, EvaluationSettings)
        known, _ = unpack(memory)
        if known.get("done", 0) + failed >= campaign.rounds:
            return Finished({"version": settings.version, "rounds": known.get("done", 0)})
        bundle = base.bundle if settings.version == base.version else base.others.get(settings.version)
        if bundle is None:
            return Wait(f"There is no version {settings.version} here. Publish it, or stop the campaign.")
        waits = early(known, settings, at)
        if waits is not None:
            return waits
        (event,) = split(campaign, Part(1.0, campaign.rounds, EvaluationLayout().size))
        return asked(
            campaign,
            settings,
            base,
            at,
            event,
            kind="evaluation",
            number=number,
            planned=campaign.rounds,
            wanted=settings.wanted,
            since=max(0, int(at.timestamp() - settings.window * HOUR)),
            most_decisions=settings.most_decisions,
            payload=payload_of(bundle, base.catalog),
        )

    def read(self, campaign: Campaign, memory: bytes | None, summed: Sum, base: Base) -> Read:
        settings = settings_of(campaign, EvaluationSettings)
        offer, known = summed.offer, summed.counted(unpack(memory)[0])
        try:
            summed.check(EvaluationLayout())
            found = read(summed.total, offer.units, summed.survivors, summed.variance)
        except FederatedError as error:
            return unread(known, b"", error)
        low, high = found.interval()
        told = {
            "used": True,
            "version": settings.version,
            "installed": offer.model_version,
            "rate": found.value,
            "low": low,
            "high": high,
            "logged": found.logged_value,
            "effective": found.effective,
            "devices": found.devices,
        }
        return Read(pack(known), told)
