"""Statistics: how often a picture is right, what is trending, who there is. A question again and again."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final

import numpy as np

from keyart import Catalog
from keyart.campaigns.kinds.segments import SegmentLayout
from keyart.campaigns.kinds.training import NORMS, NoisedPopulation, part_norm
from keyart.campaigns.kinds.trending import BUCKET_SECONDS, BUCKETS, TrendingLayout
from keyart.campaigns.offer import Offer
from keyart.errors import FederatedError, InputError
from keyart.model.features import FeatureSpec
from keyart_federated.campaigns import segment_estimate as segments
from keyart_federated.campaigns.segment_estimate import Estimate
from keyart_federated.experiments import Boundary
from keyart_federated.experiments.trending import Plays

from .bundle_model import names
from .campaign import Campaign
from .noise import Part, split
from .private_sum import Sum
from .protocol import Asked, Base, Finished, Read, Wait
from .round_offer import HOUR, asked, early, fits, unread
from .settings import StatisticsSettings, settings_of
from .state_codec import pack, unpack

LEVEL: Final = 0.05  # chance that a segment's interval is ever wrong
SPREAD: Final = 0.25  # of devices' rates, about: where intervals are to be narrow
Numbers = dict[str, float | None]


class Statistics:
    """See `Work`."""

    def ask(
        self, campaign: Campaign, memory: bytes | None, number: int, failed: int, base: Base, at: datetime
    ) -> Asked | Wait | Finished:
        settings = settings_of(campaign, StatisticsSettings)
        known, _ = unpack(memory)
        if known.get("done", 0) + failed >= campaign.rounds:
            return Finished({"rounds": known.get("done", 0)})
        waits = early(known, settings, at)
        if waits is not None:
            return waits
        topic = settings.topic
        (event,) = split(campaign, Part(1.0, campaign.rounds, _layout(topic, base).size))
        seconds = {"rates": settings.window * HOUR, "trending": BUCKETS * BUCKET_SECONDS}
        since = max(0, int(at.timestamp() - seconds[topic])) if topic in seconds else 0
        return asked(
            campaign,
            settings,
            base,
            at,
            event,
            kind="statistics",
            topic=topic,
            number=number,
            planned=campaign.rounds,
            wanted=settings.wanted,
            since=since,
            most_decisions=settings.most_decisions,
        )

    def read(self, campaign: Campaign, memory: bytes | None, summed: Sum, base: Base) -> Read:
        settings = settings_of(campaign, StatisticsSettings)
        known, data = unpack(memory)
        known, offer = summed.counted(known), summed.offer
        layout = _layout(settings.topic, base)
        try:
            fits(offer, layout.size)
            summed.check(layout)
            if isinstance(layout, TrendingLayout):
                plays = Plays.read(summed.total, layout.titles, offer.units, summed.survivors, summed.variance)
                trend = plays.now()
                known |= {"names": names(base.catalog), "deviation": trend.deviation}
                seen = len(trend.weights([title.id for title in base.catalog]))
                told: dict[str, Any] = {"titles": layout.titles, "above_noise": seen, "deviation": trend.deviation}
                data = trend.counts.astype("<f8").tobytes()
            elif isinstance(layout, NoisedPopulation):
                told = _population(layout, base.spec, summed)
            else:
                found = segments.read(summed.total, layout, offer.units, summed.survivors, summed.variance)
                sums = {name: _added(known.get("sums", {}).get(name), one) for name, one in found.items()}
                known["sums"] = sums
                noise = _noise(layout, offer, settings.wanted)
                told = {
                    "segments": {
                        name: _interval(sums[name], campaign.rounds, settings.wanted, noise[name]) | _last(one)
                        for name, one in found.items()
                    }
                }
        except FederatedError as error:
            return unread(known, data, error)
        return Read(pack(known, data), {"used": True, "devices": summed.survivors, **told})


def trending(memory: bytes | None, catalog: Catalog) -> list[tuple[str, float, float]]:
    """Title's id, plays in the last hours (older ones count less), deviation of the noise; most played first.

    memory: of a campaign about what is trending. Raises InputError where the catalogue has changed since.
    """
    known, data = unpack(memory)
    if "names" not in known:
        return []
    if known["names"] != names(catalog):
        raise InputError("The catalogue has changed since the last round; the next one counts the new titles.")
    counts = np.frombuffer(data, "<f8")
    order = np.argsort(-counts, kind="stable").tolist()
    return [(catalog.titles[t].id, float(counts[t]), known["deviation"]) for t in order]


def _layout(topic: str, base: Base) -> TrendingLayout | NoisedPopulation | SegmentLayout:
    if topic == "trending":
        return TrendingLayout(len(base.catalog))
    if topic == "population":
        return NoisedPopulation(base.spec, len(base.catalog))
    return SegmentLayout.of(topic, base.spec)


def _added(before: list[float] | None, one: Estimate) -> list[float]:
    """Σ n, Σ n m and Σ n² s² over the rounds so far: devices, mean and standard error of each."""
    total = before or [0.0, 0.0, 0.0]
    if not math.isfinite(one.standard_error):
        return total
    n = one.devices
    return [a + b for a, b in zip(total, (n, n * one.mean, (n * one.standard_error) ** 2), strict=True)]


def _noise(layout: SegmentLayout, offer: Offer, wanted: int) -> dict[str, float]:
    """By segment, variance that noise alone gives the sum of values of so many devices."""
    values = layout.parts(layout.weights)["values"]
    return {
        name: offer.variance * wanted * (layout.reach / (offer.units * float(weight))) ** 2
        for name, weight in zip(layout.segments, values, strict=True)
    }


def _interval(sums: list[float], rounds: int, wanted: int, noise: float) -> Numbers:
    """The mean rate of all rounds so far, with a confidence sequence: it holds after each of them at once."""
    n, rewards, variance = sums
    if n <= 0:
        return {"rate": None, "low": None, "high": None}
    planned = rounds * (wanted * SPREAD**2 + noise)
    half = float(Boundary.best_at(planned, LEVEL).reach(variance)) / n
    rate = rewards / n
    return {"rate": rate, "low": max(0.0, rate - half), "high": min(1.0, rate + half)}


def _last(one: Estimate) -> Numbers:
    """Of this round alone."""
    if not math.isfinite(one.standard_error):
        return {"last": None, "error": None, "devices": one.devices}
    return {"last": one.mean, "error": one.standard_error, "devices": one.devices}


def _population(layout: NoisedPopulation, spec: FeatureSpec, summed: Sum) -> dict[str, Any]:
    """Shares of decisions by device class and daypart, and of devices with a history, with the noise in each."""
    parts = layout.parts(summed.total.astype(np.float64))
    unit = summed.offer.units * part_norm() * summed.survivors
    context = parts["contexts"].reshape(-1, len(spec.dayparts)) / unit * NORMS["contexts"]
    whole = max(float(context.sum()), 1e-9)
    deviation = math.sqrt(summed.variance) / unit
    return {
        "history": float(parts["taste"][-1]) / unit * NORMS["taste"],
        "error": deviation * NORMS["taste"],
        "contexts": dict(
            zip(spec.context_names, [*(context.sum(1) / whole), *(context.sum(0) / whole)], strict=True)
        ),
        "contexts_error": deviation * NORMS["contexts"] * math.sqrt(max(context.shape)) / whole,
    }
