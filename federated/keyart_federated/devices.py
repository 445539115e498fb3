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
from keyart.choice import weigh
from keyart.errors import WorldError
from keyart.features import EncodedCatalog, FeatureSpec, ViewerFeatures
from keyart.features.rows import Rows, intent_match, mains, matches, situation, tilted
from keyart.features.viewer import affinities, tally, view_weight
from keyart.head import Head, HeadPrior, refit, update
from keyart.latents import PLAYED, SHOWN, Latents, Met
from keyart.outbound.gradient import Log, log_scores, sums
from keyart.outbound.layout import TrainingLayout
from keyart.outbound.together import together
from keyart.outbound.training import add_vectors
from keyart.own import own_update
from keyart.policy import draw, permitted
from keyart.ranker import score
from keyart.ranker.numpy_engine import sigmoid

from .calibration import Calibration
from .model import Model
from .world import World

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
CHUNK_DEVICES = 256  # bounds the memory of a training step


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
    propensity: Floats
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
            propensity=np.zeros(shape, dtype=np.float32),
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
        self.layout = TrainingLayout(spec, len(self.encoded.artwork))
        self.journal = Journal.empty(len(members), impressions)
        self.calibration = Calibration()
        self.version: int | None = None  # of the model that is installed
        self.prior = head
        self.head = Head.start(head or HeadPrior(), spec.artwork_size, (len(members),)) if head else None
        # By device and picture, what `keyart.own.Own` keeps: mean and Σ w. Pages that nobody touches cost no memory.
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
            history = [view for view in self.world.history(int(i)) if view.title_id in catalog]
            titles = np.array([catalog.index(view.title_id) for view in history], dtype=np.intp)
            weights = np.array(
                [
                    view_weight(v, encoded.durations[t], self.reward, spec)
                    for v, t in zip(history, titles, strict=True)
                ],
                dtype=np.float32,
            )
            watched[row], seen[row] = tally(encoded, titles, weights)
            np.add.at(self._history[row], titles, weights)
            views[row] = weights.sum()
        self._watched, self._seen, self._views = watched, seen, views

    def install(self, model: Model) -> None:
        """A new bundle arrives: int8 weights as a device gets them, taste centred anew, heads re-fitted."""
        self.version = model.version
        self.model = model
        self.weights = model.weights.quantized()
        self.viewer = affinities(
            self.encoded, self._watched, self._seen, self._views, model.population_taste.astype(np.float32)
        )
        self.appeal = model.appeal.astype(np.float32)
        self.latents: Latents | None = model.latents
        self.met: Met | None = self.latents.met(self._met()) if self.latents is not None else None
        if self.head is not None and self.journal.steps:
            parts = [self._refit_head(chunk) for chunk in self._chunks()]
            self.head = Head(*(np.concatenate(x) for x in zip(*((h.mean, h.covariance) for h in parts), strict=True)))

    def _met(self) -> Floats:
        """[devices, T]: what each met of each title, by its history and by what older models showed."""
        journal, met = self.journal, self._history.copy()
        for k in range(journal.steps):  # a device meets one title a step
            met[np.arange(len(met)), self.encoded.title_of[journal.artwork[:, k]]] += journal.counted[:, k] * (
                SHOWN + PLAYED * journal.played[:, k]
            )
        return met

    def _viewer_latents(self, chunk: slice, titles: Ints) -> Floats | None:
        """f [d, N, F] for titles [d, N]."""
        if self.latents is None:
            return None
        return self.latents.viewer(self._met_by(chunk), titles)

    def _met_by(self, chunk: slice) -> Met:
        assert self.met is not None  # noqa: S101
        return Met(self.met.counts[chunk], self.met.weight[chunk], self.met.total[chunk])

    def _others(self, chunk: slice, artworks: Ints, titles: Ints) -> Floats:
        """[d, N]: what the latents add to play, for artworks [d, N] of titles [d, N] or [d, 1]."""
        if self.latents is None:
            return np.zeros(artworks.shape, dtype=np.float32)
        return self.latents.added(self._met_by(chunk), titles, artworks)

    def together(self, asked: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The sum of all devices' vectors of which titles are watched together (`keyart.outbound.together`)."""
        return together(self._history, asked)

    def _refit_head(self, chunk: slice) -> Head:
        assert self.head is not None and self.prior is not None  # noqa: S101
        log = self._log(chunk)
        play, _ = log_scores(self.weights, log.rows)
        shown = self.journal.artwork[chunk, : self.journal.steps].astype(np.intp)
        play = play + self._others(chunk, shown, self.encoded.title_of[shown])
        head = refit(self.prior, log.rows.artwork, play, log.played, log.counted, self.head.mean[chunk])
        logits = play + head.offsets(log.rows.artwork)
        self.own[chunk] = self._own_weight[chunk] = 0.0
        devices = np.arange(len(self.members))[chunk]
        for k in range(self.journal.steps):
            self._learn_own(devices, shown[:, k], logits[:, k], log.played[:, k], log.counted[:, k] > 0)
        return head

    def _learn_own(
        self, devices: Ints, shown: npt.NDArray[np.integer], logits: Floats, played: Floats, counted: Bools
    ) -> None:
        """One outcome of each device [d]. logits [d]: of the picture shown, without its own."""
        at = devices[counted], shown[counted]
        q = sigmoid(logits[counted] + self.own[at])
        self.own[at], self._own_weight[at] = own_update(self.own[at], self._own_weight[at], q, played[counted])

    def step(self, k: int) -> Ints:
        """Impression k on every device: choose, show, observe, learn at once. Returns the pictures shown."""
        spec, encoded, count = self.encoded.spec, self.encoded, len(self.members)
        titles, context, slot_log, trending, intents = self._met_now(k)
        first, last = encoded.first[titles], encoded.first[titles + 1]
        width = int((last - first).max())
        candidates = np.minimum(first[:, None] + np.arange(width), last[:, None] - 1)
        exists = first[:, None] + np.arange(width) < last[:, None]
        rows = self._rows(slice(None), candidates, titles[:, None], slot_log, trending, context)
        rows = replace(rows, appeal=tilted(rows.appeal, trending[:, None]))
        for row, intent in intents.items():
            rows.match[row, :, -1] = intent_match(spec, rows.artwork[row], intent)
        scores = score(self.weights, rows)
        at = np.arange(count)
        own = self.own[at[:, None], candidates]
        offsets = self._others(slice(None), candidates, titles[:, None])
        if self.head is not None:
            offsets = offsets + self.head.offsets(rows.artwork) + own
        guard = ~encoded.misleading[candidates] if self.policy.misleading == "block" else exists
        weighed = weigh(scores, offsets, permitted(exists, guard), self.policy.gamma(self.model.base_rate))
        play, p = weighed.play, weighed.probability
        pick = draw(p, self._uniforms[:, k])
        self.calibration.add(p, pick)
        shown = candidates[at, pick]
        played, quality = self._outcomes(k, shown, titles)
        journal = self.journal
        journal.artwork[:, k], journal.slot_log[:, k] = shown, slot_log
        journal.device[:, k] = context[:, : len(spec.devices) + 1].argmax(axis=1)
        journal.daypart[:, k] = context[:, len(spec.devices) + 1 :].argmax(axis=1)
        journal.played[:, k], journal.quality[:, k], journal.propensity[:, k] = played, quality, p[at, pick]
        # Intent is never stored, so that nothing can be learned from what was shown under one.
        journal.counted[:, k] = 1.0
        journal.counted[list(intents), k] = 0.0
        journal.steps = k + 1
        if self.head is not None:
            # What was trending is not stored either, and a device learns from what it has stored.
            tilt = rows.appeal[at, pick, 0] - self.appeal[shown, 0]
            logit = play[at, pick] - trending * self.weights.play_main[spec.main_names.index("trending")] - tilt
            learned = update(self.head, rows.artwork[at, pick], logit, played)
            kept = journal.counted[:, k].astype(np.bool_)
            if not kept.all():
                learned.mean[~kept], learned.covariance[~kept] = self.head.mean[~kept], self.head.covariance[~kept]
            self.head = learned
            self._learn_own(at, shown, logit - own[at, pick], played, kept)
        return np.asarray(shown, dtype=np.intp)

    def _met_now(self, k: int) -> tuple[Ints, Floats, Floats, Floats, dict[int, dict[str, float]]]:
        """Impression k on every device: titles [d], context [d, C], slot_log and trending [d], and some ask for
        something."""
        spec, world, count = self.encoded.spec, self.world, len(self.members)
        titles = np.empty(count, dtype=np.intp)
        context = np.zeros((count, len(spec.context_names)), dtype=np.float32)
        slot_log, trending = np.empty(count, dtype=np.float32), np.empty(count, dtype=np.float32)
        intents: dict[int, dict[str, float]] = {}
        with self._turn:
            for row, i in enumerate(self.members.tolist()):
                title_id, now = world.impression(i, k)
                titles[row] = world.catalog.index(title_id)
                context[row] = spec.context_row(now.device, now.daypart)
                slot_log[row], trending[row] = situation(spec, now, title_id)
                if now.intent:
                    intents[row] = dict(now.intent)
        return titles, context, slot_log, trending, intents

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
    ) -> Rows:
        """Rows of candidates: artworks [d, A], titles [d, 1], the rest [d]; or of a log: all of them [d, N]."""
        encoded = self.encoded
        viewer = ViewerFeatures(
            self.viewer.affinity[chunk, None], self.viewer.taste[chunk, None], self.viewer.people[chunk, None]
        )
        main = mains(
            encoded.spec,
            slot_log,
            trending,
            context,
            encoded.title_shares[titles].reshape(*slot_log.shape, -1),
        )
        if main.ndim == 2:
            main = main[:, None, :]
        return Rows(
            artwork=encoded.artwork[artworks],
            match=matches(encoded, viewer, artworks, titles),
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

    def histories(self) -> Iterator[tuple[slice, Floats]]:
        """By chunk of devices: which, and their weighted views [d, T] by title before the first impression."""
        for chunk in self._chunks():
            yield chunk, self._history[chunk]

    def logs(self) -> Iterator[tuple[slice, Log, Ints]]:
        """By chunk of devices: which, their logs, and the pictures [d, N] that these show."""
        for chunk in self._chunks():
            yield chunk, self._log(chunk), self.journal.artwork[chunk, : self.journal.steps].astype(np.intp)

    def _log(self, chunk: slice) -> Log:
        journal, spec, steps = self.journal, self.encoded.spec, self.journal.steps
        window = (chunk, slice(0, steps))
        artworks = journal.artwork[window].astype(np.intp)
        context = np.zeros((*artworks.shape, len(spec.context_names)), dtype=np.float32)
        np.put_along_axis(context, journal.device[window].astype(np.intp)[..., None], 1.0, axis=-1)
        np.put_along_axis(
            context, journal.daypart[window].astype(np.intp)[..., None] + len(spec.devices) + 1, 1.0, axis=-1
        )
        rows = self._rows(
            chunk,
            artworks,
            self.encoded.title_of[artworks],
            journal.slot_log[window],
            np.zeros_like(journal.slot_log[window]),
            context,
        )
        titles = self.encoded.title_of[artworks]
        offset = self._others(chunk, artworks, titles)
        if self.head is not None:
            head = Head(self.head.mean[chunk], self.head.covariance[chunk])
            offset = offset + head.offsets(rows.artwork) + np.take_along_axis(self.own[chunk], artworks, axis=1)
        return Log(
            rows,
            offset,
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
            values = sums(self.weights, log).artworks
            for column, place in enumerate((1, 3)):
                total[:, column] += np.bincount(artworks.ravel(), values[..., place].ravel(), len(total))
        return total

    def train(self, cohort: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.int64]:
        """The sum of the cohort's integer vectors (see TrainingLayout), each from a device's whole own log."""
        total = np.zeros(self.layout.size, dtype=np.int64)
        for chunk, log, artworks in self.logs():
            taking_part = np.ones(len(log.counted), dtype=np.float32)
            if cohort is not None:
                taking_part = cohort[chunk].astype(np.float32)
            known = self.known[chunk] * taking_part
            theirs = replace(log, counted=log.counted * taking_part[:, None])
            add_vectors(total, self.layout, self.weights, theirs, artworks, self.viewer.affinity[chunk], known)
        return total

    def cohort(self, share: float, seed: int, round_number: int) -> npt.NDArray[np.bool_]:
        """[devices]: who takes part in a round; each device's own draw, whatever node it is on."""
        if share >= 1.0:
            return np.ones(len(self.members), dtype=np.bool_)
        draws = [np.random.default_rng([seed, round_number, 1, int(i)]).random() for i in self.members]
        return np.array(draws) < share

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """What `restore` needs to go on from here."""
        arrays: dict[str, npt.NDArray[np.generic]] = {
            f.name: getattr(self.journal, f.name) for f in fields(self.journal) if f.name != "steps"
        }
        arrays["steps"] = np.array(self.journal.steps)
        if self.head is not None:
            arrays["head"] = self.head.mean
        return arrays

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """The state that `state` returned; the heads' covariances follow at the next `install`."""
        values = {f.name: arrays[f.name] for f in fields(self.journal)}
        self.journal = Journal(**{**values, "steps": int(values["steps"])})  # type: ignore[arg-type]
        if self.head is not None:
            self.head = Head(np.asarray(arrays["head"], dtype=np.float32), self.head.covariance)

    def sample(self, count: int, rng: np.random.Generator) -> Log:
        """Up to `count` decisions drawn from the logs of one chunk of devices, as devices of one decision each. Only
        for a learner that is allowed to see everything (the central peer)."""
        chunk = list(self._chunks())[rng.integers(-(-len(self.members) // CHUNK_DEVICES))]
        log = self._log(chunk)
        keep = rng.choice(log.counted.size, size=min(count, log.counted.size), replace=False)
        at = np.divmod(keep, self.journal.steps)

        def pick(array: Floats) -> Floats:
            return array[at][:, None]

        rows = Rows(
            artwork=pick(log.rows.artwork),
            match=pick(log.rows.match),
            main=pick(log.rows.main),
            appeal=pick(log.rows.appeal),
            viewer=log.rows.viewer[at[0]],
            context=pick(log.rows.context),
        )
        of_viewers = pick(log.latents) if log.latents is not None else None
        return Log(rows, pick(log.offset), pick(log.played), pick(log.quality), pick(log.counted), of_viewers)
