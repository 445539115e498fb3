"""A world kept in arrays: what all worlds of this package share once their people and artworks are made."""

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

from ..types import Bools, Doubles, Floats, Integers, Ints
from ..world import BatchedImpressions
from .response import Logits, draw, draw_batch, intercept_for, quality_threshold, sigmoid

DEVICES = ("tv", "phone", "tablet")
SLOTS = 11  # places on the page, 0–10
SITUATIONS = len(DEVICES) * len(DAYPARTS)
DAYPART_OF_HOUR = np.array([DAYPARTS.index(daypart_of(datetime(2000, 1, 1, hour, tzinfo=UTC))) for hour in range(24)])
_CALIBRATION_DEVICES, _CALIBRATION_IMPRESSIONS = 1000, 40


def situation_of(device: npt.NDArray[Any], hour: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
    """Return the row of `Logits.situation`: 4 × the device's index + the daypart's, of hours of the day 0–23."""
    return np.asarray(device * len(DAYPARTS) + DAYPART_OF_HOUR[hour], dtype=np.int8)


def uniforms(seed: int, stream: int, viewers: int, impressions: int, columns: int) -> Floats:
    """Return uniform numbers in [0, 1) by (seed, stream, viewer, impression), [viewers, impressions, columns].

    They are counter-based (Philox, one counter range a viewer): the numbers of an impression stay the same however
    many viewers and impressions a world has.
    """
    block = np.empty((viewers, impressions, columns), dtype=np.float32)
    for i in range(viewers):
        bits = np.random.Philox(key=np.array([seed, stream], dtype=np.uint64), counter=[0, 0, 0, i])
        np.random.Generator(bits).random(out=block[i], dtype=np.float32)
    return block


def draw_rows(probabilities: Doubles, u: npt.NDArray[Any]) -> Integers:
    """Draw columns of `probabilities` [rows, columns] by inverse transform from float32 `u` [rows, n] in [0, 1)."""
    cumulative = np.cumsum(probabilities, axis=1)
    cumulative /= cumulative[:, -1:]
    rows = np.arange(len(cumulative))[:, None]
    # Row r's steps lie in (r, r + 1], so that one search serves all rows.
    found = np.searchsorted((cumulative + rows).ravel(), (u.astype(np.float64) + rows).ravel(), side="right")
    column = found.reshape(u.shape) - rows * cumulative.shape[1]
    return np.asarray(np.clip(column, 0, cumulative.shape[1] - 1), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Impressions:
    """Impressions of a world, [devices, impressions] each.

    Attributes:
        title: Index of the title in the catalogue.
        device: Index in DEVICES.
        hour: Whole hours since `start`, on the viewer's own clock.
        slot: Slot on the page, 0–10.
        draws: Uniform numbers behind each outcome, [devices, impressions, 3].
        person: Row of the viewer in `Logits`. None if device i belongs to viewer i alone.
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

    Attributes:
        title: Indices of the titles in the catalogue.
        at: Seconds since `start`, on the viewer's own clock.
        seconds: Seconds that each was watched.
        device: Indices in DEVICES.
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
    """Return `logits` with intercepts for the base rates of a random artwork.

    Rates are measured over the first impressions on the first devices, or, where time changes something, over
    impressions spread evenly.

    Args:
        logits: The logits.
        impressions: Impressions of the world.
        bounds: Place of each title's artworks (`artwork_bounds`).
        play_rate: Probability of a play.
        keep_rate: Share of plays that are quality plays.
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
    """A `keyart_federated.World` over arrays: its answers are look-ups. It is safe to read from many threads."""

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
        """Make a world. `start` is a local midnight without its zone, and `zones` holds each device's zone."""
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
        self._first = np.array([*(first for first, _ in self._bounds), self._bounds[-1][1]])
        self._threshold_of, self._duration_of = (
            np.array(self._thresholds),
            np.array(self._durations, dtype=np.float64),
        )
        self._slices = [slice(*bound) for bound in self._bounds]
        self._contexts: dict[tuple[tzinfo, int], keyart.Context] = {}

    def history(self, i: int) -> Sequence[keyart.View]:
        """Return what was watched on device i before the first impression, oldest first."""
        self._require(i, 0)
        watched, zone = self._histories[i], self._zones[i]
        return tuple(
            keyart.View(self._title_ids[title], self._clock(at, zone), seconds, DEVICES[device])
            for title, at, seconds, device in zip(
                watched.title, watched.at, watched.seconds, watched.device, strict=True
            )
        )

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        """Return the title's id and the context of the k-th impression on device i."""
        self._require(i, k)
        key = (self._zones[i], self._moment.item(i, k))
        context = self._contexts.get(key)
        if context is None:
            context = self._contexts[key] = self._context(*key)
        return self._title_ids[self._title.item(i, k)], context

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        """Return what happens if this artwork is shown: the same draw, whatever is asked first."""
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
        """Return the probability of a quality play of each candidate, in catalogue order; for regret only."""
        self._require(i, k)
        title = self._title.item(i, k)
        who = i if self._person is None else self._person.item(i, k)
        return self._logits.expected(
            who, k, title, self._situation.item(i, k), self._moment.item(i, k) % 16, self._slices[title]
        )

    def impression_batch(self, devices: Ints, k: int) -> BatchedImpressions:
        """See `keyart_federated.world.BatchedWorld`. Contexts of one class, daypart and slot are taken as one."""
        self._require(int(devices.max(initial=0)), k)
        moment = self._moment[devices, k]
        situation = self._situation[devices, k] * 16 + moment % 16
        _, first, which = np.unique(situation, return_index=True, return_inverse=True)
        contexts = [self.impression(i, k)[1] for i in devices[first].tolist()]
        return BatchedImpressions(self._title[devices, k].astype(np.intp), contexts, which)

    def outcome_batch(self, devices: Ints, k: int, artworks: Ints) -> tuple[Bools, Doubles]:
        """See `keyart_federated.world.BatchedWorld`. Raises WorldError for an artwork of another title."""
        self._require(int(devices.max(initial=0)), k)
        title, first = self._title[devices, k], self._first
        wrong = np.flatnonzero((artworks < first[title]) | (artworks >= first[title + 1]))
        if len(wrong):
            ids = list(self._artworks)
            self.outcome(int(devices[wrong[0]]), k, ids[int(artworks[wrong[0]])])
        play, keep = self._logits.of_artworks(*self._moments(devices, k), artworks)
        return draw_batch(play, keep, self._draws[devices, k], self._threshold_of[title], self._duration_of[title])

    def expected_reward_batch(self, devices: Ints, k: int) -> Doubles:
        """See `keyart_federated.world.BatchedWorld`."""
        self._require(int(devices.max(initial=0)), k)
        title, first = self._title[devices, k], self._first
        place = first[title][:, None] + np.arange(np.diff(first).max())
        exists = place < first[title + 1][:, None]
        who, _, titles, situation, slot = self._moments(devices, k)
        logits = self._logits.of_artworks(
            who[:, None], k, titles[:, None], situation[:, None], slot[:, None], np.where(exists, place, 0)
        )
        return np.where(exists, sigmoid(logits[0]) * sigmoid(logits[1]), np.nan)

    def _moments(self, devices: Ints, k: int) -> tuple[Integers, int, Integers, Integers, Integers]:
        """Return viewers, k, titles, situations and slots of `Logits.of_artworks`."""
        who = devices if self._person is None else self._person[devices, k]
        return who, k, self._title[devices, k], self._situation[devices, k], self._moment[devices, k] % 16

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
    """Return the first and past-the-last place of each title's artworks in catalogue order."""
    ends = np.cumsum([len(title.artworks) for title in catalog]).tolist()
    return list(zip([0, *ends[:-1]], ends, strict=True))
