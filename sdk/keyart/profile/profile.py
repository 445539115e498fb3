"""Profile: what is known of one person on this device, and the features and the head that follow from it.

The event log is the truth. Affinities are sums over its views, and the `Learner` is a function of its decisions in
the order of their outcomes. So a profile that is opened again chooses as before, and removing an entry removes what
was learned. A `Snapshot` saves the next open the work, if nothing has changed since.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from ..catalog import Catalog
from ..errors import UnknownDecision
from ..history import Outcome, Reward, View
from ..model.features import ViewerFeatures, affinities
from ..model.features.viewer import tally_titles, views_by_title
from ..model.head import Head
from ..model.latents import IMPRESSION_WEIGHT, PLAY_WEIGHT
from ..model.loaded_model import LoadedModel
from ..model.scorer import DecisionLog
from ..store.database import Store, Table
from ..types import Doubles, Floats, Ints
from .event_codec import Entry
from .event_log import EventLog
from .learner import Answered, Learner, played_of, shown_rows
from .snapshot import RECORD_ID, Snapshot

if TYPE_CHECKING:
    from ..model.stated_preferences import StatedPreferences

SKIPPED = Outcome.skipped()
_RANK = {"skipped": 0, "opened": 1, "played": 2}


class Profile:
    """The state of one person, backed by a store.

    Its owner lets one thread at a time change it; `viewer`, `learner`, `stated` and `has_watched` may be read at the
    same time.
    """

    def __init__(
        self, store: Store, journal: EventLog, catalog: Catalog, installed: LoadedModel, reward: Reward
    ) -> None:
        self.journal = journal
        self.learner: Learner
        self._store, self._catalog, self._installed, self._reward = store, catalog, installed, reward
        self._weights: dict[str, float] = {}  # by title, what its views count together
        self._sums: tuple[Floats, ...] | None = None  # the same by tag, once somebody asks
        self._answers: dict[str, float] = {}  # by title, what came of what older models showed (`latents`)
        self._lock = threading.Lock()  # between who counts a view and who asks for the viewer's features
        self._waiting: dict[str, datetime] = {}  # seen, and nothing came of it yet
        self.stated = self._read_stated()
        self._viewer: ViewerFeatures | None = None
        self._summary_basis: bytes | None = None  # of the summary in the store, if there is one
        if not self._restore():
            self._derive()

    def has_watched(self, title: int) -> bool:
        """Return True if the title (by place in the catalogue) is in the history."""
        return self._catalog.titles[title].id in self._weights

    @property
    def history_weight(self) -> float:
        """Return the weighted number of views of titles in the catalogue."""
        return sum(weight for title_id, weight in self._weights.items() if title_id in self._catalog)

    def record(self, views: list[View]) -> None:
        """Store views, all or none."""
        self.journal.record(views)
        self._count(views)

    def see(self, decision_id: str) -> bool:
        """Record that the artwork was on the screen, so that silence means a skip.

        Return False if that, or an outcome, is known.
        """
        entry = self._found(decision_id)
        if entry.seen or entry.outcome is not None:
            return False
        self.journal.remember(entry._replace(seen=True))
        self._waiting[decision_id] = entry.at
        return True

    def settle(self, now: datetime, window: timedelta) -> int:
        """Record a skip for artworks that were seen longer ago than `window` without an outcome, and return how many.

        An artwork that was seen later than now, by so much, was seen before the clock was set back: it is as late.
        """
        late = [
            decision_id
            for decision_id, at in self._waiting.items()
            if abs(now.timestamp() - at.timestamp()) >= window.total_seconds()
        ]
        for decision_id in late:
            self.observe(decision_id, SKIPPED)
        return len(late)

    def observe(self, decision_id: str, outcome: Outcome) -> bool:
        """Store an outcome with its decision and let the head learn.

        A skip may be followed by an opened page, and that by a play: the last action of the viewer counts.

        Returns:
            False if the outcome was known already.

        Raises:
            UnknownDecision: This profile does not have the decision.
        """
        entry = self._found(decision_id)
        before = entry.outcome
        if before is not None and _order(outcome) <= _order(before):
            return False
        answered = self.journal.answer(entry, outcome)
        self._waiting.pop(decision_id, None)
        if before is None:
            self._learn(answered)
        elif (before.kind == "played") != (outcome.kind == "played"):
            # Learned as passed over, and played after all. Most often it is what was learned last.
            if self.learner.take_back(decision_id):
                self._learn(answered)
            else:
                self._learn_all()
        return True

    def remove_title(self, title_id: str) -> int:
        """Remove a title's views and decisions and what was learned from them, and return how many there were."""
        return self._without(lambda: self.journal.remove_title(title_id))

    def remove_view(self, title_id: str, at: datetime) -> int:
        """Remove the views of a title that began at a moment and what was learned from them, and return how many."""
        return self._without(lambda: self.journal.remove_view(title_id, at))

    def remove_decision(self, decision_id: str) -> int:
        """Remove one decision and what was learned from it, and return how many there were, 0 or 1."""
        return self._without(lambda: self.journal.remove_decision(decision_id))

    def expire(self, retention_days: int) -> int:
        """Remove what was held for `retention_days` and what was learned from it, and return how much."""
        return self._without(lambda: self.journal.expire(retention_days))

    def restate(self) -> None:
        """Take over changed preferences: the head is learned anew beside them."""
        self.stated = self._read_stated()
        self._learn_all()

    def viewer(self) -> ViewerFeatures:
        """Return the viewer's features now."""
        viewer = self._viewer
        if viewer is not None:
            return viewer
        with self._lock:
            if self._sums is None:
                self._sums = tally_titles(self._installed.encoded, self._weights)
            watched, seen, weight = self._sums
            installed = self._installed
            viewer = affinities(installed.encoded, watched, seen, weight, installed.population_taste)
            if installed.latents is not None:
                viewer = replace(viewer, met=installed.latents.met(self._met()))
            self._viewer = viewer
            return viewer

    def learned(self) -> dict[str, float]:
        """Return what the head has learned, by tag, as logits of a play."""
        mean = self.learner.head.mean
        named = zip((*self._installed.spec.artwork_tags, "bias"), mean.tolist(), strict=True)
        return {tag: value for tag, value in named if value}

    def training_log(self) -> tuple[DecisionLog, Ints]:
        """Return the decisions with a final outcome as rows for training, and the places of their artworks.

        It has artworks still in the catalogue, and no decision that was made under an intent (which is never stored).
        """
        encoded, answered = self._installed.encoded, list(self._answered(self.journal.entries()))
        viewer = self.viewer()
        rows, artworks = shown_rows(self._installed, viewer, [entry for entry, _ in answered])
        durations = encoded.durations[encoded.title_of[artworks]]
        quality = [self._reward.of(outcome, d) for (_, outcome), d in zip(answered, durations, strict=True)]
        log = DecisionLog(
            rows,
            self.learner.logits(rows, artworks, viewer).offset,
            played_of(answered),
            np.array(quality, dtype=np.float32),
            np.ones(len(answered), dtype=np.float32),
            self._installed.latents.viewer(viewer.met, encoded.title_of[artworks])
            if self._installed.latents is not None and viewer.met is not None
            else None,
        )
        return log, artworks

    def views_by_title(self) -> Doubles:
        """Return the weight of the views of each title, [T]."""
        counted = np.zeros(len(self._catalog))
        for title_id, weight in self._weights.items():
            if title_id in self._catalog:
                counted[self._catalog.index(title_id)] = weight
        return counted

    def rewards_since(self, seconds: float) -> list[float]:
        """Return the reward of each decision in `training_log` made since then (Unix seconds)."""
        encoded, places = self._installed.encoded, self._catalog.artwork_places
        return [
            self._reward.of(outcome, encoded.durations[encoded.title_of[places[entry.artwork_id]]])
            for entry, outcome in self._answered(self.journal.entries())
            if entry.at.timestamp() >= seconds
        ]

    def summarise(self) -> None:
        """Store a snapshot for the next open, if the present one is not there yet."""
        basis = self._basis()
        if basis == self._summary_basis or self.journal.pending:  # a decision that is not stored is in no summary
            return
        learner = self.learner
        biases = learner.own.known()
        summary = Snapshot(
            basis,
            self._weights,
            self._answers,
            tuple(self._waiting),
            learner.head.mean,
            learner.head.covariance,
            tuple(self._artwork_id(place) for place, _, _ in biases),
            np.array([numbers for _, *numbers in biases], dtype=np.float32).reshape(len(biases), 2),
            learner.outcomes,
        )
        self._store.put(Table.HEAD, RECORD_ID, summary.to_bytes())
        self._summary_basis = basis

    def _artwork_id(self, place: int) -> str:
        encoded = self._installed.encoded
        title = int(encoded.title_of[place])
        return self._catalog.titles[title].artworks[place - int(encoded.first[title])].id

    def _read_stated(self) -> StatedPreferences | None:
        if not self._store.count(Table.SETTING):
            return None
        from ..model.stated_preferences import StatedPreferences
        from .preferences import Preferences

        return StatedPreferences.of(self._catalog, Preferences(self._store).as_dict())

    def _restore(self) -> bool:
        """Restore the snapshot, if it is there and still true."""
        data = self._store.get(Table.HEAD, RECORD_ID)
        summary = Snapshot.from_bytes(data) if data is not None else None
        if summary is None or summary.basis != self._basis():
            return False
        waiting = [self.journal.find(decision_id) for decision_id in summary.waiting]
        self._waiting = {entry.decision.id: entry.at for entry in waiting if entry is not None}
        self._weights, self._answers = dict(summary.titles), dict(summary.answers)
        places = self._catalog.artwork_places
        own = [
            (places[artwork_id], float(mean), float(weight))
            for artwork_id, (mean, weight) in zip(summary.pictures, summary.own, strict=True)
            if artwork_id in places
        ]
        self.learner = Learner(self._installed, self.stated)
        self.learner.restore(Head(summary.mean, summary.covariance), own, summary.updates)
        self._summary_basis = summary.basis
        return True

    def _basis(self) -> bytes:
        installed = self._installed
        made_from = hashlib.sha256(installed.spec.sha256.encode())
        for part in (
            self.journal.digest(),
            installed.weights.flat().tobytes(),
            installed.latents.to_bytes() if installed.latents is not None else b"",
            "\0".join(self._catalog.titles.artwork_ids()).encode(),
            installed.encoded.durations.tobytes(),
            repr((installed.version, astuple(installed.prior), astuple(self._reward))).encode(),
            repr(sorted(self.stated.tags.items()) if self.stated else "").encode(),
        ):
            made_from.update(part)
        return made_from.digest()

    def _found(self, decision_id: str) -> Entry:
        entry = self.journal.find(decision_id)
        if entry is None:
            raise UnknownDecision(
                f"No decision {decision_id!r} in this profile. Pass Decision.id of what choose() answered; "
                "removed, expired and forgotten decisions take no outcome."
            )
        return entry

    def _without(self, remove: Callable[[], int]) -> int:
        """Remove entries and the snapshot in one transaction, then derive everything anew."""
        with self._store.transaction():
            removed = remove()
            if removed:
                self._store.delete(Table.HEAD, RECORD_ID)
                self._summary_basis = None
        if removed:
            self._derive()
        return removed

    def _derive(self) -> None:
        """Derive features and head anew from the event log."""
        with self._lock:
            self._weights, self._sums = {}, None
        self._count(list(self.journal.views()))
        self._learn_all()

    def _count(self, views: list[View]) -> None:
        added = views_by_title(views, self._catalog, self._reward, self._installed.spec)
        weights = dict(self._weights)
        for title_id, weight in added.items():
            weights[title_id] = weights.get(title_id, 0.0) + weight
        more = tally_titles(self._installed.encoded, added) if self._sums is not None else ()
        with self._lock:
            self._weights = weights
            both = zip(self._sums, more, strict=True) if self._sums is not None and more else ()
            self._sums = tuple(np.asarray(old + new) for old, new in both) or None  # None: once somebody asks
            self._viewer = None

    def _answered(self, entries: Iterable[Entry]) -> Iterator[Answered]:
        """Yield the decisions to learn from: with an outcome, an artwork in the catalogue, and without an intent."""
        places = self._catalog.artwork_places
        for entry in entries:
            if entry.outcome is not None and not entry.with_intent and entry.artwork_id in places:
                yield entry, entry.outcome

    def _learn(self, entry: Entry) -> None:
        for answered in self._answered([entry]):
            if not self.learner.learn(*answered, self.viewer()):
                self._learn_all()

    def _learn_all(self) -> None:
        """Learn from the whole event log, and find the decisions that wait for an outcome."""
        entries = list(self.journal.entries())
        self._waiting = {entry.decision.id: entry.at for entry in entries if entry.seen and entry.outcome is None}
        answered = list(self._answered(entries))
        self._tally_answers(answered)
        learner = Learner(self._installed, self.stated)
        learner.learn_all(answered, self.viewer())
        self.learner = learner

    def _tally_answers(self, answered: list[Answered]) -> None:
        """Count outcomes of older models. Those of the installed model do not count yet: its latents are older."""
        answers: dict[str, float] = {}
        for entry, outcome in answered:
            if entry.decision.model_version != self._installed.version:
                title_id = entry.decision.title_id
                answers[title_id] = (
                    answers.get(title_id, 0.0) + IMPRESSION_WEIGHT + PLAY_WEIGHT * (outcome.kind == "played")
                )
        with self._lock:
            self._answers, self._viewer = answers, None

    def _met(self) -> Floats:
        """Return the viewer's exposure to each title, by place, [T]."""
        met = np.zeros(len(self._catalog), dtype=np.float32)
        for counted in (self._weights, self._answers):
            for title_id, weight in counted.items():
                if title_id in self._catalog:
                    met[self._catalog.index(title_id)] += weight
        return met


def _order(outcome: Outcome) -> tuple[int, float]:
    return _RANK[outcome.kind], outcome.seconds
