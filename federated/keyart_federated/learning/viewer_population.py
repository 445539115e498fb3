"""The population of viewers: who they are, from one noised sum, and what the server derives from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import keyart
from keyart.campaigns import POPULATION_PART_SCALES, PopulationLayout, population_part_norm
from keyart.model import (
    EncodedCatalog,
    FeatureRows,
    Scores,
    ViewerFeatures,
    distribution,
    eligible,
    interaction_features,
    main_effects,
    score,
    sharpen_affinity,
    sigmoid,
)

from ..types import Doubles, Integers
from .curvature import simulated_contexts, simulated_viewers
from .model import GlobalModel

VIEWERS_PER_TITLE = 32
MIN_SHARE = 1e-9
MIN_KNOWN_SHARE = 0.05  # share of devices with a history


@dataclass(frozen=True)
class Population:
    """The population of viewers. Field names are names in a checkpoint.

    Attributes:
        parts: Means over devices, by name of `PopulationLayout`.
        title_share: Estimated share of decisions by title, [T].
        doubt: Variance of the noise in each entry of the taste.
    """

    parts: dict[str, Doubles]
    title_share: Doubles
    doubt: float

    @classmethod
    def read(
        cls, layout: PopulationLayout, total: Integers, units: int, devices: float, variance: float
    ) -> Population:
        """Return the population from a noised sum.

        Args:
            layout: Layout of the vectors.
            total: Noised sum of integer vectors, [layout.size].
            units: Integers to the norm of 1.
            devices: Number of devices in the sum.
            variance: Variance of the noise in each entry, that of all devices together.
        """
        scale = 1.0 / (units * population_part_norm() * devices)
        summed = layout.parts(total.astype(np.float64))
        parts = {name: part * scale * POPULATION_PART_SCALES[name] for name, part in summed.items()}
        titles = np.maximum(parts.pop("titles"), 0.0) + MIN_SHARE
        return cls(parts, titles / titles.sum(), variance * (scale * POPULATION_PART_SCALES["taste"]) ** 2)

    @classmethod
    def unknown(cls, encoded: EncodedCatalog) -> Population:
        """Return the population before any sum: nobody's taste is known, and titles are shown alike."""
        titles = len(encoded.first) - 1
        sizes = PopulationLayout(encoded.spec, titles).sizes
        parts = {name: np.zeros(size) for name, size in sizes.items() if name != "titles"}
        return cls(parts, np.full(titles, 1.0 / titles), 0.0)

    def taste(self, expected: Doubles) -> Doubles:
        """Return the mean sharpened history [H], drawn towards the one that is expected without a sum."""
        taste = self.parts["taste"]
        if taste[-1] < MIN_KNOWN_SHARE:
            return expected
        return shrunken_towards(taste[:-1] / taste[-1], expected, self.doubt / taste[-1] ** 2)

    def totals(
        self, encoded: EncodedCatalog, devices: float, decisions: float, rates: tuple[float, float]
    ) -> dict[str, Doubles]:
        """Return sums over all decisions, by the names of `parts`.

        Two names are added: "outcomes" [3] for decisions, plays and quality plays, and "shown" [n] for decisions by
        artwork.

        Args:
            encoded: The catalogue.
            devices: Number of devices.
            decisions: Number of decisions of all devices.
            rates: Plays and quality plays a decision.
        """
        total = {
            name: mean * (devices if name in ("viewers", "taste") else decisions) for name, mean in self.parts.items()
        }
        total["outcomes"] = decisions * np.array([1.0, *rates])
        total["shown"] = (self.title_share / np.diff(encoded.first))[encoded.title_of] * decisions
        return total

    def shown(
        self,
        model: GlobalModel,
        latent_moments: Doubles,
        encoded: EncodedCatalog,
        policy: keyart.Policy,
        rng: np.random.Generator,
    ) -> tuple[Doubles, Doubles]:
        """Return by artwork the share of all decisions [n], and the mean curvature there [n, 2].

        The curvature is E[q(1 − q)] of play and E[qκ(1 − κ)] of completion. Averages over simulated viewers are of
        exact probabilities, so that rare artworks are not lost to chance.

        Args:
            model: The global model.
            latent_moments: Second moments of viewers' latents, [F, F].
            encoded: The catalogue.
            policy: Policy by which devices draw artworks.
            rng: Randomness of the simulated viewers.
        """
        spec, titles = encoded.spec, len(encoded.first) - 1
        affinity = simulated_viewers(self.parts["viewers"], encoded, rng)
        contexts = simulated_contexts(self.parts["contexts"], encoded, rng)
        tastes = (sharpen_affinity(affinity, spec) - model.population_taste).astype(np.float32)
        who = rng.integers(0, len(affinity), size=(titles, VIEWERS_PER_TITLE))
        slot = np.full(VIEWERS_PER_TITLE, max(self.parts["situations"][0], 0.0), dtype=np.float32)
        nobody = np.zeros((1, 1, encoded.open_size), dtype=np.float32)
        spread = np.linalg.cholesky(latent_moments) @ model.artwork_latents.T  # [F, n]
        share = np.zeros(len(encoded.artwork))
        curvature = np.zeros((len(encoded.artwork), 2))
        for title, viewers in enumerate(who):
            place = slice(encoded.first[title], encoded.first[title + 1])
            pictures = np.broadcast_to(np.arange(place.start, place.stop), (len(viewers), place.stop - place.start))
            viewer = ViewerFeatures(affinity[viewers][:, None], tastes[viewers][:, None], nobody)
            shares = np.repeat(encoded.title_shares[title][None], len(viewers), axis=0)
            rows = FeatureRows(
                artwork=encoded.artwork[pictures],
                match=interaction_features(encoded, viewer, pictures, np.full((len(viewers), 1), title)),
                main=main_effects(spec, slot, np.zeros_like(slot), contexts[viewers], shares)[:, None, :],
                appeal=model.appeal[pictures].astype(np.float32),
                viewer=tastes[viewers],
                context=contexts[viewers],
            )
            scores = score(model.weights, rows)
            if model.title_latents.any():  # without what others watch, a few artworks would seem to be shown to all
                of_latents = rng.standard_normal((len(viewers), len(spread))) @ spread[:, place]
                scores = Scores(scores.play + of_latents.astype(np.float32), scores.keep)
            allowed = eligible(encoded, policy, pictures, watched=False)
            p = distribution(scores.value, allowed, policy.gamma(model.base_rate))
            q, kappa = sigmoid(scores.play), sigmoid(scores.keep)
            share[place] = p.mean(axis=0) * self.title_share[title]
            weights = p[..., None] * np.stack([q * (1 - q), q * kappa * (1 - kappa)], axis=-1)
            curvature[place] = weights.sum(axis=0) / np.maximum(p.sum(axis=0), 1e-12)[:, None]
        return share, curvature


def shrunken_towards(observed: Doubles, expected: Doubles, noise_variance: float) -> Doubles:
    """Return an observed vector, drawn towards the expected one as far as noise may have moved it.

    The factor is the positive part of James and Stein's (1961, "Estimation with quadratic loss").

    Args:
        observed: The vector, seen through noise.
        expected: The vector that is expected beforehand.
        noise_variance: Variance of the noise in each entry.
    """
    away = observed - expected
    kept = 1.0 - max(away.size - 2, 0) * noise_variance / max(float((away**2).sum()), MIN_SHARE)
    return np.asarray(expected + max(kept, 0.0) * away)
