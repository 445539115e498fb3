"""Artworks' latents from sums: what was planted is found at its level, and what other steps explain is left alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
from support.catalogs import sample_catalog

from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.latents import LATENTS
from keyart.model.scorer import sigmoid
from keyart_federated.learning.artwork_latents import (
    VARIANCE_RANGE,
    ArtworkLatents,
    LatentInformation,
    Sums,
    advance,
)

CATALOG = sample_catalog(titles=20, artworks=5)
ENCODED = EncodedCatalog.build(CATALOG, FeatureSpec.from_catalog(CATALOG))
PICTURES, TITLES = len(ENCODED.artwork), len(CATALOG)
TAGS, DIRECTIONS = ENCODED.spec.artwork_size, len(ENCODED.spec.direction_names)
LEVELS = ("tag", "title", "picture")
DAMPING = 0.65
INTERCEPT = -1.0
NO_WEIGHTS, NO_APPEAL = np.zeros((TAGS, DIRECTIONS)), np.zeros(PICTURES)
NOISE = 1e-4  # variance, about none


@dataclass(frozen=True)
class Log:
    """Decisions: f [N, F] of who saw which picture, and whether it was played; whether f tells it or not."""

    f: np.ndarray
    picture: np.ndarray
    played: np.ndarray

    @classmethod
    def drawn(cls, true: np.ndarray, seed: int = 0, viewers: int = 1500, seen: np.ndarray | None = None) -> Log:
        """40 decisions a viewer, of pictures drawn from `seen`; true [n, F]."""
        rng = np.random.default_rng(seed)
        f = np.repeat(rng.standard_normal((viewers, LATENTS)), 40, axis=0)
        picture = rng.choice(np.arange(PICTURES) if seen is None else seen, len(f))
        chance = sigmoid(INTERCEPT + (f * true[picture]).sum(-1))
        return cls(f, picture, (rng.random(len(f)) < chance).astype(float))

    def told(self, table: np.ndarray, share: float = 1.0) -> tuple[Sums, np.ndarray, np.ndarray, float]:
        """What devices with that table add up, and what the server knows without asking: the curvature by artwork, of
        which it knows a `share`, and moments and number of decisions."""
        chance = sigmoid(INTERCEPT + (self.f * table[self.picture]).sum(-1))
        r, w = self.played - chance, chance * (1 - chance)
        by_artwork = np.zeros((2, PICTURES, LATENTS))
        for part, values in zip(by_artwork, (r, w), strict=True):
            np.add.at(part, self.picture, values[:, None] * self.f)
        tags = (ENCODED.artwork.astype(float).T @ by_artwork[0]).ravel()
        curvature = share * np.maximum(np.bincount(self.picture, w, PICTURES), 1e-9)
        directions = np.eye(1, DIRECTIONS).repeat(len(r), axis=0)
        moments = np.concatenate([directions, self.f], axis=1).T @ self.f / len(r)
        by_artwork[1] *= share
        return (
            Sums(tags, np.full(tags.shape, NOISE), by_artwork, np.full(by_artwork.shape, NOISE)),
            curvature,
            moments,
            float(len(r)),
        )

    def step(
        self,
        state: ArtworkLatents,
        known: LatentInformation,
        tag_step: np.ndarray = NO_WEIGHTS,
        appeal_step: np.ndarray = NO_APPEAL,
        share: float = 1.0,
        by_artwork: bool = True,
    ) -> tuple[ArtworkLatents, LatentInformation]:
        sums, curvature, moments, decisions = self.told(state.table(ENCODED), share)
        if not by_artwork:
            sums = replace(sums, artworks=None, artwork_noise=None)
        known = known.measured(moments, 0.0)
        return advance(state, known, sums, curvature, tag_step, appeal_step, decisions, ENCODED, DAMPING)

    def rounds(self, count: int, share: float = 1.0, by_artwork: bool = True) -> list[ArtworkLatents]:
        states, known = [ArtworkLatents.start(ENCODED)], LatentInformation.none(ENCODED)
        for _ in range(count):
            state, known = self.step(states[-1], known, share=share, by_artwork=by_artwork)
            states.append(state)
        return states


def planted(seed: int = 3) -> dict[str, np.ndarray]:
    """[n, F] by level."""
    rng = np.random.default_rng(seed)
    return {
        "tag": ENCODED.artwork @ rng.normal(0, 0.4, (TAGS, LATENTS)),
        "title": rng.normal(0, 0.4, (TITLES, LATENTS))[ENCODED.title_of],
        "picture": rng.normal(0, 0.3, (PICTURES, LATENTS)),
    }


def by_level(state: ArtworkLatents) -> dict[str, float]:
    """Root mean square of each level's part of the table."""
    levels = {
        "tag": ENCODED.artwork @ state.by_tag,
        "title": state.by_title[ENCODED.title_of],
        "picture": state.by_picture,
    }
    return {name: float(np.sqrt((part**2).mean())) for name, part in levels.items()}


def correlation(state: ArtworkLatents, true: np.ndarray) -> float:
    return float(np.corrcoef(state.table(ENCODED).ravel(), true.ravel())[0, 1])


def test_a_start_is_nothing():
    state = ArtworkLatents.start(ENCODED)
    assert not state.table(ENCODED).any()
    assert state.variance.shape == (3, LATENTS) and (state.variance > VARIANCE_RANGE[0]).all()


def test_what_was_planted_is_found_and_nearer_each_round():
    true = sum(planted().values())
    states = Log.drawn(true).rounds(6)
    found = [correlation(state, true) for state in states[1:]]
    assert found[0] > 0.95 and found[-1] > 0.98
    away = [np.linalg.norm(state.table(ENCODED) - true) for state in states]
    assert away[-1] < 0.2 * away[0]
    steps = [
        np.linalg.norm(after.table(ENCODED) - before.table(ENCODED)) for before, after in itertools.pairwise(states)
    ]
    assert steps[-1] < 0.1 * steps[0]


@pytest.mark.parametrize("level", LEVELS)
def test_signal_goes_to_its_level(level):
    true = planted()[level]
    state = Log.drawn(true).rounds(8)[-1]
    assert correlation(state, true) > 0.93
    parts = by_level(state)
    others = [size for name, size in parts.items() if name != level]
    assert parts[level] > 2.5 * max(others) and parts[level] > 0.7 * np.sqrt((true**2).mean())
    variance = dict(zip(LEVELS, state.variance.mean(axis=1), strict=True))
    assert variance.pop(level) > 5 * max(variance.values())


def test_without_a_signal_variances_go_to_their_floor():
    states = Log.drawn(np.zeros((PICTURES, LATENTS))).rounds(25)
    means = np.array([state.variance.mean(axis=1) for state in states])
    floor = VARIANCE_RANGE[0]
    assert means[-1, 0] == pytest.approx(floor, rel=0.05) and (means[-1] < 4 * floor).all()
    assert (means[-1] < means[0] / 20).all() and (means >= floor * (1 - 1e-9)).all()
    sizes = [np.abs(states[k].table(ENCODED)).max() for k in (1, 8, 25)]
    assert sizes[2] < sizes[1] < sizes[0] and sizes[2] < 0.1


def test_pictures_that_nobody_saw_have_what_is_common():
    """The tags' and the title's latents, and none of their own."""
    seen = np.arange(0, PICTURES, 3)
    true = planted()["tag"] + planted()["title"]
    states = Log.drawn(true, seen=seen).rounds(5)
    unseen = np.setdiff1d(np.arange(PICTURES), seen)
    for state in states:
        assert all(np.isfinite(getattr(state, field.name)).all() for field in fields(ArtworkLatents))
        assert np.abs(state.by_picture[unseen]).max() < 1e-9
    assert states[-1].by_picture[seen].any()
    assert np.corrcoef(states[-1].table(ENCODED)[unseen].ravel(), true[unseen].ravel())[0, 1] > 0.9


def test_one_picture_alone_was_seen():
    states = Log.drawn(planted()["picture"], viewers=20, seen=np.array([7])).rounds(4)
    assert np.isfinite(states[-1].table(ENCODED)).all() and states[-1].table(ENCODED)[7].any()
    elsewhere = ENCODED.title_of != ENCODED.title_of[7]
    assert np.abs(states[-1].by_title[np.unique(ENCODED.title_of[elsewhere])]).max() < 1e-9


def test_without_a_part_by_artwork_tags_alone_are_learned():
    true = planted()["tag"]
    state = Log.drawn(true).rounds(6, by_artwork=False)[-1]
    assert correlation(state, true) > 0.9 and not state.by_title.any() and not state.by_picture.any()


def test_what_the_rankers_step_explains_is_taken_off():
    """Signal by tag along a direction that goes with the first latent: the ranker has taken it, and latents do not
    again."""
    weights = np.random.default_rng(1).normal(0, 0.2, TAGS)
    true = np.zeros((PICTURES, LATENTS))
    true[:, 0] = ENCODED.artwork @ weights
    log, start = Log.drawn(true), ArtworkLatents.start(ENCODED)
    sums, curvature, moments, decisions = log.told(start.table(ENCODED))
    moments[1] = moments[DIRECTIONS]  # viewers whose second direction is their first latent
    known = LatentInformation.none(ENCODED).measured(moments, 0.0)
    taken = np.zeros((TAGS, DIRECTIONS))
    taken[:, 1] = weights
    tables = [
        advance(start, known, sums, curvature, step, NO_APPEAL, decisions, ENCODED, DAMPING)[0].table(ENCODED)
        for step in (taken, NO_WEIGHTS)
    ]
    along = [table[:, 0] @ true[:, 0] / (true[:, 0] @ true[:, 0]) for table in tables]
    assert abs(along[0]) < 0.1 and along[1] > 0.5


def test_what_the_appeals_step_explains_is_taken_off():
    """A picture shown to people alike, which everybody plays more: that is its appeal."""
    rng = np.random.default_rng(2)
    appeal = np.where(np.arange(PICTURES) % 2, 0.5, -0.5)
    picture = rng.integers(0, PICTURES, 60_000)
    f = rng.standard_normal((len(picture), LATENTS)) + np.sign(appeal)[picture, None]
    played = (rng.random(len(picture)) < sigmoid(INTERCEPT + appeal[picture])).astype(float)
    log, start = Log(f, picture, played), ArtworkLatents.start(ENCODED)
    known = LatentInformation.none(ENCODED)
    tables = [log.step(start, known, appeal_step=a)[0].table(ENCODED) for a in (appeal, NO_APPEAL)]
    assert abs(tables[0].mean()) < 0.1 * tables[1].mean()


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_steps_that_overshoot_are_held_back(share):
    """Where the server knows a part of the curvature, steps go too far until that is measured; then they settle."""
    true = planted()["title"] + planted()["picture"]
    states = Log.drawn(true).rounds(14, share)
    away = [np.linalg.norm(state.table(ENCODED) - true) / np.linalg.norm(true) for state in states]
    assert away[-1] < 0.25
