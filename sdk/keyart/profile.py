"""Profile: what is known of one person on this device, and the features and the head that follow from it.

Views and decisions are the only things stored. Affinities are their sums, and the head is a function of the log, in
the order of its outcomes: what older models showed re-fits it (`head.refit`), what the installed one showed updates
it one by one. So a profile that is opened again chooses as before, and removing an entry removes what was learned.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np

from .errors import UnknownDecision
from .features import ViewerFeatures, affinities
from .features.encode import Ints
from .features.rows import Rows, mains, matches
from .features.viewer import tally, view_weight
from .head import Head, refit, update
from .history import Outcome, Reward, View
from .installed import Installed
from .logbook import Entry, entry_from_bytes, entry_to_bytes, view_from_bytes, view_to_bytes
from .outbound.gradient import Log, log_scores
from .store.database import Store, Table

_RANK = {"skipped": 0, "opened": 1, "played": 2}
Answered = tuple[Entry, Outcome]


class Profile:
    """Reads and writes one store; keeps the sums and the head up to date. Not thread-safe: its owner locks."""

    def __init__(self, store: Store, installed: Installed, reward: Reward) -> None:
        self._store, self._reward = store, reward
        self._pending: OrderedDict[str, Entry] = OrderedDict()
        self._views: list[View] = [view_from_bytes(data) for _, data in store.scan(Table.VIEW)]
        self._entries: OrderedDict[str, Entry] = OrderedDict(
            (record_id.hex(), entry_from_bytes(record_id.hex(), data))
            for record_id, data in store.scan(Table.DECISION)
        )
        self._cached: ViewerFeatures | None = None
        self.head: Head
        self.use(installed)

    def use(self, installed: Installed) -> None:
        """Features and head anew, for a new bundle or after something was removed."""
        self._installed = installed
        self._watched = np.zeros(installed.spec.viewer_size, dtype=np.float32)
        self._seen = np.zeros(installed.encoded.open_size, dtype=np.float32)
        self._weight = 0.0
        self._titles: set[int] = set()
        self._count(self._views)
        self._refit()

    @property
    def views(self) -> tuple[View, ...]:
        return tuple(self._views)

    def entries(self) -> Iterator[Entry]:
        """Every decision, oldest first, those not yet written included."""
        yield from self._entries.values()
        yield from self._pending.values()

    @property
    def history_weight(self) -> float:
        """Weighted number of views of titles in the catalogue."""
        return self._weight

    def has_watched(self, title: int) -> bool:
        """Whether the title (by place in the catalogue) is in the history."""
        return title in self._titles

    def record(self, views: list[View]) -> None:
        """Stores views, all or none."""
        with self._store.transaction():
            for view in views:
                self._store.put(Table.VIEW, os.urandom(16), view_to_bytes(view), group=view.title_id)
        self._views.extend(views)
        self._count(views)

    def remember(self, entry: Entry) -> None:
        """Keeps a decision in memory; it is written with its outcome at the latest, or by `write_pending`."""
        self._pending[entry.decision.id] = entry

    def find(self, decision_id: str) -> Entry | None:
        return self._pending.get(decision_id) or self._entries.get(decision_id)

    def observe(self, decision_id: str, outcome: Outcome) -> bool:
        """Stores an outcome with its decision and lets the head learn. False if it was known already.

        A skip may be followed by an opened page, and that by a play: what a viewer did last counts.
        """
        entry = self.find(decision_id)
        if entry is None:
            raise UnknownDecision(
                f"No decision {decision_id!r} in this profile. Pass Decision.id of what choose() answered; "
                "removed and forgotten decisions take no outcome."
            )
        before = entry.outcome
        if before is not None and (_RANK[outcome.kind], outcome.seconds) <= (
            _RANK[before.kind],
            before.seconds,
        ):
            return False
        answered = Entry(entry.decision, entry.at, entry.device, entry.slot, entry.with_intent, outcome)
        with self._store.transaction():
            if before is None and decision_id in self._entries:  # to the end: the log is in the order of learning
                self._store.delete(Table.DECISION, bytes.fromhex(decision_id))
            self._write(answered)
        self._pending.pop(decision_id, None)
        self._entries[decision_id] = answered
        if before is None:
            self._entries.move_to_end(decision_id)
            self._learn(answered, outcome)
        elif "played" in (before.kind, outcome.kind):  # what was learned as passed over was played after all
            self._refit()
        return True

    def write_pending(self) -> None:
        """Writes the decisions that are only in memory."""
        if self._pending:
            with self._store.transaction():
                for entry in self._pending.values():
                    self._write(entry)
            self._entries.update(self._pending)
            self._pending.clear()

    def remove_title(self, title_id: str) -> int:
        """Removes a title's views and decisions and what was learned from them; says how many there were."""
        with self._store.transaction():
            self._store.delete_group(Table.VIEW, title_id)
            self._store.delete_group(Table.DECISION, title_id)
        before = len(self._views) + len(self._entries) + len(self._pending)
        self._views = [view for view in self._views if view.title_id != title_id]
        for entries in (self._entries, self._pending):
            for decision_id in [d for d, entry in entries.items() if entry.decision.title_id == title_id]:
                del entries[decision_id]
        self.use(self._installed)
        return before - len(self._views) - len(self._entries) - len(self._pending)

    def viewer(self) -> ViewerFeatures:
        """The viewer's features now."""
        installed = self._installed
        if self._cached is None:
            self._cached = affinities(
                installed.encoded,
                self._watched,
                self._seen,
                np.array(self._weight, dtype=np.float32),
                installed.population_taste,
            )
        return self._cached

    def learned(self) -> dict[str, float]:
        """What the head has learned, by tag, as logits of a play."""
        mean = self.head.mean
        named = zip((*self._installed.spec.artwork_tags, "bias"), mean.tolist(), strict=True)
        return {tag: value for tag, value in named if value}

    def training_log(self) -> tuple[Log, Ints]:
        """The decisions with a final outcome, as rows for training, and the places of what they showed: pictures
        still in the catalogue, without what was shown under an intent (which is never stored)."""
        place = self._installed.encoded.place
        kept = list(self._answered())
        rows, titles = self._rows([entry for entry, _ in kept])
        durations = self._installed.encoded.durations[titles]
        played = [outcome.kind == "played" for _, outcome in kept]
        quality = [self._reward.of(outcome, d) for (_, outcome), d in zip(kept, durations, strict=True)]
        artworks = np.array([place[entry.decision.artwork_id] for entry, _ in kept], dtype=np.intp)
        log = Log(
            rows,
            self.head.offsets(rows.artwork),
            np.array(played, dtype=np.float32),
            np.array(quality, dtype=np.float32),
            np.ones(len(kept), dtype=np.float32),
        )
        return log, artworks

    def _rows(self, entries: list[Entry]) -> tuple[Rows, Ints]:
        """The ranker's rows for pictures that were shown, and the places of their titles."""
        installed = self._installed
        encoded, spec = installed.encoded, installed.spec
        artworks = np.array([encoded.place[entry.decision.artwork_id] for entry in entries], dtype=np.intp)
        titles = encoded.title_of[artworks]
        context = np.zeros((len(entries), len(spec.context_names)), dtype=np.float32)
        for row, entry in enumerate(entries):
            context[row] = spec.context_row(entry.device, entry.daypart)
        slot = np.log1p(np.array([entry.slot for entry in entries], dtype=np.float32))
        viewer = self.viewer()
        rows = Rows(
            artwork=encoded.artwork[artworks],
            match=matches(encoded, viewer, artworks, titles),
            main=mains(spec, slot, np.zeros_like(slot), context, encoded.title_shares[titles]),
            appeal=installed.appeal[artworks],
            viewer=viewer.taste,
            context=context,
        )
        return rows, titles

    def _answered(self) -> Iterator[Answered]:
        place = self._installed.encoded.place
        for entry in self._entries.values():
            if entry.outcome is not None and not entry.with_intent and entry.decision.artwork_id in place:
                yield entry, entry.outcome

    def _write(self, entry: Entry) -> None:
        decision = entry.decision
        self._store.put(Table.DECISION, bytes.fromhex(decision.id), entry_to_bytes(entry), group=decision.title_id)

    def _count(self, views: list[View]) -> None:
        encoded = self._installed.encoded
        known = [(encoded.title_place[view.title_id], view) for view in views if view.title_id in encoded.title_place]
        titles = np.array([title for title, _ in known], dtype=np.intp)
        weights = np.array(
            [view_weight(view, encoded.durations[title], self._reward, encoded.spec) for title, view in known],
            dtype=np.float32,
        )
        watched, seen = tally(encoded, titles, weights)
        self._watched = self._watched + watched
        self._seen = self._seen + seen
        self._weight += float(weights.sum())
        self._titles.update(titles.tolist())
        self._cached = None

    def _learn(self, entry: Entry, outcome: Outcome) -> None:
        known = entry.decision.artwork_id in self._installed.encoded.place
        if not known or entry.with_intent:
            return
        if entry.decision.model_version != self._installed.version:  # shown before this model came
            self._refit()
            return
        rows, _ = self._rows([entry])
        play, _ = log_scores(self._installed.weights, rows)
        logit = play[0] + self.head.offsets(rows.artwork)[0]
        self.head = update(self.head, rows.artwork[0], logit, np.array(outcome.kind == "played", dtype=np.float32))

    def _refit(self) -> None:
        prior, installed = self._installed.prior, self._installed
        self.head = Head.start(prior, installed.spec.artwork_size)
        log, _ = self.training_log()
        if not len(log.played):
            return
        play, _ = log_scores(installed.weights, log.rows)
        artwork, played = log.rows.artwork, log.played
        older = np.array([entry.decision.model_version != installed.version for entry, _ in self._answered()])
        if older.any():
            self.head = refit(prior, artwork[older], play[older], played[older], log.counted[older])
        for i in np.flatnonzero(~older):
            logit = play[i] + self.head.offsets(artwork[i : i + 1])[0]
            self.head = update(self.head, artwork[i], logit, played[i])
