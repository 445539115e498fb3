"""The scorer: the parts add up to the logit, and no candidate's bits depend on what it is scored beside."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from choosing_samples import sample_catalog, sample_model

from keyart.model.features import FeatureSpec
from keyart.model.features.rows import FeatureRows
from keyart.model.head import Head
from keyart.model.latents import LATENTS, Latents
from keyart.model.scorer import DecisionLog, LogitAdditions, Logits, learned_play, score, sigmoid

CATALOG = sample_catalog()
SPEC = FeatureSpec.from_catalog(CATALOG)
WEIGHTS = sample_model(CATALOG).weights
DEVICES, CANDIDATES, ARTWORKS, TITLES = 40, 11, 48, 6


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(0, 0.5, shape).astype(np.float32)


def rows_of(*lead: int, each: bool = False) -> FeatureRows:
    """Rows of candidates; each: with a context of their own."""
    sizes = (SPEC.artwork_size, len(SPEC.match_names), len(SPEC.main_names), 2)
    parts = [random(*lead, CANDIDATES, size, seed=n) for n, size in enumerate(sizes)]
    context = random(*lead, *([CANDIDATES] if each else []), len(SPEC.context_names), seed=9)
    return FeatureRows(*parts, random(*lead, SPEC.viewer_size, seed=8), context)


def additions() -> tuple[LogitAdditions, np.ndarray, np.ndarray]:
    """Of a batch, and places and titles of its candidates."""
    rng = np.random.default_rng(2)
    latents = Latents(random(TITLES, LATENTS), random(ARTWORKS, LATENTS, seed=1))
    counts = rng.integers(0, 3, (DEVICES, TITLES)).astype(np.float32)
    size = SPEC.artwork_size + 1
    head = Head(random(DEVICES, size), np.zeros((DEVICES, size, size), dtype=np.float32))
    titles = rng.integers(0, TITLES, (DEVICES, 1))
    places = 8 * titles + rng.integers(0, 8, (DEVICES, CANDIDATES))
    some = LogitAdditions(
        latents, latents.met(counts), random(ARTWORKS, seed=5), head, random(DEVICES, ARTWORKS, seed=6)
    )
    return some, places, titles


def alone(some: LogitAdditions, device: int) -> LogitAdditions:
    """Of one device of a batch."""
    assert some.latents is not None and some.met is not None and some.head is not None
    head = Head(some.head.mean[device], some.head.covariance[device])
    met = some.latents.met(some.met.counts[device])
    return LogitAdditions(some.latents, met, some.preferences, head, some.artwork_bias[device])


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("count", range(1, CANDIDATES + 1))
def test_a_candidate_has_the_same_bits_in_any_company(count, each):
    rows = rows_of(DEVICES, each=each)
    whole = score(WEIGHTS, rows)
    for device in (0, 17, DEVICES - 1):
        one = FeatureRows(*(getattr(rows, f.name)[device] for f in fields(FeatureRows)))
        cut = FeatureRows(
            *(getattr(one, name)[:count] for name in ("artwork", "match", "main", "appeal")),
            one.viewer,
            one.context[:count] if each else one.context,
        )
        for mine, theirs in zip(score(WEIGHTS, cut), whole, strict=True):
            np.testing.assert_array_equal(mine, theirs[device, :count])


def test_one_context_a_viewer_or_one_a_decision_is_the_same():
    rows = rows_of(DEVICES)
    contexts = np.broadcast_to(rows.context[:, None], (DEVICES, CANDIDATES, rows.context.shape[-1]))
    each = FeatureRows(rows.artwork, rows.match, rows.main, rows.appeal, rows.viewer, contexts)
    for one, other in zip(score(WEIGHTS, rows), score(WEIGHTS, each), strict=True):
        np.testing.assert_array_equal(one, other)


def test_all_parts_of_a_device_have_the_bits_of_the_batch():
    some, places, titles = additions()
    rows = rows_of(DEVICES)
    batch = some.logits(score(WEIGHTS, rows), rows.artwork, titles, places)
    for device in range(0, DEVICES, 7):
        one = FeatureRows(*(getattr(rows, f.name)[device] for f in fields(FeatureRows)))
        mine = alone(some, device).logits(score(WEIGHTS, one), one.artwork, int(titles[device, 0]), places[device])
        for name in ("play", "completion", "base", "offset", "value"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(batch, name)[device], err_msg=name)
        for name, part in mine._asdict().items():
            np.testing.assert_array_equal(part, getattr(batch, name)[device], err_msg=name)


def test_the_parts_are_the_logit():
    some, places, titles = additions()
    rows = rows_of(DEVICES)
    logits = some.logits(score(WEIGHTS, rows), rows.artwork, titles, places)
    parts = [part.astype(np.float64) for name, part in logits._asdict().items() if name != "completion"]
    assert len(parts) == 5 and all(part.any() for part in parts)
    np.testing.assert_allclose(logits.play, sum(parts), atol=1e-5)
    np.testing.assert_allclose(logits.play, logits.ranker + logits.offset, atol=1e-5)
    np.testing.assert_array_equal(logits.value, sigmoid(logits.play) * sigmoid(logits.completion))
    assert some.head is not None
    learned = learned_play(logits.base, rows.artwork, some.head.mean, logits.artwork_bias)
    np.testing.assert_array_equal(learned, logits.play)
    log = DecisionLog(rows_of(DEVICES, each=True), logits.offset, *[np.zeros((DEVICES, CANDIDATES), np.float32)] * 3)
    np.testing.assert_array_equal(log.logits(WEIGHTS).play, score(WEIGHTS, log.rows).play + logits.offset)


def test_parts_that_there_are_not_add_nothing():
    ranker, completion = random(3), random(3, seed=1)
    bare = Logits(ranker, completion)
    assert bare.play is ranker and not bare.offset.any()
    np.testing.assert_array_equal(Logits(ranker, completion, head=np.zeros(3, np.float32)).play, ranker)
    np.testing.assert_array_equal(Logits(ranker, completion, head=ranker).at(slice(1, 3)).play, 2 * ranker[1:])
