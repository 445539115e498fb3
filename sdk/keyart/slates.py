"""Slates: the candidate sets of titles as one viewer is to see them now: their rows, scores, rules and chances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .catalog import Catalog, age_of
from .choice import Weighed, weigh
from .context import Context
from .features import ViewerFeatures
from .features.encode import Floats
from .features.rows import Rows, intent_match, mains, matches, situation
from .head import Head
from .installed import Installed
from .policy import Policy, permitted
from .ranker import Scores


@dataclass(frozen=True)
class Slates:
    """Titles are named by their place in the catalogue. head: None where nothing about the person may be used."""

    catalog: Catalog
    installed: Installed
    policy: Policy
    viewer: ViewerFeatures
    head: Head | None
    has_watched: Callable[[int], bool]

    def pictures(self, title: int) -> slice:
        """Places of the title's pictures among all artworks."""
        first = self.installed.encoded.first
        return slice(int(first[title]), int(first[title + 1]))

    def artwork(self, title: int) -> Floats:
        """[A, Z]: tags of the title's pictures."""
        return self.installed.encoded.artwork[self.pictures(title)]

    def rows(self, titles: list[int], context: Context) -> Rows:
        """The ranker's rows of all candidates of `titles`; title i stands at slot `context.slot + i`."""
        installed = self.installed
        encoded, spec = installed.encoded, installed.spec
        pictures = np.concatenate([np.arange(encoded.first[t], encoded.first[t + 1]) for t in titles])
        match = matches(encoded, self.viewer, pictures, encoded.title_of[pictures])
        if context.intent:
            match[:, -1] = intent_match(spec, encoded.artwork[pictures], dict(context.intent))
        vector = spec.context_row(context.device, context.daypart)
        by_title = []
        for i, t in enumerate(titles):
            slot, trending = situation(spec, replace(context, slot=context.slot + i), self.catalog.titles[t].id)
            row = mains(
                spec, np.array(slot, np.float32), np.array(trending, np.float32), vector, encoded.title_shares[t]
            )
            by_title.append(np.broadcast_to(row, (encoded.first[t + 1] - encoded.first[t], len(row))))
        main = np.concatenate(by_title).astype(np.float32)
        return Rows(encoded.artwork[pictures], match, main, installed.appeal[pictures], self.viewer.taste, vector)

    def scores(self, titles: list[int], context: Context) -> list[Scores]:
        """Scores of each title's candidates, in one run of the ranker."""
        scores = self.installed.ranker.score(self.rows(titles, context))
        first = self.installed.encoded.first
        sizes = [int(first[t + 1] - first[t]) for t in titles]
        ends = np.cumsum(sizes)
        return [
            Scores(scores.value[end - size : end], scores.play[end - size : end], scores.keep[end - size : end])
            for size, end in zip(sizes, ends, strict=True)
        ]

    def allowed(self, title: int, context: Context) -> npt.NDArray[np.bool_]:
        """[A]: what may be shown here: maturity first, then spoilers, then the guard against misleading pictures."""
        encoded, pictures = self.installed.encoded, self.pictures(title)
        rules = [np.ones(pictures.stop - pictures.start, dtype=np.bool_)]
        if context.max_maturity:
            ages = encoded.ages[pictures]
            # Where every picture is above the limit the app should not show the title; the mildest does least harm.
            rules.append(ages <= max(age_of(context.max_maturity) or 0, int(ages.min())))
        if encoded.spoilers[pictures].any() and not self.has_watched(title):
            rules.append(~encoded.spoilers[pictures])
        if self.policy.misleading == "block":
            rules.append(~encoded.misleading[pictures])
        return permitted(*rules)

    def weighed(self, title: int, context: Context, scores: Scores, factors: Floats | None = None) -> Weighed:
        """Values and chances of the title's candidates. factors [A]: the page's, on the values."""
        offsets = self.head.offsets(self.artwork(title)) if self.head is not None else None
        gamma = self.policy.gamma(self.installed.base_rate)
        return weigh(scores, offsets, self.allowed(title, context), gamma, factors)
