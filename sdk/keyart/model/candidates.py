"""Candidates: artworks of titles for one viewer and context, with their rows, logits, rules and probabilities."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..catalog import Catalog
from ..context import Context
from ..types import Bools, Doubles, Floats
from .artwork_bias import ArtworkBias
from .eligibility import NO_AGE_LIMIT, AgeLimit, eligible_of_title
from .features import ViewerFeatures
from .features.rows import (
    FeatureRows,
    intent_match,
    interaction_features,
    main_effects,
    slot_and_trending,
    trending_appeal,
)
from .features.viewer import TitleRows
from .head import Head
from .loaded_model import LoadedModel
from .policy import Policy, distribution_of_set, draw_candidate
from .scorer import LogitAdditions, Logits, value_of
from .stated_preferences import StatedPreferences

MAX_KEPT_TITLES = 512  # 1 MB where each has 20 artworks


@dataclass(frozen=True)
class CandidateChances:
    """Values and probabilities of candidates.

    Attributes:
        value: σ(play) σ(completion), [A].
        probability: Probability that each is drawn, [A].
    """

    value: Floats
    probability: Doubles


class DrawnCandidate(NamedTuple):
    """The result of a draw.

    Attributes:
        place: Place of the candidate in its set.
        propensity: Probability of the draw.
        exploring: True if another candidate that may be shown had a higher value.
    """

    place: int
    propensity: float
    exploring: bool


class Candidates(NamedTuple):
    """The candidates of one title.

    Attributes:
        play: Logits of play, with what the device adds, [A].
        completion: Logits of completion, [A].
        value: σ(play) σ(completion), [A].
        allowed: True for candidates that may be shown, [A].
        gamma: The policy's γ.
    """

    play: Floats
    completion: Floats
    value: Floats
    allowed: Bools
    gamma: float

    def weighed(self, factors: Floats | None = None) -> CandidateChances:
        """Return the values and probabilities. `factors` [A] are the page's, on the values."""
        value = self.value if factors is None else self.value * factors
        return CandidateChances(value, np.array(distribution_of_set(self._ranked(factors), self.gamma)))

    def draw(self, uniform: float, factors: Floats | None = None) -> DrawnCandidate | None:
        """Draw a candidate by a uniform number in [0, 1). Return None if none may be shown."""
        values = self._ranked(factors)
        p = distribution_of_set(values, self.gamma)
        if not any(p):
            return None
        place = draw_candidate(p, uniform)
        return DrawnCandidate(place, p[place], values[place] < max(values))

    def _ranked(self, factors: Floats | None) -> list[float]:
        """Return the values that candidates are drawn by; −inf for a candidate that may not be shown."""
        values: list[float] = (self.value if factors is None else self.value * factors).tolist()
        allowed = self.allowed.tolist()
        if False in allowed:
            values = [value if may else -math.inf for value, may in zip(values, allowed, strict=True)]
        return values


@dataclass(frozen=True)
class CandidateSets:
    """The candidate sets of titles for one viewer. Titles are named by their place in the catalogue.

    Attributes:
        catalog: The catalogue.
        installed: The model.
        policy: Settings of choosing.
        viewer: Features of the viewer.
        head: The personal head, or None if nothing about the person may be used.
        has_watched: Returns True if the viewer has watched a title.
        stated: Stated preferences, or None.
        own: Artwork biases, or None.
        limit: The age limits of the profile, which hold beside that of a context.
    """

    catalog: Catalog
    installed: LoadedModel
    policy: Policy
    viewer: ViewerFeatures
    head: Head | None
    has_watched: Callable[[int], bool]
    stated: StatedPreferences | None = None
    own: ArtworkBias | None = None
    limit: AgeLimit = NO_AGE_LIMIT

    @cached_property
    def additions(self) -> LogitAdditions:
        """Return what this device adds to the ranker's logits of play, without the latents (`title_rows`)."""
        return LogitAdditions(
            preferences=None if self.stated is None else self.stated.added,
            head=self.head,
            artwork_bias=None if self.own is None else self.own.added,
        )

    def pictures(self, title: int) -> slice:
        """Return the places of the title's artworks among all artworks."""
        starts = self.installed.encoded.starts
        return slice(starts[title], starts[title + 1])

    def rows(self, titles: list[int], context: Context) -> FeatureRows:
        """Return the ranker's rows of all candidates of `titles`; title i stands at slot `context.slot + i`."""
        return self._rows(titles, title_rows(self.installed, self.viewer, titles), context)

    def logits(self, titles: list[int], context: Context) -> Logits:
        """Return the logits of the same candidates, as their parts."""
        return self._logits(titles, context)[0]

    def candidates(
        self, titles: list[int], context: Context, offsets: Sequence[int] | None = None
    ) -> list[Candidates]:
        """Return each title's candidates, ready to be drawn from, in one run of the ranker.

        Args:
            titles: The titles.
            context: The context; its slot is that of the page's first place.
            offsets: Place of each title on the page, from 0. None: they follow each other.
        """
        logits, parts = self._logits(titles, context, offsets)
        play, completion = logits.play, logits.completion
        value, gamma = value_of(play, completion), self.policy.gamma(self.installed.base_rate)
        return [
            Candidates(play[part], completion[part], value[part], self.allowed(title, context), gamma)
            for title, part in zip(titles, parts, strict=True)
        ]

    def allowed(self, title: int, context: Context) -> Bools:
        """Return which of a title's artworks may be shown (`eligibility`), [A]; it may be none."""
        encoded = self.installed.encoded
        return eligible_of_title(encoded, self.policy, title, self.has_watched, self.limit.within(context))

    def _logits(
        self, titles: list[int], context: Context, offsets: Sequence[int] | None = None
    ) -> tuple[Logits, list[slice]]:
        kept = title_rows(self.installed, self.viewer, titles)
        rows = self._rows(titles, kept, context, offsets)
        scores = self.installed.ranker.score(rows)
        of_latents = [each.latents for each in kept if each.latents is not None]
        # Of one title a slice, which is a view of each table.
        places = self.pictures(titles[0]) if len(titles) == 1 else np.concatenate([each.places for each in kept])
        added = _joined(of_latents) if of_latents else None
        stops = list(itertools.accumulate(len(each.places) for each in kept))
        parts = [slice(stop - len(each.places), stop) for stop, each in zip(stops, kept, strict=True)]
        return self.additions.logits_with(added, scores, rows.artwork, places), parts

    def _rows(
        self, titles: list[int], kept: list[TitleRows], context: Context, offsets: Sequence[int] | None = None
    ) -> FeatureRows:
        spec, encoded, listed = self.installed.spec, self.installed.encoded, self.catalog.titles
        vector = spec.context_rows[context.device, context.daypart]
        offsets = range(len(titles)) if offsets is None else offsets
        artwork, appeal = _joined([each.artwork for each in kept]), _joined([each.appeal for each in kept])
        match = _joined([each.match for each in kept])
        trends: Floats | float
        if len(titles) == 1:  # what a choice pays: nothing is gathered
            (title,) = titles
            slot_log, trends = slot_and_trending(spec, context, listed[title].id, offsets[0])
            main = np.empty((len(match), len(spec.main_names)), dtype=np.float32)
            main[:] = main_effects(spec, slot_log, trends, vector, encoded.title_shares[title])
        else:
            sizes = [len(each.places) for each in kept]
            there = np.array(
                [
                    slot_and_trending(spec, context, listed[title].id, after)
                    for title, after in zip(titles, offsets, strict=True)
                ]
            )
            of_title = main_effects(spec, there[:, 0], there[:, 1], vector, encoded.title_shares[titles])
            main, trends = np.repeat(of_title, sizes, axis=0), np.repeat(there[:, 1], sizes)
        if context.trending:
            appeal = trending_appeal(appeal, trends)
        if context.intent:
            match = match.copy()  # of what is kept
            match[:, -1] = intent_match(spec, artwork, context.intent)
        return FeatureRows(artwork, match, main, appeal, self.viewer.taste, vector)


def title_rows(installed: LoadedModel, viewer: ViewerFeatures, titles: list[int]) -> list[TitleRows]:
    """Return what the viewer, the model and each title determine. It is kept until the viewer or the model changes.

    It depends on neither slot nor context, and would take half the time of a choice. Choosing and learning may ask
    for it at the same time.
    """
    kept = viewer.kept
    found = {title: rows for title in titles if (rows := kept.get(title)) is not None and rows.model is installed}
    missing = [title for title in dict.fromkeys(titles) if title not in found] if len(found) < len(titles) else []
    if missing:
        encoded, latents = installed.encoded, installed.latents
        encoded.need(missing)
        each = [np.arange(encoded.starts[title], encoded.starts[title + 1]) for title in missing]
        places = np.concatenate(each)
        of_title = encoded.title_of[places]
        match = interaction_features(encoded, viewer, places, of_title)
        added = None if latents is None or viewer.met is None else latents.logits(viewer.met, of_title, places)
        start = 0
        for title, mine in zip(missing, each, strict=True):
            part, among = slice(start, start + len(mine)), slice(encoded.starts[title], encoded.starts[title + 1])
            of_latents = None if added is None else added[part]
            rows = TitleRows(
                installed, mine, encoded.artwork[among], installed.appeal[among], match[part], of_latents
            )
            found[title], start = rows, part.stop
        if len(kept) + len(missing) > MAX_KEPT_TITLES:
            kept.clear()
        kept.update(found)
    return [found[title] for title in titles]


def _joined(of_titles: list[Floats]) -> Floats:
    """Return the rows of titles one after the other; those of one title as they are."""
    return of_titles[0] if len(of_titles) == 1 else np.concatenate(of_titles)
