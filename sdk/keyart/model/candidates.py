"""Slates: the candidate sets of titles as one viewer is to see them now: their rows, scores, rules and chances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..catalog import Catalog, age_of
from ..context import Context
from .choice import Candidates
from .features import ViewerFeatures
from .features.encode import Floats, Ints
from .features.rows import Rows, intent_match, mains, matches, situation, taken, tilted
from .head import Head
from .loaded_model import LoadedModel
from .policy import Policy, permitted
from .ranker.numpy_engine import value_of

if TYPE_CHECKING:
    from .artwork_bias import Own
    from .stated_preferences import Stated


@dataclass(frozen=True)
class Slates:
    """Titles are named by their place in the catalogue. head, own, stated: None where nothing about the person may be
    used, or nothing was said."""

    catalog: Catalog
    installed: LoadedModel
    policy: Policy
    viewer: ViewerFeatures
    head: Head | None
    has_watched: Callable[[int], bool]
    stated: Stated | None = None
    own: Own | None = None

    def pictures(self, title: int) -> slice:
        """Places of the title's pictures among all artworks."""
        starts = self.installed.encoded.starts
        return slice(starts[title], starts[title + 1])

    def rows(self, titles: list[int], context: Context) -> Rows:
        """The ranker's rows of all candidates of `titles`; title i stands at slot `context.slot + i`."""
        return self._rows(titles, context)[0]

    def candidates(self, titles: list[int], context: Context) -> list[Candidates]:
        """Each title's candidates, ready to be drawn from, in one run of the ranker."""
        rows, pictures, parts = self._rows(titles, context)
        scores = self.installed.ranker.score(rows)
        play, keep = scores.play, scores.keep
        if self.head is not None:
            play = play + self.head.offsets(rows.artwork)
        for added in (self.stated, self.own):
            if added is not None:
                play = play + added.offsets(pictures)
        others = self._others(titles, pictures)
        if others is not None:
            play = play + others
        value, gamma = value_of(play, keep), self.policy.gamma(self.installed.base_rate)
        return [
            Candidates(play[part], keep[part], value[part], self.allowed(title, context), gamma)
            for title, part in zip(titles, parts, strict=True)
        ]

    def others(self, title: int) -> Floats | None:
        """[A]: what the latents add to play, by who watches what; None: nothing."""
        return self.installed.offsets(self.viewer, title, self.pictures(title))

    def _others(self, titles: list[int], pictures: Ints | slice) -> Floats | None:
        latents, met = self.installed.latents, self.viewer.met
        if isinstance(pictures, slice):
            return self.others(titles[0])
        if latents is None or met is None:
            return None
        return latents.added(met, self.installed.encoded.title_of[pictures], pictures)

    def allowed(self, title: int, context: Context) -> npt.NDArray[np.bool_]:
        """[A]: what may be shown here: maturity first, then spoilers, then the guard against misleading pictures."""
        encoded, pictures = self.installed.encoded, self.pictures(title)
        encoded.need((title,))
        guarded = self.policy.misleading == "block"
        if guarded and not context.max_maturity and not encoded.spoils[title]:  # most titles have no other rule
            return encoded.honest[pictures]
        rules = [np.ones(pictures.stop - pictures.start, dtype=np.bool_)]
        if context.max_maturity:
            ages = encoded.ages[pictures]
            # Where every picture is above the limit the app should not show the title; the mildest does least harm.
            rules.append(ages <= max(age_of(context.max_maturity) or 0, int(ages.min())))
        if encoded.spoils[title] and not self.has_watched(title):
            rules.append(~encoded.spoilers[pictures])
        if guarded:
            rules.append(~encoded.misleading[pictures])
        return permitted(*rules)

    def _rows(self, titles: list[int], context: Context) -> tuple[Rows, Ints | slice, list[slice]]:
        """The rows, the places of their pictures, and which rows are each title's."""
        installed = self.installed
        encoded, spec, listed = installed.encoded, installed.spec, self.catalog.titles
        encoded.need(titles)
        vector = spec.context_row(context.device, context.daypart)
        pictures: Ints | slice
        if len(titles) == 1:  # what a choice pays: views instead of copies, and nothing is gathered
            (title,) = titles
            mine = self.pictures(title)
            size, pictures = mine.stop - mine.start, mine
            parts = [slice(0, size)]
            match = matches(encoded, self.viewer, mine, title)
            slot_log, trending = situation(spec, context, listed[title].id)
            trends: Floats | float = trending
            main = np.empty((size, len(spec.main_names)), dtype=np.float32)
            main[:] = mains(spec, slot_log, trending, vector, encoded.title_shares[title])
        else:
            places = np.array(titles, dtype=np.intp)
            first = encoded.first[places]
            sizes = encoded.first[places + 1] - first
            stops = np.cumsum(sizes)
            pictures = np.arange(stops[-1]) + np.repeat(first - stops + sizes, sizes)
            parts = [slice(stop - size, stop) for stop, size in zip(stops.tolist(), sizes.tolist(), strict=True)]
            match = matches(encoded, self.viewer, pictures, encoded.title_of[pictures])
            there = np.array([situation(spec, context, listed[t].id, after) for after, t in enumerate(titles)])
            of_title = mains(spec, there[:, 0], there[:, 1], vector, encoded.title_shares[places])
            main, trends = np.repeat(of_title, sizes, axis=0), np.repeat(there[:, 1], sizes)
        artwork, appeal = taken(encoded.artwork, pictures), taken(installed.appeal, pictures)
        if context.trending:
            appeal = tilted(appeal, trends)
        if context.intent:
            match[:, -1] = intent_match(spec, artwork, context.intent)
        return Rows(artwork, match, main, appeal, self.viewer.taste, vector), pictures, parts
