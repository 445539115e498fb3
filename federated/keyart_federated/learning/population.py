"""Population: what one noised sum tells about who there is, and what the server works out from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import keyart
from keyart.campaigns.kinds.population import POPULATION_PART_SCALES, PopulationLayout, population_part_norm
from keyart.model.eligibility import eligible
from keyart.model.features import EncodedCatalog, ViewerFeatures
from keyart.model.features.rows import FeatureRows, interaction_features, main_effects
from keyart.model.features.viewer import sharpen_affinity
from keyart.model.policy import distribution
from keyart.model.scorer import score, sigmoid

from .curvature import Doubles, simulated_contexts, simulated_viewers
from .model import Model

VIEWERS_PER_TITLE = 32
LEAST_SHARE = 1e-9
LEAST_KNOWN = 0.05  # share of devices with a history


@dataclass(frozen=True)
class Population:
    """parts: means over devices by name of `NoisedPopulation`. title_share [T]: of decisions, estimated. doubt:
    variance of the noise in each entry of the taste."""

    parts: dict[str, Doubles]
    title_share: Doubles
    doubt: float

    @classmethod
    def read(
        cls, layout: PopulationLayout, total: npt.NDArray[np.int64], units: int, devices: float, variance: float
    ) -> Population:
        """total [layout.size]: noised sum of integer vectors of `units` to the norm 1, with noise of `variance`."""
        scale = 1.0 / (units * population_part_norm() * devices)
        parts = {
            name: part * scale * POPULATION_PART_SCALES[name]
            for name, part in layout.parts(total.astype(np.float64)).items()
        }
        titles = np.maximum(parts.pop("titles"), 0.0) + LEAST_SHARE
        return cls(parts, titles / titles.sum(), variance * (scale * POPULATION_PART_SCALES["taste"]) ** 2)

    @classmethod
    def unknown(cls, encoded: EncodedCatalog) -> Population:
        """Where nothing was told."""
        titles = len(encoded.first) - 1
        sizes = PopulationLayout(encoded.spec, titles).sizes
        parts = {name: np.zeros(size) for name, size in sizes.items() if name != "titles"}
        return cls(parts, np.full(titles, 1.0 / titles), 0.0)

    def taste(self, known: Doubles) -> Doubles:
        """[H]: mean sharpened history, drawn towards what is `known` without asking."""
        told = self.parts["taste"]
        if told[-1] < LEAST_KNOWN:
            return known
        return drawn(told[:-1] / told[-1], known, self.doubt / told[-1] ** 2)

    def totals(
        self, encoded: EncodedCatalog, devices: float, decisions: float, rates: tuple[float, float]
    ) -> dict[str, Doubles]:
        """Sums over `decisions` decisions of `devices` devices, by the names of `parts`; "outcomes" [3]: decisions,
        plays and quality plays; "shown" [n]: decisions by artwork. rates: plays and quality plays a decision."""
        total = {
            name: mean * (devices if name in ("viewers", "taste") else decisions) for name, mean in self.parts.items()
        }
        total["outcomes"] = decisions * np.array([1.0, *rates])
        total["shown"] = (self.title_share / np.diff(encoded.first))[encoded.title_of] * decisions
        return total

    def shown(
        self, model: Model, encoded: EncodedCatalog, policy: keyart.Policy, rng: np.random.Generator
    ) -> tuple[Doubles, Doubles]:
        """By artwork: share of all decisions [n] under `policy`, and mean curvature [n, 2] there: of play,
        E[q(1 − q)], and of completion, E[qκ(1 − κ)].

        Averages over simulated viewers of the exact probabilities, so that rare pictures are not lost to chance.
        """
        spec, titles = encoded.spec, len(encoded.first) - 1
        affinity = simulated_viewers(self.parts["viewers"], encoded, rng)
        contexts = simulated_contexts(self.parts["contexts"], encoded, rng)
        tastes = (sharpen_affinity(affinity, spec) - model.population_taste).astype(np.float32)
        who = rng.integers(0, len(affinity), size=(titles, VIEWERS_PER_TITLE))
        slot = np.full(VIEWERS_PER_TITLE, max(self.parts["situations"][0], 0.0), dtype=np.float32)
        nobody = np.zeros((1, 1, encoded.open_size), dtype=np.float32)
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
            allowed = eligible(encoded, policy, pictures, watched=False)
            p = distribution(scores.value, allowed, policy.gamma(model.base_rate))
            q, kappa = sigmoid(scores.play), sigmoid(scores.keep)
            share[place] = p.mean(axis=0) * self.title_share[title]
            weights = p[..., None] * np.stack([q * (1 - q), q * kappa * (1 - kappa)], axis=-1)
            curvature[place] = weights.sum(axis=0) / np.maximum(p.sum(axis=0), 1e-12)[:, None]
        return share, curvature


def drawn(told: Doubles, known: Doubles, doubt: float) -> Doubles:
    """What was told with noise of variance `doubt` an entry, drawn towards what is `known` as far as noise may have
    moved it (James and Stein 1961, the positive part)."""
    away = told - known
    kept = 1.0 - max(away.size - 2, 0) * doubt / max(float((away**2).sum()), LEAST_SHARE)
    return np.asarray(known + max(kept, 0.0) * away)
