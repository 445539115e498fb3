"""Many devices in one process, batched through the very functions that one device uses.

Features, ranker, head, policy and local training come from the SDK; this module adds only what a simulation needs:
whose turn it is, and arrays with a leading axis of devices. State is a few arrays, so it can rest between rounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

import keyart
from keyart.campaigns import DeviceBatch
from keyart.model import (
    IMPRESSION_WEIGHT,
    PLAY_WEIGHT,
    DecisionLog,
    EncodedCatalog,
    FeatureRows,
    FeatureSpec,
    Head,
    HeadPrior,
    Latents,
    LoadedModel,
    LogitAdditions,
    Scores,
    TitleExposure,
    ViewerFeatures,
    affinities,
    age_limits,
    distribution,
    draw_candidates,
    eligible,
    intent_match,
    interaction_features,
    learned_play,
    main_effects,
    refit_head,
    score,
    sigmoid,
    slot_and_trending,
    tally_titles,
    trending_appeal,
    update_artwork_bias,
    update_head,
    views_by_title,
)

from ..learning.model import GlobalModel
from ..propensity_check import Calibration
from ..types import Bools, Doubles, Floats, Ints
from ..world import World, batched
from .impression_log import ImpressionBatch, ImpressionLog

CHUNK_DEVICES = 32  # bounds the memory of a training step, whose arrays then come from caches
NOTHING_SHOWN = -1  # in place of an artwork
HEADS_AT_A_TIME = 32  # what an update of so many heads reads and writes stays in the processor's cache


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
    ) -> None:
        self.world, self.members, self.policy, self.reward = world, members, policy, reward
        self.encoded = encoded or EncodedCatalog.build(world.catalog, spec)
        self.journal = ImpressionLog.empty(len(members), impressions)
        self.calibration = Calibration()
        self.latents: Latents | None = None
        self.version: int | None = None  # of the model that is installed
        self.prior = head
        self.head = Head.start(head or HeadPrior(), spec.artwork_size, (len(members),)) if head else None
        # By device and picture, what `keyart.model.artwork_bias.ArtworkBias` keeps: mean and Σ w. Pages that nobody
        # touches cost no memory.
        self.own, self._own_weight = np.zeros((2, len(members), len(self.encoded.artwork)), dtype=np.float32)
        self._answers, self._title_ids = batched(world), [title.id for title in world.catalog]
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

    def install(self, model: LoadedModel | GlobalModel) -> None:
        """Install the model of a bundle, or one as its bundle would have it. Heads are re-fitted."""
        loaded = model if isinstance(model, LoadedModel) else model.loaded(self.encoded)
        self.version, self.base_rate, self.weights = loaded.version, loaded.base_rate, loaded.weights
        self.viewer = affinities(self.encoded, self._watched, self._seen, self._views, loaded.population_taste)
        self.appeal, self.latents = loaded.appeal, loaded.latents
        self.met: TitleExposure | None = (
            self.latents.met(self._title_exposure()) if self.latents is not None else None
        )
        if self.head is not None and self.journal.steps:
            self._learn_anew()

    def _title_exposure(self) -> Floats:
        """Return what each device met of each title, by its history and by what older models showed, [devices, T]."""
        journal, answers = self.journal, np.zeros_like(self._history)
        for k in range(journal.steps):  # a device meets one title a step
            answers[np.arange(len(answers)), self.encoded.title_of[journal.artwork[:, k]]] += journal.counted[
                :, k
            ] * (IMPRESSION_WEIGHT + PLAY_WEIGHT * journal.played[:, k])
        return np.asarray(self._history + answers)

    def _viewer_latents(self, chunk: slice, titles: Ints) -> Floats | None:
        """Return f for titles [d, N], [d, N, F]."""
        if self.latents is None:
            return None
        return self.latents.viewer(self._exposure_of(chunk), titles)

    def _exposure_of(self, chunk: slice) -> TitleExposure:
        assert self.met is not None  # noqa: S101
        return TitleExposure(self.met.counts[chunk], self.met.weight[chunk], self.met.total[chunk])

    def _additions(self, chunk: slice, learned: bool) -> LogitAdditions:
        """Return what a chunk adds to the logit of play, with what its outcomes have taught it if `learned`."""
        return LogitAdditions(
            self.latents,
            self._exposure_of(chunk) if self.latents is not None else None,
            head=self._heads(chunk) if learned else None,
            artwork_bias=self.own[chunk] if learned and self.head is not None else None,
        )

    def _heads(self, chunk: slice) -> Head | None:
        return Head(self.head.mean[chunk], self.head.covariance[chunk]) if self.head is not None else None

    def _learn_anew(self) -> None:
        """Learn from what older models showed, as `keyart.profile.learner` does."""
        assert self.head is not None and self.prior is not None  # noqa: S101
        steps, devices = self.journal.steps, np.arange(len(self.members))
        played, counted = self.journal.played[:, :steps], self.journal.counted[:, :steps] > 0
        base, size = np.empty(counted.shape, dtype=np.float32), counted.sum(axis=1)
        shown = self.journal.artwork[:, :steps].astype(np.intp)
        for chunk in self._chunks():
            rows, places = self._log_rows(chunk, slice(0, steps))
            base[chunk] = self._base(chunk, rows, places)
            for count in np.unique(size[chunk]).tolist():  # padding would be rounded in another way than on a device
                alike = devices[chunk][size[chunk] == count]
                some = counted[alike]
                artwork = self.encoded.artwork[shown[alike][some]].reshape(len(alike), count, rows.artwork.shape[-1])
                of_some = (values[alike][some].reshape(len(alike), count) for values in (base, played))
                self.head.mean[alike], self.head.covariance[alike] = refit_head(self.prior, artwork, *of_some)
        self.own[:] = self._own_weight[:] = 0.0
        for k in range(steps):
            at = np.flatnonzero(counted[:, k])
            where, artwork = (at, shown[at, k]), self.encoded.artwork[shown[at, k], None]
            logits = learned_play(base[at, k, None], artwork, self.head.mean[at], self.own[where][:, None])
            self._learn_bias(where, sigmoid(logits[:, 0]), played[at, k])

    def _base(self, chunk: slice, rows: FeatureRows, shown: Ints) -> Floats:
        """Return `Logits.base` of logged decisions, [d, N]."""
        additions, titles = self._additions(chunk, learned=False), self.encoded.title_of[shown]
        return additions.logits(score(self.weights, rows), rows.artwork, titles, shown).base

    def _learn_bias(self, where: tuple[Ints, Ints], q: Floats, played: Floats) -> None:
        """Learn one outcome of each of some devices; `where` holds the devices and the artworks that they showed."""
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
        """Choose, show, observe and learn impression k on every device, and return the artworks shown.

        Returns:
            Places of the artworks, [d]; `NOTHING_SHOWN` where the age limit allows none of the title's. Such an
            impression is not made: the world is not asked for its outcome, and it counts nowhere.
        """
        count = len(self.members)
        now = self._moment(k)
        p, candidates = self._probabilities(now)
        pick = draw_candidates(p, self._uniforms[:, k])
        at = np.arange(count)
        made = np.asarray(p.any(axis=1), dtype=np.bool_)
        self.calibration.add(p[made], pick[made])
        shown = candidates[at, pick]
        self._show(k, now, shown, p[at, pick], made)
        if self.head is not None:
            self._learn(k)
        return np.where(made, shown, NOTHING_SHOWN)

    def show_any(self, k: int, rng: np.random.Generator) -> None:
        """Show any artwork of the title as impression k on every device, and observe the outcome; nothing is learned.

        The policy and the rules of what may be shown have no say.

        Args:
            k: Number of the impression.
            rng: Randomness of what is shown.
        """
        now = self._moment(k)
        first, last = self.encoded.first[now.titles], self.encoded.first[now.titles + 1]
        made = np.ones(len(first), dtype=np.bool_)
        self._show(k, now, rng.integers(first, last), 1.0 / (last - first), made)

    def _show(self, k: int, now: ImpressionBatch, shown: Ints, propensity: Doubles, made: Bools) -> None:
        """Show artworks as impression k, and write down what comes of it."""
        spec, journal = self.encoded.spec, self.journal
        played, quality = self._outcomes(k, shown, now.titles, made)
        journal.artwork[:, k], journal.slot_log[:, k] = shown, now.slot_log
        journal.device[:, k] = now.context[:, : len(spec.devices) + 1].argmax(axis=1)
        journal.daypart[:, k] = now.context[:, len(spec.devices) + 1 :].argmax(axis=1)
        journal.played[:, k], journal.quality[:, k], journal.propensity[:, k] = played, quality, propensity
        # Intent is never stored, so that nothing can be learned from what was shown under one.
        journal.counted[:, k] = made
        journal.counted[list(now.intents), k] = 0.0
        journal.steps = k + 1

    def _probabilities(self, now: ImpressionBatch) -> tuple[Doubles, Ints]:
        """Return the policy's probabilities and the places of the candidates, [d, A].

        Titles with fewer than A artworks repeat their last one, which is then drawn with probability 0.
        """
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
        allowed = eligible(encoded, self.policy, candidates, watched=watched, limits=now.limits, exists=exists)
        return distribution(value, allowed, self.policy.gamma(self.base_rate)), candidates

    def _moment(self, k: int) -> ImpressionBatch:
        """Return impression k on every device."""
        spec, count = self.encoded.spec, len(self.members)
        batch = self._answers.impression_batch(self.members, k)
        contexts, which = batch.contexts, batch.context_of
        context = np.array([spec.context_row(now.device, now.daypart) for now in contexts], dtype=np.float32)
        limits = age_limits(contexts)
        slot_log = np.array([slot_and_trending(spec, now, "")[0] for now in contexts], dtype=np.float32)
        trending, intents = np.zeros(count, dtype=np.float32), dict[int, Mapping[str, float]]()
        if any(now.trending or now.intent for now in contexts):
            for row, (place, title) in enumerate(zip(which.tolist(), batch.titles.tolist(), strict=True)):
                trending[row] = slot_and_trending(spec, contexts[place], self._title_ids[title])[1]
                if contexts[place].intent:
                    intents[row] = contexts[place].intent
        limits = None if limits is None else limits[which]
        return ImpressionBatch(batch.titles, context[which], slot_log[which], trending, limits, intents)

    def _outcomes(self, k: int, shown: Ints, titles: Ints, made: Bools) -> tuple[Floats, Floats]:
        """Return plays and quality plays of the impressions that are made, [d]; 0 for the others."""
        played, seconds = np.zeros(len(shown), dtype=np.bool_), np.zeros(len(shown))
        if made.any():
            played[made], seconds[made] = self._answers.outcome_batch(self.members[made], k, shown[made])
        quality = np.zeros(len(shown), dtype=np.float32)
        for row in np.flatnonzero(played).tolist():
            outcome = keyart.Outcome("played", float(seconds[row]))
            quality[row] = self.reward.of(outcome, self.encoded.durations[titles[row]])
        return played.astype(np.float32), quality

    def _rows(
        self, chunk: slice, artworks: Ints, titles: Ints, slot_log: Floats, trending: Floats, context: Floats
    ) -> FeatureRows:
        """Return rows of candidates: artworks [d, A], titles [d, 1], the rest [d]; or of a log: all [d, N]."""
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
        """1 for a device with a history, else 0, [devices]."""
        return (self._views > 0).astype(np.float32)

    @property
    def decisions(self) -> float:
        """The number of decisions that count, of all devices."""
        return float(self.journal.counted[:, : self.journal.steps].sum())

    def histories(self) -> Iterator[Floats]:
        """Yield weighted views [d, T] by title before the first impression, chunk by chunk of devices."""
        for chunk in self._chunks():
            yield self._history[chunk]

    def logs(self) -> Iterator[tuple[slice, DecisionLog, Ints]]:
        """Yield devices, their logs, and the artworks [d, N] that these show, chunk by chunk of devices."""
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
        """Return rows of logged decisions [d, N], and the places of the artworks shown."""
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
        journal, titles = self.journal, self.encoded.title_of[artworks]
        nothing = Scores(*np.zeros((2, *artworks.shape), dtype=np.float32))  # no score is in the offset
        logits = self._additions(chunk, learned=True).logits(nothing, rows.artwork, titles, artworks)
        return DecisionLog(
            rows,
            logits.offset,
            journal.played[window],
            journal.quality[window],
            journal.counted[window],
            self._viewer_latents(chunk, titles),
        )

    @property
    def chunks(self) -> int:
        """The number of chunks of devices."""
        return -(-len(self.members) // CHUNK_DEVICES)

    def log_of_chunk(self, place: int) -> tuple[DecisionLog, Ints, Bools]:
        """Return the logs of the devices of one chunk, the artworks [d, N] that these show, and whether they do."""
        chunk = list(self._chunks())[place]
        window = (chunk, slice(0, self.journal.steps))
        return self._log(chunk), self.journal.artwork[window].astype(np.intp), self.journal.propensity[window] > 0

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the impressions so far as arrays, for `restore`."""
        return self.journal.state()

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]], steps: int | None = None) -> None:
        """Take back the state that `state` returned; the heads follow at the next `install`.

        Args:
            arrays: the state.
            steps: the first impressions, to which the state is cut back; None: all of them.
        """
        self.journal = ImpressionLog.from_state(arrays, steps)
        if self.head is not None:
            self.head = Head.start(self.prior or HeadPrior(), self.encoded.spec.artwork_size, (len(self.members),))
        self.own[:] = self._own_weight[:] = 0.0
