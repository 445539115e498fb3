"""Learner: what the outcomes on this device have taught it, by tag (the head) and by single picture (own).

Both are functions of the answered decisions, in their order: what older models showed re-fits the head, since the
model has learned from it by now; what the installed one showed updates it one by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..history import Outcome
from ..model.artwork_bias import Own
from ..model.features import ViewerFeatures
from ..model.features.encode import Floats, Ints
from ..model.features.rows import Rows, mains, matches
from ..model.head import Head, refit, updates
from ..model.loaded_model import LoadedModel
from ..model.scorer import log_scores
from .event_codec import Entry

if TYPE_CHECKING:
    from ..model.stated_preferences import Stated

Answered = tuple[Entry, Outcome]
_ONE = np.ones(1, dtype=np.float32)


class Learner:
    """head, own: replaced or changed by one thread at a time; who chooses may read them beside that.

    outcomes: how many it has learned from.
    """

    def __init__(self, installed: LoadedModel, stated: Stated | None) -> None:
        self._installed, self._stated = installed, stated
        self.head = Head.start(installed.prior, installed.spec.artwork_size)
        self.own = Own(len(installed.encoded.title_of))
        self.outcomes = 0
        self._last: tuple[str, Head, int, tuple[float, float | None]] | None = None

    def restore(self, head: Head, own: Iterable[tuple[int, float, float]], outcomes: int) -> None:
        """What another learner with the same past knew; own as `Own.known` tells it."""
        self.head, self.own, self.outcomes = head, Own(len(self.own.added), own), outcomes

    def offsets(self, rows: Rows, artworks: Ints, viewer: ViewerFeatures) -> Floats:
        """[N]: what this device adds to the ranker's logits of play, for pictures at places `artworks`."""
        offsets = self.head.offsets(rows.artwork) + self.own.offsets(artworks) + self._others(viewer, artworks)
        return offsets if self._stated is None else offsets + self._stated.offsets(artworks)

    def learn_all(self, answered: Sequence[Answered], viewer: ViewerFeatures) -> None:
        """The outcomes of a whole journal, after none."""
        if not answered:
            return
        installed = self._installed
        rows, artworks = shown_rows(installed, viewer, [entry for entry, _ in answered])
        play, _ = log_scores(installed.weights, rows)
        play = play + self._others(viewer, artworks)
        if self._stated is not None:
            play = play + self._stated.offsets(artworks)
        played = np.array([outcome.kind == "played" for _, outcome in answered], dtype=np.float32)
        older = np.array([entry.decision.model_version != installed.version for entry, _ in answered])
        if older.any():
            tags, base, y = rows.artwork[older], play[older], played[older]
            self.head = refit(installed.prior, tags, base, y, np.ones_like(y))
            logits = base + self.head.offsets(tags)
            for place, logit, y_one in zip(artworks[older].tolist(), logits.tolist(), y.tolist(), strict=True):
                self.own.learn(place, logit + float(self.own.added[place]), y_one)
        newer = ~older
        self._update(rows.artwork[newer], artworks[newer], play[newer], played[newer])
        self.outcomes = len(answered)

    def learn(self, entry: Entry, outcome: Outcome, viewer: ViewerFeatures) -> bool:
        """One more outcome. False for what another model showed: then all has to be learned anew."""
        if entry.decision.model_version != self._installed.version:
            return False
        installed = self._installed
        encoded, spec = installed.encoded, installed.spec
        place = encoded.place[entry.decision.artwork_id]
        title, one = int(encoded.title_of[place]), slice(place, place + 1)
        context = spec.context_row(entry.device, entry.daypart)
        main = mains(spec, math.log1p(entry.slot), 0.0, context, encoded.title_shares[title])
        # What `shown_rows` and `log_scores` work out, for one picture and faster: each outcome waits for it.
        tags, weights = encoded.artwork[one], installed.weights
        play = (
            tags @ (weights.play_artwork @ np.concatenate((_ONE, viewer.taste, context)))
            + matches(encoded, viewer, one, title) @ weights.play_match
            + main @ weights.play_main
            + installed.appeal[one, 0]
        )
        others = installed.offsets(viewer, title, one)
        if others is not None:
            play = play + others
        if self._stated is not None:
            play = play + self._stated.offsets(one)
        self._last = (entry.decision.id, self.head, place, self.own.of(place))
        self._update(tags, np.array([place]), play, np.array([outcome.kind == "played"], dtype=np.float32))
        self.outcomes += 1
        return True

    def take_back(self, decision_id: str) -> bool:
        """Unlearns that outcome, if it was the last; False if not."""
        if self._last is None or self._last[0] != decision_id:
            return False
        _, self.head, place, own = self._last
        self.own.put_back(place, *own)
        self.outcomes -= 1
        self._last = None
        return True

    def _others(self, viewer: ViewerFeatures, artworks: Ints) -> Floats | float:
        latents = self._installed.latents
        if latents is None or viewer.met is None:
            return 0.0
        return latents.added(viewer.met, self._installed.encoded.title_of[artworks], artworks)

    def _update(self, tags: Floats, artworks: Ints, play: Floats, played: Floats) -> None:
        self.head = updates(self.head, tags, play, played, self.own, artworks)


def shown_rows(installed: LoadedModel, viewer: ViewerFeatures, entries: Sequence[Entry]) -> tuple[Rows, Ints]:
    """The ranker's rows [N] for pictures that were shown, and their places among all artworks."""
    encoded, spec = installed.encoded, installed.spec
    artworks = np.array([encoded.place[entry.decision.artwork_id] for entry in entries], dtype=np.intp)
    titles = encoded.title_of[artworks]
    context = np.zeros((len(entries), len(spec.context_names)), dtype=np.float32)
    for row, entry in enumerate(entries):
        context[row] = spec.context_row(entry.device, entry.daypart)
    slot = np.log1p(np.array([entry.slot for entry in entries], dtype=np.float32))
    rows = Rows(
        artwork=encoded.artwork[artworks],
        match=matches(encoded, viewer, artworks, titles),
        main=mains(spec, slot, np.zeros_like(slot), context, encoded.title_shares[titles]),
        appeal=installed.appeal[artworks],
        viewer=viewer.taste,
        context=context,
    )
    return rows, artworks
