"""A world kept in arrays: what every world of this room has in common once its people and pictures are
made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
import numpy.typing as npt

import keyart
from keyart.context import DAYPARTS, daypart_of
from keyart.errors import WorldError

from ..types import Doubles, Floats, Integers
from .response import Logits, draw, intercept_for, quality_threshold

DEVICES = ("tv", "phone", "tablet")
SLOTS = 11  # places on the page, 0–10
SITUATIONS = len(DEVICES) * len(DAYPARTS)
DAYPART_OF_HOUR = np.array([DAYPARTS.index(daypart_of(datetime(2000, 1, 1, hour, tzinfo=UTC))) for hour in range(24)])
_CALIBRATION_DEVICES, _CALIBRATION_IMPRESSIONS = 1000, 40


def situation_of(device: npt.NDArray[Any], hour: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
    """Row of `Logits.situation`: index of the device × 4 + index of the daypart, of hours of the day 0–23."""
    return np.asarray(device * len(DAYPARTS) + DAYPART_OF_HOUR[hour], dtype=np.int8)


def uniforms(seed: int, stream: int, viewers: int, impressions: int, columns: int) -> Floats:
    """Uniform numbers in [0, 1) by (seed, stream, viewer, impression), shape [viewers, impressions, columns].

    Counter-based (Philox, one counter range a viewer): the numbers of an impression stay the same however
    many viewers and impressions a world has.
    """
    block = np.empty((viewers, impressions, columns), dtype=np.float32)
    for i in range(viewers):
        bits = np.random.Philox(key=np.array([seed, stream], dtype=np.uint64), counter=[0, 0, 0, i])
        np.random.Generator(bits).random(out=block[i], dtype=np.float32)
    return block


def draw_rows(probabilities: Doubles, u: npt.NDArray[Any]) -> Integers:
    """Inverse transform, a row at a time: float32 `u` [rows, n] in [0, 1) to columns of `probabilities`
    [rows, columns].
    """
    cumulative = np.cumsum(probabilities, axis=1)
    cumulative /= cumulative[:, -1:]
    rows = np.arange(len(cumulative))[:, None]
    # Row r's steps lie in (r, r + 1], so that one search serves all rows.
    found = np.searchsorted((cumulative + rows).ravel(), (u.astype(np.float64) + rows).ravel(), side="right")
    column = found.reshape(u.shape) - rows * cumulative.shape[1]
    return np.asarray(np.clip(column, 0, cumulative.shape[1] - 1), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Impressions:
    """What is shown to whom and when; all arrays [devices, impressions].

    title: index in the catalogue. device: index in DEVICES. hour: whole hours since `start`, on the viewer's
    own clock. slot: 0–10. draws: [devices, impressions, 3] uniforms behind each outcome. person: row of the
    viewer in `Logits`; None: device i belongs to viewer i alone.
    """

    title: Integers
    device: Integers
    hour: Integers
    slot: Integers
    draws: Floats
    person: Integers | None = None


@dataclass(frozen=True, slots=True)
class WatchedTitles:
    """Earlier views on one device, oldest first.

    title: indices in the catalogue. at: seconds since `start`, on the viewer's own clock. seconds: how long
    each was watched. device: indices in DEVICES.
    """

    title: Sequence[int]
    at: Sequence[int]
    seconds: Sequence[float]
    device: Sequence[int]


def calibrated(
    logits: Logits,
    impressions: Impressions,
    bounds: Sequence[tuple[int, int]],
    play_rate: float,
    keep_rate: float,
) -> Logits:
    """`logits` with intercepts such that a random picture is played with probability `play_rate`, and a share
    `keep_rate` of these plays are quality plays: over the first impressions on the first devices, or, where time
    changes something, over impressions spread evenly.
    """
    total = impressions.title.shape[1]
    every = 1 if logits.course is None else max(1, total // _CALIBRATION_IMPRESSIONS)
    corner = np.s_[:_CALIBRATION_DEVICES, : every * _CALIBRATION_IMPRESSIONS : every]
    title = impressions.title[corner]
    device = np.arange(len(title))[:, None]
    who = np.broadcast_to(device if impressions.person is None else impressions.person[corner], title.shape).ravel()
    when = np.broadcast_to(np.arange(total)[corner[1]], title.shape).ravel()
    title = title.ravel()
    situation = situation_of(impressions.device[corner], impressions.hour[corner] % 24).ravel()
    slot = np.asarray(logits.slot)[impressions.slot[corner].ravel()]

    first, last = np.array(bounds).T
    counts = (last - first)[title]
    row = np.repeat(np.arange(len(title)), counts)
    artwork = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts) + first[title][row]
    weight = 1.0 / counts[row]

    play = logits.viewer[who[row], artwork] + logits.situation[situation[row], artwork] + slot[row]
    if logits.course is not None:
        play = play + logits.course.adds(who[row], when[row], artwork)
    play_intercept = intercept_for(play, play_rate, weight)
    plays = weight / (1.0 + np.exp(-(play + play_intercept)))
    keep = logits.keep_viewer[who[row], title[row]].astype(np.float64) + logits.keep_artwork[artwork]
    keep_intercept = intercept_for(keep, keep_rate, plays)
    return replace(
        logits,
        viewer=logits.viewer + np.float32(play_intercept),
        keep_viewer=logits.keep_viewer + np.float32(keep_intercept),
    )


class TabularWorld:
    """A `keyart_federated.World` over arrays; everything it answers is looked up. Safe to read from many
    threads.
    """

    def __init__(
        self,
        *,
        catalog: keyart.Catalog,
        impressions: Impressions,
        histories: Sequence[WatchedTitles],
        logits: Logits,
        start: datetime,
        zones: Sequence[tzinfo],
    ) -> None:
        """start: a local midnight, its zone ignored. zones: the zone of each device."""
        self.catalog = catalog
        self.devices, self.impressions = impressions.title.shape
        self._histories = histories
        self._logits = logits
        self._start = start
        self._zones = zones
        self._title = impressions.title.astype(np.int32)
        self._person = impressions.person
        self._draws = impressions.draws
        self._situation = situation_of(impressions.device, impressions.hour % 24)
        # hour, device and slot in one number: one look-up finds a ready Context.
        self._moment = (impressions.hour * 4 + impressions.device) * 16 + impressions.slot
        self._title_ids = [title.id for title in catalog]
        self._durations = [title.duration for title in catalog]
        self._thresholds = [quality_threshold(title.duration) for title in catalog]
        self._artworks = {artwork.id: n for n, artwork in enumerate(a for t in catalog for a in t.artworks)}
        self._bounds = artwork_bounds(catalog)
        self._slices = [slice(*bound) for bound in self._bounds]
        self._contexts: dict[tuple[tzinfo, int], keyart.Context] = {}

    def history(self, i: int) -> Sequence[keyart.View]:
        """What was watched on device i before the first impression, oldest first."""
        self._require(i, 0)
        watched, zone = self._histories[i], self._zones[i]
        return tuple(
            keyart.View(self._title_ids[title], self._clock(at, zone), seconds, DEVICES[device])
            for title, at, seconds, device in zip(
                watched.title, watched.at, watched.seconds, watched.device, strict=True
            )
        )

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        """k-th impression on device i: the title's id and the context."""
        self._require(i, k)
        key = (self._zones[i], self._moment.item(i, k))
        context = self._contexts.get(key)
        if context is None:
            context = self._contexts[key] = self._context(*key)
        return self._title_ids[self._title.item(i, k)], context

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        """What happens if this picture is shown; the same draw, whatever is asked first."""
        self._require(i, k)
        title = self._title.item(i, k)
        artwork = self._artworks.get(artwork_id, -1)
        first, last = self._bounds[title]
        if not first <= artwork < last:
            raise WorldError(
                f"Impression {k} of device {i} shows title {self._title_ids[title]!r}, which has no artwork "
                f"{artwork_id!r}; ask with an id of that title's artworks."
            )
        who = i if self._person is None else self._person.item(i, k)
        play = self._logits.play(who, k, self._situation.item(i, k), self._moment.item(i, k) % 16, artwork)
        keep = self._logits.keep(who, title, artwork)
        item = self._draws.item
        draws = (item(i, k, 0), item(i, k, 1), item(i, k, 2))
        return draw(play, keep, draws, self._thresholds[title], self._durations[title])

    def expected_reward(self, i: int, k: int) -> Doubles:
        """Probability of a quality play per candidate, in catalogue order; for regret only."""
        self._require(i, k)
        title = self._title.item(i, k)
        who = i if self._person is None else self._person.item(i, k)
        return self._logits.expected(
            who, k, title, self._situation.item(i, k), self._moment.item(i, k) % 16, self._slices[title]
        )

    def _require(self, i: int, k: int) -> None:
        if not (0 <= i < self.devices and 0 <= k < self.impressions):
            raise WorldError(
                f"No impression {k} on device {i}: this world has {self.devices} devices and "
                f"{self.impressions} impressions each. Make it with more, or run fewer rounds or steps."
            )

    def _clock(self, seconds: int, zone: tzinfo) -> datetime:
        return (self._start + timedelta(seconds=seconds)).replace(tzinfo=zone)

    def _context(self, zone: tzinfo, moment: int) -> keyart.Context:
        hour, device, slot = moment // 64, moment // 16 % 4, moment % 16
        return keyart.Context(DEVICES[device], self._clock(3600 * hour, zone), slot)


def artwork_bounds(catalog: keyart.Catalog) -> list[tuple[int, int]]:
    """First and past-the-last place of each title's artworks in catalogue order."""
    ends = np.cumsum([len(title.artworks) for title in catalog]).tolist()
    return list(zip([0, *ends[:-1]], ends, strict=True))
