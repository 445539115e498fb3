"""Learner: what the outcomes on this device have taught it, by tag (the head) and by single artwork (the bias).

Both are functions of the answered decisions, in their order: those of older models re-fit the head, since the model
has learned from them by now; those of the installed one update it one by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..history import Outcome
from ..model.artwork_bias import ArtworkBias
from ..model.candidates import title_rows
from ..model.features import ViewerFeatures
from ..model.features.rows import FeatureRows, interaction_features, main_effects
from ..model.head import Head, refit_head, update_head
from ..model.loaded_model import LoadedModel
from ..model.scorer import LogitAdditions, Logits, learned_play, score, sigmoid
from ..types import Floats, Ints
from .event_codec import Entry

if TYPE_CHECKING:
    from ..model.stated_preferences import StatedPreferences

Answered = tuple[Entry, Outcome]


class Learner:
    """The learned state of a device. One thread at a time may change it; choosing may read it at the same time.

    Attributes:
        head: The personal head.
        own: The artwork biases.
        outcomes: Number of outcomes that it has learned from.
    """

    def __init__(self, installed: LoadedModel, stated: StatedPreferences | None) -> None:
        self._installed, self._stated = installed, stated
        self.head = Head.start(installed.prior, installed.spec.artwork_size)
        self.own = ArtworkBias(len(installed.encoded.title_of))
        self.outcomes = 0
        self._last: tuple[str, Head, int, tuple[float, float | None]] | None = None

    def restore(self, head: Head, own: Iterable[tuple[int, float, float]], outcomes: int) -> None:
        """Restore the state of a learner with the same past; `own` as `ArtworkBias.known` returns it."""
        self.head, self.own, self.outcomes = head, ArtworkBias(len(self.own.added), own), outcomes

    def logits(self, rows: FeatureRows, artworks: Ints, viewer: ViewerFeatures) -> Logits:
        """Return the logits [N] of decisions, as their parts, with the present state.

        Args:
            rows: Rows of the decisions (`shown_rows`).
            artworks: Their artworks, by place among all artworks.
            viewer: Features of this viewer.
        """
        titles = self._installed.encoded.title_of[artworks]
        return self._logits(rows, titles, artworks, viewer, self.head, self.own.added)

    def base(self, rows: FeatureRows, artworks: Ints, viewer: ViewerFeatures) -> Floats:
        """Return `Logits.base` [N] of decisions, which learning from their outcomes leaves as it is."""
        titles = self._installed.encoded.title_of[artworks]
        return self._logits(rows, titles, artworks, viewer, None, None).base

    def learn_all(self, answered: Sequence[Answered], viewer: ViewerFeatures) -> None:
        """Learn the outcomes of a whole event log, from the prior."""
        if not answered:
            return
        installed = self._installed
        rows, artworks = shown_rows(installed, viewer, [entry for entry, _ in answered])
        base, played = self.base(rows, artworks, viewer), played_of(answered)
        older = np.array([entry.decision.model_version != installed.version for entry, _ in answered])
        if older.any():
            self.head = refit_head(installed.prior, rows.artwork[older], base[older], played[older])
            for i in np.flatnonzero(older).tolist():
                row, place = slice(i, i + 1), int(artworks[i])
                bias = self.own.added[place : place + 1]
                logit = learned_play(base[row], rows.artwork[row], self.head.mean, bias)
                self.own.learn(place, sigmoid(logit)[0], played[i])
        for i in np.flatnonzero(~older).tolist():
            row = slice(i, i + 1)
            self.update(rows.artwork[row], int(artworks[i]), base[row], played[row])
        self.outcomes = len(answered)

    def learn(self, entry: Entry, outcome: Outcome, viewer: ViewerFeatures) -> bool:
        """Learn one more outcome.

        Return False for a decision of another model: then everything has to be learned anew.
        """
        if entry.decision.model_version != self._installed.version:
            return False
        installed = self._installed
        encoded, spec = installed.encoded, installed.spec
        place = encoded.place[entry.artwork_id]
        title, of_artwork = int(encoded.title_of[place]), slice(place, place + 1)
        context = spec.context_rows[entry.device, entry.daypart]
        # What `shown_rows` works out, for one picture and faster: each outcome waits for it.
        (kept,) = title_rows(installed, viewer, [title])
        in_title = slice(place - encoded.starts[title], place + 1 - encoded.starts[title])
        rows = FeatureRows(
            artwork=encoded.artwork[of_artwork],
            match=kept.match[in_title],
            main=main_effects(spec, math.log1p(entry.slot), 0.0, context, encoded.title_shares[title : title + 1]),
            appeal=installed.appeal[of_artwork],
            viewer=viewer.taste,
            context=context,
        )
        of_latents = None if kept.latents is None else kept.latents[in_title]
        additions = LogitAdditions(preferences=None if self._stated is None else self._stated.added)
        base = additions.logits_with(of_latents, score(installed.weights, rows), rows.artwork, of_artwork).base
        self._last = (entry.decision.id, self.head, place, self.own.of(place))
        self.update(rows.artwork, place, base, np.array([outcome.kind == "played"], dtype=np.float32))
        self.outcomes += 1
        return True

    def update(self, tags: Floats, artwork: int, base: Floats, played: Floats) -> Floats:
        """Learn from one outcome, and return the logit of play before it.

        Args:
            tags: Tags of the artwork, [1, Z].
            artwork: Its place among all artworks.
            base: `Logits.base`, [1].
            played: 0 or 1, [1].
        """
        logit = learned_play(base, tags, self.head.mean, self.own.added[artwork : artwork + 1])
        q = sigmoid(logit)[0]
        self.own.learn(artwork, q, played[0])
        self.head = update_head(self.head, tags[0], q, played[0])
        return logit

    def _logits(
        self,
        rows: FeatureRows,
        titles: Ints,
        artworks: Ints,
        viewer: ViewerFeatures,
        head: Head | None,
        artwork_bias: Floats | None,
    ) -> Logits:
        installed = self._installed
        stated = None if self._stated is None else self._stated.added
        additions = LogitAdditions(installed.latents, viewer.met, stated, head, artwork_bias)
        return additions.logits(score(installed.weights, rows), rows.artwork, titles, artworks)

    def take_back(self, decision_id: str) -> bool:
        """Unlearn the outcome of a decision if it was the last one; return False otherwise."""
        if self._last is None or self._last[0] != decision_id:
            return False
        _, self.head, place, own = self._last
        self.own.put_back(place, *own)
        self.outcomes -= 1
        self._last = None
        return True


def played_of(answered: Sequence[Answered]) -> Floats:
    """Return 1 for each play, else 0, [N]."""
    return np.array([outcome.kind == "played" for _, outcome in answered], dtype=np.float32)


def shown_rows(installed: LoadedModel, viewer: ViewerFeatures, entries: Sequence[Entry]) -> tuple[FeatureRows, Ints]:
    """Return the ranker's rows [N] for artworks that were shown, and their places among all artworks."""
    encoded, spec = installed.encoded, installed.spec
    artworks = np.array([encoded.place[entry.artwork_id] for entry in entries], dtype=np.intp)
    titles = encoded.title_of[artworks]
    context = np.zeros((len(entries), len(spec.context_names)), dtype=np.float32)
    for row, entry in enumerate(entries):
        context[row] = spec.context_row(entry.device, entry.daypart)
    slot = np.array([math.log1p(entry.slot) for entry in entries], dtype=np.float32)  # as `situation` has it
    rows = FeatureRows(
        artwork=encoded.artwork[artworks],
        match=interaction_features(encoded, viewer, artworks, titles),
        main=main_effects(spec, slot, np.zeros_like(slot), context, encoded.title_shares[titles]),
        appeal=installed.appeal[artworks],
        viewer=viewer.taste,
        context=context,
    )
    return rows, artworks
