"""Engagement: what was shown on one device with which outcomes, and the metrics that experiments compare.

The event log has the time of each impression, and not of the play: browsing ends at the impression that was played.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ...types import Doubles, Floats

if TYPE_CHECKING:
    from ...catalog import Catalog
    from ...model.features import EncodedCatalog
    from ...profile.event_codec import Entry
    from ...profile.profile import Profile


METRICS: Final = (  # in the order of the codes that an offer names them by
    "quality_plays", "take_rate", "watch_time", "browse_time", "returns", "abandonment", "page_diversity",
)  # fmt: skip
SESSION_SECONDS: Final = 1800.0  # without a picture: another visit begins
MAX_BROWSE_MINUTES: Final = 10.0  # of a visit, and of one without a play
RETURN_SECONDS: Final = (12 * 3600.0, 7 * 86_400.0)  # from the first picture to another visit
DAY_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Engagement:
    """The decisions of a device with their outcomes, [N] each, in the order of time.

    Attributes:
        at: Unix seconds.
        played: 1 or 0.
        quality: 1 or 0.
        seconds: Seconds of play.
        unlike: 1 − cosine of the artwork's tags and those of the previous one; NaN for the first.
        device: Device classes.
        daypart: Dayparts.
        active: Unix seconds of all activity, views without an impression included, [V].
    """

    at: Doubles
    played: Doubles
    quality: Doubles
    seconds: Doubles
    unlike: Doubles
    device: tuple[str, ...]
    daypart: tuple[str, ...]
    active: Doubles

    @classmethod
    def of(cls, profile: Profile, catalog: Catalog, encoded: EncodedCatalog) -> Engagement:
        """Return decisions with an outcome, without an intent, whose artwork is in the catalogue."""
        places = catalog.artwork_places
        entries = [
            entry
            for entry in profile.journal.entries()
            if entry.outcome is not None and not entry.with_intent and entry.artwork_id in places
        ]
        rewards = profile.rewards_since(-math.inf)  # of the same decisions, in the same order
        log = sorted(zip(entries, rewards, strict=True), key=_in_time)
        shown = [entry for entry, _ in log]
        outcomes = [entry.outcome for entry in shown]
        at = np.array([entry.at.timestamp() for entry in shown])
        watched = [view.at.timestamp() for view in profile.journal.views()]
        pictures = np.array([encoded.place[entry.artwork_id] for entry in shown], dtype=np.intp)
        return cls(
            at=at,
            played=np.array([float(o is not None and o.kind == "played") for o in outcomes]),
            quality=np.array([reward for _, reward in log]),
            seconds=np.array([o.seconds if o is not None else 0.0 for o in outcomes]),
            unlike=dissimilarity(encoded.artwork[pictures]),
            device=tuple(entry.device for entry in shown),
            daypart=tuple(entry.daypart for entry in shown),
            active=np.sort(np.concatenate([at, watched])),
        )

    def within(self, first: float, last: float, most: int) -> slice:
        """Return the latest `most` decisions with first ≤ at < last."""
        begin, end = np.searchsorted(self.at, (first, last))
        return slice(max(int(begin), int(end) - most), int(end))

    def measured(self, window: slice) -> Doubles:
        """Return the metrics over these decisions, [METRICS]; NaN for a metric that they do not determine."""
        at, played, quality = self.at[window], self.played[window], self.quality[window]
        if not len(at):
            return np.full(len(METRICS), np.nan)
        after = self.active - at[0]
        days = len(np.unique(at // DAY_SECONDS))
        unlike = self.unlike[window]
        differences = unlike[~np.isnan(unlike)]
        values = {
            "quality_plays": float(quality.mean()),
            "take_rate": float(played.mean()),
            "watch_time": float((self.seconds[window] * played).sum()) / 3600 / days,
            "browse_time": _browsed(at, played),
            "returns": float(((after >= RETURN_SECONDS[0]) & (after <= RETURN_SECONDS[1])).any()),
            "abandonment": float(1 - quality.sum() / played.sum()) if played.any() else math.nan,
            "page_diversity": float(differences.mean()) if len(differences) else math.nan,
        }
        return np.array([values[name] for name in METRICS])

    def group(self, kind: str, window: slice, labels: Mapping[str, str]) -> str:
        """Return the device class or daypart of most of these decisions, or the value that the host gives."""
        names = {"device": self.device, "daypart": self.daypart}.get(kind)
        if names is None:
            return labels.get(kind, "")
        return Counter(names[window]).most_common(1)[0][0] if names[window] else ""


def dissimilarity(tags: Floats) -> Doubles:
    """Return 1 − cosine of each row of tags [N, Z] and the previous one, [N]; NaN for the first."""
    norm = np.maximum(np.sqrt((tags**2).sum(axis=-1, dtype=np.float64)), 1e-12)
    cosine = (tags[1:] * tags[:-1]).sum(axis=-1) / (norm[1:] * norm[:-1])
    return np.concatenate([np.full(min(len(tags), 1), np.nan), 1.0 - cosine])


def _in_time(one: tuple[Entry, float]) -> tuple[float, int]:
    return one[0].at.timestamp(), one[0].slot


def _browsed(at: Doubles, played: Doubles) -> float:
    """Return the mean minutes from the first impression of a visit to the first that was played."""
    visit = np.concatenate([[0], np.cumsum(np.diff(at) > SESSION_SECONDS)])
    minutes = []
    for number in range(visit[-1] + 1):
        of_visit = visit == number
        plays = at[of_visit & (played > 0)]
        taken = (plays[0] - at[of_visit][0]) / 60 if len(plays) else MAX_BROWSE_MINUTES
        minutes.append(min(taken, MAX_BROWSE_MINUTES))
    return float(np.mean(minutes))
