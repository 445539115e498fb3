"""The scorer: the one module that adds logits.

The logit of a play is a sum of named parts:

    ranker          the model that all devices share
    latents         what people play who watch what this viewer watches (`latents`)
    preferences     what the viewer says that they like (`stated_preferences`)
    head            what this device has learned of tags (`head`)
    artwork_bias    what this device has learned of single artworks (`artwork_bias`)

The ranker adds the logit of completion, the chance that a play is carried on. An artwork's value is σ(play)
σ(completion). Choosing, learning, explaining, evaluation, simulation and benchmarks read all of it here. Everything
broadcasts over leading axes, and the bits of one device are those of the same device in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from ..linalg import row_dots
from ..types import Doubles, Floats, Ints
from .features.rows import FeatureRows
from .features.spec import MATCHES_PER_KIND, FeatureSpec
from .ranker.numpy_engine import Scores, score, sigmoid, value_of
from .ranker.weights import Weights

if TYPE_CHECKING:
    from .head import Head
    from .latents import Latents, TitleExposure

__all__ = [
    "DecisionLog",
    "LogitAdditions",
    "LogitPart",
    "Logits",
    "Scores",
    "learned_play",
    "logit_parts",
    "score",
    "sigmoid",
    "value_of",
]


class Logits(NamedTuple):
    """The parts of the logit of play, and the logit of completion, […, N] each. None is a part that is absent."""

    ranker: Floats
    completion: Floats
    latents: Floats | None = None
    preferences: Floats | None = None
    head: Floats | None = None
    artwork_bias: Floats | None = None

    @property
    def base(self) -> Floats:
        """Return the part that stays as it is while the device learns from an outcome, […, N]."""
        return _sum(self.ranker, self.latents, self.preferences)

    @property
    def play(self) -> Floats:
        """Return the sum of all parts, […, N]."""
        return _sum(self.base, self.head, self.artwork_bias)

    @property
    def offset(self) -> Floats:
        """Return the sum of the parts beside the ranker, which training holds fixed, […, N]."""
        return _sum(np.zeros_like(self.ranker), *self[2:])

    @property
    def value(self) -> Floats:
        """Return σ(play) σ(completion), the probability of a quality play, […, N]."""
        return value_of(self.play, self.completion)

    def at(self, places: slice | Ints) -> Logits:
        """Return the logits of some of the candidates."""
        return Logits(*(None if part is None else part[..., places] for part in self))  # type: ignore[arg-type]


class LogitAdditions(NamedTuple):
    """The terms that a device, or each of a batch […], adds to the ranker's logit of play.

    Attributes:
        latents: Latents of the model; None together with `met`.
        met: Exposure of the viewer to titles.
        preferences: Stated preferences by place among all artworks, [n].
        head: The personal head, mean […, Z + 1].
        artwork_bias: Artwork bias by place among all artworks, […, n].
    """

    latents: Latents | None = None
    met: TitleExposure | None = None
    preferences: Floats | None = None
    head: Head | None = None
    artwork_bias: Floats | None = None

    def logits(self, scores: Scores, artwork: Floats, titles: Ints | int, places: Ints | slice) -> Logits:
        """Return the logits of candidates, or of decisions, as their parts.

        Args:
            scores: the ranker's, […, N].
            artwork: tags of the artworks, […, N, Z].
            titles: of the artworks, […, N] or […, 1]; or one title of one device.
            places: of the artworks among all artworks, […, N], or the slice of one title.
        """
        of_latents = None
        if self.latents is not None and self.met is not None:
            of_latents = self.latents.logits(self.met, titles, places)
        return self.logits_with(of_latents, scores, artwork, places)

    def logits_with(self, of_latents: Floats | None, scores: Scores, artwork: Floats, places: Ints | slice) -> Logits:
        """Return `logits` where what the latents add is known already, […, N]; None if there are none."""
        return Logits(
            scores.play,
            scores.keep,
            of_latents,
            None if self.preferences is None else self.preferences[places],
            None if self.head is None else head_logit(self.head.mean, artwork),
            None if self.artwork_bias is None else _at(self.artwork_bias, places),
        )


NO_ADDITIONS = LogitAdditions()


@dataclass(frozen=True)
class DecisionLog:
    """Decisions and their outcomes: […] devices, N decisions.

    Attributes:
        rows: Features; `rows.context` is […, N, C] and `rows.viewer` […, H].
        offset: What the device adds to the logit of play (`Logits.offset`), […, N].
        played: 0 or 1, […, N].
        quality: 0 or 1, […, N].
        counted: 1, or 0 for padding, […, N].
        latents: The viewer's vector for each decision's title, […, N, F]; None if the model has no latents.
    """

    rows: FeatureRows
    offset: Floats
    played: Floats
    quality: Floats
    counted: Floats
    latents: Floats | None = None

    def logits(self, weights: Weights) -> Scores:
        """Return the logits of play, with all parts, and of completion, […, N] each, for a ranker's weights."""
        scores = score(weights, self.rows)
        return Scores(scores.play + self.offset, scores.keep)


def head_logit(mean: Floats, artwork: Floats) -> Floats:
    """Return [z, 1] · mean, […, N], for a head's mean […, Z + 1] and tags z […, N, Z]."""
    logit: Floats = row_dots(artwork, mean[..., None, :-1]) + mean[..., -1:]
    return logit


def learned_play(base: Floats, artwork: Floats, mean: Floats, artwork_bias: Floats) -> Floats:
    """Return the logits of play of outcomes that are about to be learned from, as `Logits.play` has them.

    Args:
        base: `Logits.base`, […, N].
        artwork: tags, […, N, Z].
        mean: of the head, […, Z + 1].
        artwork_bias: […, N].
    """
    return _sum(base, head_logit(mean, artwork), artwork_bias)


def _sum(first: Floats, *others: Floats | None) -> Floats:
    """Add in the order given: a device and a batch must round alike."""
    for other in others:
        if other is not None:
            first = first + other
    return first


def _at(table: Floats, places: Ints | slice) -> Floats:
    """Return entries of a table [n] or […, n] at places […, N]."""
    if table.ndim == 1 or isinstance(places, slice):
        return table[..., places]
    return np.take_along_axis(table, places, axis=-1)


@dataclass(frozen=True, slots=True)
class LogitPart:
    """The contribution of one reason to the logits of candidates [N] at one stage."""

    name: str
    stage: Literal["play", "keep"]
    logits: Doubles


def logit_parts(
    spec: FeatureSpec, weights: Weights, rows: FeatureRows, nobody: Floats, logits: Logits
) -> list[LogitPart]:
    """Return the finer parts of the logits of candidates, for explanations.

    Between two artworks of a title the parts of a stage differ, in sum, as its logits do; the main effects, which all
    artworks of a title share, are left out.

    Args:
        spec: of the features.
        weights: of the ranker.
        rows: of the candidates [N]; context [C] or [N, C].
        nobody: matches [N, M] of a viewer of whom nothing is known; what goes beyond them is history.
        logits: of the candidates [N].
    """
    z, x, even = (array.astype(np.float64) for array in (rows.artwork, rows.match, nobody))
    w, h = weights.play_artwork.astype(np.float64), rows.viewer.shape[-1]
    m, m_keep = weights.play_match, weights.keep_match
    promise = z @ weights.keep_artwork + rows.appeal[:, 1]
    result = []
    for k, kind in enumerate(spec.match_kinds):
        taste = slice(MATCHES_PER_KIND * k, MATCHES_PER_KIND * k + 2)
        fit = slice(taste.stop, taste.stop + 2)
        beyond = x[:, taste] - even[:, taste]
        result.append(LogitPart(f"history:{kind}", "play", beyond @ m[taste]))
        result.append(LogitPart(f"history:{kind}", "keep", beyond @ m_keep[taste]))
        result.append(LogitPart(f"content:{kind}", "play", even[:, taste] @ m[taste]))
        result.append(LogitPart(f"title:{kind}", "play", x[:, fit] @ m[fit]))
        promise = promise + even[:, taste] @ m_keep[taste] + x[:, fit] @ m_keep[fit]
    result.append(LogitPart("intent", "play", x[:, -1] * m[-1]))
    result.append(LogitPart("intent", "keep", x[:, -1] * m_keep[-1]))
    result.append(LogitPart("taste", "play", z @ (w[:, 1 : 1 + h] @ rows.viewer)))
    result.append(LogitPart("context", "play", ((z @ w[:, 1 + h :]) * rows.context).sum(-1)))
    result.append(LogitPart("everybody", "play", z @ w[:, 0]))
    result.append(LogitPart("appeal", "play", rows.appeal[:, 0].astype(np.float64)))
    result.append(LogitPart("promise", "keep", promise))
    for name, added in (
        ("you", logits.head),
        ("picture", logits.artwork_bias),
        ("preference", logits.preferences),
        ("others", logits.latents),
    ):
        if added is not None:
            result.append(LogitPart(name, "play", added.astype(np.float64)))
    return result
