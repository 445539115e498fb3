"""The response of a simulated viewer to an artwork: a funnel of two logistic stages, shared by all worlds.

    P(play | artwork, viewer, context) = σ(play logit)
    P(quality play | play)             = σ(keep logit)
    expected reward                    = σ(play logit) · σ(keep logit)

Each logit is a sum of table entries (`Logits`), so that a world answers in microseconds. Three uniform numbers of
the impression decide what happens. All its artworks share them: an artwork with a higher chance never turns a play
into a skip (common random numbers), and an answer does not depend on what was asked before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import keyart

from ..types import Bools, Doubles, Floats, Integers

Places = int | Integers

OPENED_PER_PLAY = 0.2  # how often a title page is opened without a play, relative to plays
FULL_WATCH_SHARE = 0.5  # share of quality plays that run to the end
_SKIPPED = keyart.Outcome.skipped()
_OPENED = keyart.Outcome.opened()
_REWARD = keyart.Reward()


@dataclass(frozen=True, slots=True)
class TimeEffects:
    """The effects of time on the play logit of impression k, in logits.

    Attributes:
        common: Effects for every viewer, [impressions, artworks].
        drift: How far each viewer's taste has moved by the last impression, in a straight line, [viewers,
            artworks]. None if it stays.
    """

    common: Floats
    drift: Floats | None = None

    def adds(self, i: Places, k: Places, artworks: Places | slice) -> Doubles:
        """Return the effect for viewer i at impression k, [artworks]; or for n of each, [n]."""
        added = np.asarray(self.common[k, artworks], dtype=np.float64)
        if self.drift is None:
            return added
        return np.asarray(added + k / max(len(self.common) - 1, 1) * self.drift[i, artworks])


@dataclass(frozen=True, slots=True)
class Logits:
    """The two logits as sums of tables. An artwork's column is its place in catalogue order.

    A viewer is a person, and a device may have several.

    Attributes:
        viewer: Play: taste for the artwork and the title, base appeal, intercept, [viewers, artworks].
        situation: Play: effects of device and daypart, [situations, artworks].
        slot: Play: effect of the place on the page, by slot.
        keep_viewer: Completion: how well the title suits the viewer, intercept, [viewers, titles].
        keep_artwork: Completion: below 0 for an artwork that promises what the title does not hold, [artworks].
        course: Play: effects of time. None without any.
    """

    viewer: Floats
    situation: Floats
    slot: Sequence[float]
    keep_viewer: Floats
    keep_artwork: Floats
    course: TimeEffects | None = None

    def play(self, i: int, k: int, situation: int, slot: int, artwork: int) -> float:
        """Return the logit of a play, if viewer i sees this artwork as impression k, in this situation and slot."""
        logit = self.viewer.item(i, artwork) + self.situation.item(situation, artwork) + self.slot[slot]
        return logit if self.course is None else logit + float(self.course.adds(i, k, artwork))

    def keep(self, i: int, title: int, artwork: int) -> float:
        """Return the logit of a quality play, given that this artwork led viewer i to play the title."""
        return self.keep_viewer.item(i, title) + self.keep_artwork.item(artwork)

    def of_artworks(
        self, who: Integers, k: int, title: Integers, situation: Integers, slot: Integers, artworks: Integers
    ) -> tuple[Doubles, Doubles]:
        """Return `play` and `keep` of many viewers at impression k; the arguments broadcast."""
        play = self.viewer[who, artworks].astype(np.float64) + self.situation[situation, artworks]
        play += np.asarray(self.slot)[slot]
        if self.course is not None:
            play += self.course.adds(who, k, artworks)
        return play, self.keep_viewer[who, title].astype(np.float64) + self.keep_artwork[artworks]

    def expected(self, i: int, k: int, title: int, situation: int, slot: int, artworks: slice) -> Doubles:
        """Return the probability of a quality play for each artwork of the title, at impression k."""
        play = self.viewer[i, artworks].astype(np.float64)
        play += self.situation[situation, artworks]
        play += self.slot[slot]
        if self.course is not None:
            play += self.course.adds(i, k, artworks)
        keep = self.keep_artwork[artworks] + self.keep_viewer.item(i, title)
        # σ(p)σ(k) = 1 / ((1 + e^−p)(1 + e^−k)): four array operations fewer than two sigmoids.
        np.negative(play, out=play)
        np.exp(play, out=play)
        play += 1.0
        play *= 1.0 + np.exp(-keep)
        return np.reciprocal(play, out=play)


def chance(logit: float) -> float:
    """Return σ(logit), for logits within ±700."""
    return 1.0 / (1.0 + math.exp(-logit))


def quality_threshold(duration: float) -> float:
    """Return the seconds from which a play counts, for a title of `duration` seconds (0: unknown)."""
    if duration <= 0:
        return _REWARD.quality_seconds
    return min(_REWARD.quality_seconds, _REWARD.quality_share * duration)


def draw(
    play: float, keep: float, uniforms: tuple[float, float, float], threshold: float, duration: float
) -> keyart.Outcome:
    """Return the outcome for two logits.

    A quality play lasts `threshold` seconds or more, half of them to the end; an abandoned one stays below it.

    Args:
        play: Logit of a play.
        keep: Logit of a quality play.
        uniforms: Three uniform numbers in [0, 1): for play, completion and seconds.
        threshold: Seconds from which a play counts.
        duration: Length of the title in seconds.
    """
    u_play, u_keep, u_seconds = uniforms
    p = chance(play)
    if u_play >= p:
        return _OPENED if u_play < p + OPENED_PER_PLAY * p * (1.0 - p) else _SKIPPED
    if u_keep < chance(keep):
        # Without a known length: up to three times the threshold.
        end = duration if duration > 0 else 3.0 * threshold
        share = min(1.0, u_seconds / (1.0 - FULL_WATCH_SHARE))
        return keyart.Outcome("played", max(threshold, threshold + (end - threshold) * share))
    return keyart.Outcome("played", threshold * (0.02 + 0.96 * u_seconds))


def draw_batch(
    play: Doubles, keep: Doubles, uniforms: Floats, threshold: Doubles, duration: Doubles
) -> tuple[Bools, Doubles]:
    """Return whether there was a play, and its seconds, for many outcomes: those of `draw`, all arguments by row."""
    u_play, u_keep, u_seconds = uniforms.astype(np.float64).T
    played, whole = u_play < sigmoid(play), u_keep < sigmoid(keep)
    end = np.where(duration > 0, duration, 3.0 * threshold)
    share = np.minimum(1.0, u_seconds / (1.0 - FULL_WATCH_SHARE))
    long = np.maximum(threshold, threshold + (end - threshold) * share)
    seconds = np.where(whole, long, threshold * (0.02 + 0.96 * u_seconds))
    return played, np.where(played, seconds, 0.0)


def sigmoid(logits: Doubles) -> Doubles:
    """Return `chance` of each logit."""
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))


def intercept_for(logits: Doubles, rate: float, weights: Doubles | None = None) -> float:
    """Return the number that, added to all `logits`, makes the (weighted) mean of σ(logits) equal `rate`."""
    low, high = -30.0, 30.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        if np.average(1.0 / (1.0 + np.exp(-(logits + middle))), weights=weights) < rate:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
