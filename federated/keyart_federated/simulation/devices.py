"""Devices: many devices in one process, batched through the very functions that one device uses.

Features, ranker, head, policy and local training come from the SDK; here is only what a simulation adds: whose
turn it is, and arrays with a leading axis of devices. State is a few arrays, so it can rest between rounds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

import keyart
from keyart.campaigns.device_batch import DeviceBatch
from keyart.campaigns.kinds.gradient import gradient_sums
from keyart.errors import WorldError
from keyart.model.artwork_bias import update_artwork_bias
from keyart.model.eligibility import age_limit, eligible
from keyart.model.features import EncodedCatalog, FeatureSpec, ViewerFeatures
from keyart.model.features.rows import (
    FeatureRows,
    intent_match,
    interaction_features,
    main_effects,
    slot_and_trending,
    trending_appeal,
)
from keyart.model.features.viewer import affinities, tally_titles, views_by_title
from keyart.model.head import Head, HeadPrior, refit_head, update_head
from keyart.model.latents import IMPRESSION_WEIGHT, PLAY_WEIGHT, Latents, TitleExposure
from keyart.model.loaded_model import LoadedModel
from keyart.model.policy import distribution, draw_candidates
from keyart.model.scorer import DecisionLog, LogitAdditions, learned_play, score, sigmoid

from ..learning.model import Model
from ..propensity_check import Calibration
from ..world import World

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
CHUNK_DEVICES = 32  # bounds the memory of a training step, whose arrays then come from caches
HEADS_AT_A_TIME = 32  # what an update of so many heads reads and writes stays in the processor's cache


@dataclass(frozen=True)
class Moment:
    """One impression on each of [d] devices: titles, context [d, C], log of the slot, the title's trend, the age
    limit, and, by row, what some ask for."""

    titles: Ints
    context: Floats
    slot_log: Floats
    trending: Floats
    max_age: Ints
    intents: Mapping[int, Mapping[str, float]]


@dataclass
class Journal:
    """What the devices showed and what came of it: [devices, impressions] arrays, filled step by step."""

    artwork: npt.NDArray[np.int32]
    slot_log: Floats
    counted: Floats
    device: npt.NDArray[np.int8]
    daypart: npt.NDArray[np.int8]
    played: Floats
    quality: Floats
    propensity: npt.NDArray[np.float64]
    steps: int = 0

    @classmethod
    def empty(cls, devices: int, impressions: int) -> Journal:
        shape = (devices, impressions)
        return cls(
            artwork=np.zeros(shape, dtype=np.int32),
            slot_log=np.zeros(shape, dtype=np.float32),
            counted=np.zeros(shape, dtype=np.float32),
            device=np.zeros(shape, dtype=np.int8),
            daypart=np.zeros(shape, dtype=np.int8),
            played=np.zeros(shape, dtype=np.float32),
            quality=np.zeros(shape, dtype=np.float32),
            propensity=np.zeros(shape),
        )


class Devices:
    """The devices `members` of a world, with one model for all of them and a head for each."""

    def __init__(
        self,
        world: World,
        members: Ints,
        spec: FeatureSpec,
        impressions: int,
        *,
        seed: int = 0,
        policy: keyart.Policy,
        reward: keyart.Reward,
        head: HeadPrior | None,
        encoded: EncodedCatalog | None = None,
        turn: threading.Lock | None = None,
    ) -> None:
        """turn: whose holder may ask the world, where others ask it, too: a World need not be safe for threads."""
        self._turn = turn or threading.Lock()
        self.world, self.members, self.policy, self.reward = world, members, policy, reward
        self.encoded = encoded or EncodedCatalog.build(world.catalog, spec)
        self.journal = Journal.empty(len(members), impressions)
        self.calibration = Calibration()
        self.latents: Latents | None = None
        self.version: int | None = None  # of the model that is installed
        self.prior = head
        self.head = Head.start(head or HeadPrior(), spec.artwork_size, (len(members),)) if head else None
        # By device and picture, what `keyart.model.artwork_bias.ArtworkBias` keeps: mean and Σ w. Pages that nobody
        # touches cost no memory.
        self.own, self._own_weight = np.zeros((2, len(members), len(self.encoded.artwork)), dtype=np.float32)
        self._artwork_ids = [artwork.id for title in world.catalog for artwork in title.artworks]
        # One stream a device, one number an impression: a device alone draws the same numbers as in any batch.
        self._uniforms = np.array([np.random.default_rng([seed, i]).random(impressions) for i in members])
        self._tally_histories()

    def _tally_histories(self) -> None:
        catalog, spec, encoded = self.world.catalog, self.encoded.spec, self.encoded
        watched = np.zeros((len(self.members), spec.viewer_size), dtype=np.float32)
        seen = np.zeros((len(self.members), encoded.open_size), dtype=np.float32)
        views = np.zeros(len(self.members), dtype=np.float32)
        self._history = np.zeros((len(self.members), len(encoded.first) - 1), dtype=np.float32)
        for row, i in enumerate(self.members):
            weights = views_by_title(self.world.history(int(i)), catalog, self.reward, spec)
            watched[row], seen[row], views[row] = tally_titles(encoded, weights)
            for title_id, weight in weights.items():
                if title_id in catalog:
                    self._history[row, catalog.index(title_id)] = weight
        self._watched, self._seen, self._views = watched, seen, views

    def install(self, model: LoadedModel | Model) -> None:
        """Install the model of a bundle, or one as its bundle would have it. Heads are re-fitted."""
        loaded = model if isinstance(model, LoadedModel) else model.loaded(self.encoded)
        self.version, self.base_rate, self.weights = loaded.version, loaded.base_rate, loaded.weights
        self.viewer = affinities(self.encoded, self._watched, self._seen, self._views, loaded.population_taste)
        self.appeal, self.latents = loaded.appeal, loaded.latents
        self.met: TitleExposure | None = self.latents.met(self._met()) if self.latents is not None else None
        if self.head is not None and self.journal.steps:
            for chunk in self._chunks():
                self._learn_anew(chunk)

    def _met(self) -> Floats:
        """[devices, T]: what each met of each title, by its history and by what older models showed."""
        journal, answers = self.journal, np.zeros_like(self._history)
        for k in range(journal.steps):  # a device meets one title a step
            answers[np.arange(len(answers)), self.encoded.title_of[journal.artwork[:, k]]] += journal.counted[
                :, k
            ] * (IMPRESSION_WEIGHT + PLAY_WEIGHT * journal.played[:, k])
        return np.asarray(self._history + answers)

    def _viewer_latents(self, chunk: slice, titles: Ints) -> Floats | None:
        """f [d, N, F] for titles [d, N]."""
        if self.latents is None:
            return None
        return self.latents.viewer(self._met_by(chunk), titles)

    def _met_by(self, chunk: slice) -> TitleExposure:
        assert self.met is not None  # noqa: S101
        return TitleExposure(self.met.counts[chunk], self.met.weight[chunk], self.met.total[chunk])

    def _additions(self, chunk: slice, learned: bool) -> LogitAdditions:
        """What the devices of a chunk add to the logit of play. learned: with what outcomes have taught them."""
        return LogitAdditions(
            self.latents,
            self._met_by(chunk) if self.latents is not None else None,
            head=self._heads(chunk) if learned else None,
            artwork_bias=self.own[chunk] if learned and self.head is not None else None,
        )

    def _heads(self, chunk: slice) -> Head | None:
        return Head(self.head.mean[chunk], self.head.covariance[chunk]) if self.head is not None else None

    def _learn_anew(self, chunk: slice) -> None:
        """What older models showed, learned as `keyart.profile.learner` does."""
        assert self.head is not None and self.prior is not None  # noqa: S101
        rows, shown = self._log_rows(chunk, slice(0, self.journal.steps))
        base = self._base(chunk, rows, shown)
        played = self.journal.played[chunk, : self.journal.steps]
        counted = self.journal.counted[chunk, : self.journal.steps] > 0
        size, devices = counted.sum(axis=1), np.arange(len(self.members))[chunk]
        for count in np.unique(size).tolist():  # padding would be rounded in another way than on a device alone
            alike = size == count
            some = counted[alike]
            artwork = rows.artwork[alike][some].reshape(len(some), count, rows.artwork.shape[-1])
            of_some = (values[alike][some].reshape(len(some), count) for values in (base, played))
            head = refit_head(self.prior, artwork, *of_some)
            self.head.mean[devices[alike]], self.head.covariance[devices[alike]] = head.mean, head.covariance
        self.own[chunk] = self._own_weight[chunk] = 0.0
        mean = self.head.mean[chunk]
        for k in range(self.journal.steps):
            at = np.flatnonzero(counted[:, k])
            where = devices[at], shown[at, k]
            one = (base[at, k, None], rows.artwork[at, k, None], mean[at], self.own[where][:, None])
            self._learn_bias(where, sigmoid(learned_play(*one)[:, 0]), played[at, k])

    def _base(self, chunk: slice, rows: FeatureRows, shown: Ints) -> Floats:
        """`Logits.base` [d, N] of logged decisions."""
        additions, titles = self._additions(chunk, learned=False), self.encoded.title_of[shown]
        return additions.logits(score(self.weights, rows), rows.artwork, titles, shown).base

    def _learn_bias(self, where: tuple[Ints, Ints], q: Floats, played: Floats) -> None:
        """One outcome of each of some devices. where: devices, and the artworks that they showed."""
        self.own[where], self._own_weight[where] = update_artwork_bias(
            self.own[where], self._own_weight[where], q, played
        )

    def _learn(self, k: int) -> None:
        """Learn impression k on every device, from what a device has stored of it."""
        assert self.head is not None  # noqa: S101
        rows, shown = self._log_rows(slice(None), slice(k, k + 1))
        devices = np.arange(len(self.members))
        base = self._base(slice(None), rows, shown)
        q = sigmoid(learned_play(base, rows.artwork, self.head.mean, self.own[devices[:, None], shown])[:, 0])
        artwork, played, counted = rows.artwork[:, 0], self.journal.played[:, k], self.journal.counted[:, k]
        for start in range(0, len(devices), HEADS_AT_A_TIME):
            some = slice(start, start + HEADS_AT_A_TIME)
            before = Head(self.head.mean[some], self.head.covariance[some])
            after = update_head(before, artwork[some], q[some], played[some], counted[some])
            self.head.mean[some], self.head.covariance[some] = after.mean, after.covariance
        kept = counted > 0
        self._learn_bias((devices[kept], shown[kept, 0]), q[kept], played[kept])

    def step(self, k: int) -> Ints:
        """Impression k on every device: choose, show, observe, learn at once. Returns the pictures shown."""
        spec, count = self.encoded.spec, len(self.members)
        now = self._moment(k)
        p, candidates = self._probabilities(now)
        pick = draw_candidates(p, self._uniforms[:, k])
        self.calibration.add(p, pick)
        at = np.arange(count)
        shown = candidates[at, pick]
        played, quality = self._outcomes(k, shown, now.titles)
        journal = self.journal
        journal.artwork[:, k], journal.slot_log[:, k] = shown, now.slot_log
        journal.device[:, k] = now.context[:, : len(spec.devices) + 1].argmax(axis=1)
        journal.daypart[:, k] = now.context[:, len(spec.devices) + 1 :].argmax(axis=1)
        journal.played[:, k], journal.quality[:, k], journal.propensity[:, k] = played, quality, p[at, pick]
        # Intent is never stored, so that nothing can be learned from what was shown under one.
        journal.counted[:, k] = 1.0
        journal.counted[list(now.intents), k] = 0.0
        journal.steps = k + 1
        if self.head is not None:
            self._learn(k)
        return np.asarray(shown, dtype=np.intp)

    def _probabilities(self, now: Moment) -> tuple[npt.NDArray[np.float64], Ints]:
        """[d, A]: the policy's, and the places of the candidates; titles with fewer than A repeat their last one,
        which is then drawn with probability 0."""
        encoded, titles = self.encoded, now.titles[:, None]
        first, last = encoded.first[titles], encoded.first[titles + 1]
        places = first + np.arange(int((last - first).max()))
        candidates, exists = np.minimum(places, last - 1), places < last
        rows = self._rows(slice(None), candidates, titles, now.slot_log, now.trending, now.context)
        rows = replace(rows, appeal=trending_appeal(rows.appeal, now.trending[:, None]))
        for row, intent in now.intents.items():
            rows.match[row, :, -1] = intent_match(encoded.spec, rows.artwork[row], intent)
        additions = self._additions(slice(None), learned=True)
        value = additions.logits(score(self.weights, rows), rows.artwork, titles, candidates).value
        watched = self._history[np.arange(len(titles)), now.titles] > 0
        allowed = eligible(encoded, self.policy, candidates, watched=watched, max_age=now.max_age, exists=exists)
        return distribution(value, allowed, self.policy.gamma(self.base_rate)), candidates

    def _moment(self, k: int) -> Moment:
        """Impression k on every device."""
        spec, world, count = self.encoded.spec, self.world, len(self.members)
        titles, max_age = np.empty(count, dtype=np.intp), np.empty(count, dtype=np.intp)
        context = np.zeros((count, len(spec.context_names)), dtype=np.float32)
        slot_log, trending = np.empty(count, dtype=np.float32), np.empty(count, dtype=np.float32)
        intents: dict[int, Mapping[str, float]] = {}
        with self._turn:
            for row, i in enumerate(self.members.tolist()):
                title_id, now = world.impression(i, k)
                titles[row], max_age[row] = world.catalog.index(title_id), age_limit(now)
                context[row] = spec.context_row(now.device, now.daypart)
                slot_log[row], trending[row] = slot_and_trending(spec, now, title_id)
                if now.intent:
                    intents[row] = now.intent
        return Moment(titles, context, slot_log, trending, max_age, intents)

    def _outcomes(self, k: int, shown: Ints, titles: Ints) -> tuple[Floats, Floats]:
        played = np.zeros(len(shown), dtype=np.float32)
        quality = np.zeros(len(shown), dtype=np.float32)
        ids = self._artwork_ids
        with self._turn:
            outcomes = [
                self.world.outcome(i, k, ids[artwork])
                for i, artwork in zip(self.members.tolist(), shown.tolist(), strict=True)
            ]
        for row, outcome in enumerate(outcomes):
            if not isinstance(outcome, keyart.Outcome):
                raise WorldError(f"World.outcome must return a keyart.Outcome, not {type(outcome).__name__}.")
            if outcome.kind == "played":
                played[row] = 1.0
                quality[row] = self.reward.of(outcome, self.encoded.durations[titles[row]])
        return played, quality

    def _rows(
        self, chunk: slice, artworks: Ints, titles: Ints, slot_log: Floats, trending: Floats, context: Floats
    ) -> FeatureRows:
        """Rows of candidates: artworks [d, A], titles [d, 1], the rest [d]; or of a log: all of them [d, N]."""
        encoded = self.encoded
        viewer = ViewerFeatures(
            self.viewer.affinity[chunk, None], self.viewer.taste[chunk, None], self.viewer.people[chunk, None]
        )
        main = main_effects(
            encoded.spec,
            slot_log,
            trending,
            context,
            encoded.title_shares[titles].reshape(*slot_log.shape, -1),
        )
        if main.ndim == 2:
            main = main[:, None, :]
        return FeatureRows(
            artwork=encoded.artwork[artworks],
            match=interaction_features(encoded, viewer, artworks, titles),
            main=main,
            appeal=self.appeal[artworks],
            viewer=self.viewer.taste[chunk],
            context=context,
        )

    def _chunks(self) -> Iterator[slice]:
        for start in range(0, len(self.members), CHUNK_DEVICES):
            yield slice(start, start + CHUNK_DEVICES)

    @property
    def known(self) -> Floats:
        """[devices]: 1 where there is a history."""
        return (self._views > 0).astype(np.float32)

    @property
    def decisions(self) -> float:
        """Decisions that count, of all devices."""
        return float(self.journal.counted[:, : self.journal.steps].sum())

    def histories(self) -> Iterator[Floats]:
        """By chunk of devices: weighted views [d, T] by title before the first impression."""
        for chunk in self._chunks():
            yield self._history[chunk]

    def logs(self) -> Iterator[tuple[slice, DecisionLog, Ints]]:
        """By chunk of devices: which, their logs, and the pictures [d, N] that these show."""
        for chunk in self._chunks():
            yield chunk, self._log(chunk), self.journal.artwork[chunk, : self.journal.steps].astype(np.intp)

    def batches(self) -> Iterator[tuple[slice, DeviceBatch]]:
        """Yield the inputs of the devices' vectors, chunk by chunk of devices."""
        for chunk, log, artworks in self.logs():
            yield (
                chunk,
                DeviceBatch(
                    self.encoded,
                    self.weights,
                    log,
                    artworks,
                    self.viewer.affinity[chunk],
                    self.known[chunk],
                    self._history[chunk],
                ),
            )

    def _log_rows(self, chunk: slice, steps: slice) -> tuple[FeatureRows, Ints]:
        """Rows of logged decisions [d, N], and the places of what they showed."""
        journal, spec = self.journal, self.encoded.spec
        window = (chunk, steps)
        artworks = journal.artwork[window].astype(np.intp)
        context = np.zeros((*artworks.shape, len(spec.context_names)), dtype=np.float32)
        np.put_along_axis(context, journal.device[window].astype(np.intp)[..., None], 1.0, axis=-1)
        np.put_along_axis(
            context, journal.daypart[window].astype(np.intp)[..., None] + len(spec.devices) + 1, 1.0, axis=-1
        )
        # What was trending is not stored either, and a device learns from what it has stored.
        slot_log = journal.slot_log[window]
        titles = self.encoded.title_of[artworks]
        return self._rows(chunk, artworks, titles, slot_log, np.zeros_like(slot_log), context), artworks

    def _log(self, chunk: slice) -> DecisionLog:
        window = (chunk, slice(0, self.journal.steps))
        rows, artworks = self._log_rows(*window)
        titles = self.encoded.title_of[artworks]
        logits = self._additions(chunk, learned=True).logits(
            score(self.weights, rows), rows.artwork, titles, artworks
        )
        journal = self.journal
        return DecisionLog(
            rows,
            logits.offset,
            journal.played[window],
            journal.quality[window],
            journal.counted[window],
            self._viewer_latents(chunk, titles),
        )

    def curvature_by_artwork(self) -> npt.NDArray[np.float64]:
        """[n, 2]: curvature of play and of completion, summed over all devices' decisions by artwork. Only for a
        learner that is allowed to see everything."""
        total = np.zeros((len(self.encoded.artwork), 2))
        for _, log, artworks in self.logs():
            values = gradient_sums(self.weights, log).artworks
            for column, place in enumerate((1, 3)):
                total[:, column] += np.bincount(artworks.ravel(), values[..., place].ravel(), len(total))
        return total

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """What `restore` needs to go on from here."""
        arrays: dict[str, npt.NDArray[np.generic]] = {
            f.name: getattr(self.journal, f.name) for f in fields(self.journal) if f.name != "steps"
        }
        arrays["steps"] = np.array(self.journal.steps)
        return arrays

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]], steps: int | None = None) -> None:
        """Take back the state that `state` returned; the heads follow at the next `install`.

        Args:
            arrays: the state.
            steps: the first impressions, to which the state is cut back; None: all of them.
        """
        values = {f.name: np.array(arrays[f.name]) for f in fields(self.journal)}
        self.journal = Journal(**{**values, "steps": int(values["steps"]) if steps is None else steps})  # type: ignore[arg-type]
        if self.head is not None:
            self.head = Head.start(self.prior or HeadPrior(), self.encoded.spec.artwork_size, (len(self.members),))
        self.own[:] = self._own_weight[:] = 0.0

    def sample(self, count: int, rng: np.random.Generator) -> DecisionLog:
        """Up to `count` decisions drawn from the logs of one chunk of devices, as devices of one decision each. Only
        for a learner that is allowed to see everything (the central peer)."""
        chunk = list(self._chunks())[rng.integers(-(-len(self.members) // CHUNK_DEVICES))]
        log = self._log(chunk)
        keep = rng.choice(log.counted.size, size=min(count, log.counted.size), replace=False)
        at = np.divmod(keep, self.journal.steps)

        def pick(array: Floats) -> Floats:
            return array[at][:, None]

        rows = FeatureRows(
            artwork=pick(log.rows.artwork),
            match=pick(log.rows.match),
            main=pick(log.rows.main),
            appeal=pick(log.rows.appeal),
            viewer=log.rows.viewer[at[0]],
            context=pick(log.rows.context),
        )
        of_viewers = pick(log.latents) if log.latents is not None else None
        return DecisionLog(rows, pick(log.offset), pick(log.played), pick(log.quality), pick(log.counted), of_viewers)
