"""The places of a training vector: what a device adds up over its own log, in order."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..model.features.spec import FeatureSpec
from ..model.latents import LATENTS
from ..model.ranker.weights import parameters

Number = TypeVar("Number", np.float64, np.int64)
# Σ residual r and Σ curvature w of play, then of keep; the number of decisions; Σ r f and Σ w f
# (`keyart.model.latents`).
ARTWORK_SUMS = 5 + 2 * LATENTS


class Places:
    """A vector with named parts, one behind the other."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Entries of each part, in order."""
        raise NotImplementedError

    @property
    def places(self) -> Mapping[str, slice]:
        """The slice of each part, by name."""
        ends = list(itertools.accumulate(self.sizes.values()))
        return {name: slice(end - size, end) for (name, size), end in zip(self.sizes.items(), ends, strict=True)}

    @property
    def size(self) -> int:
        """Entries of the whole vector."""
        return sum(self.sizes.values())

    def parts(self, vector: npt.NDArray[Number]) -> dict[str, npt.NDArray[Number]]:
        """Views of the parts, by name."""
        return {name: vector[place] for name, place in self.places.items()}


@dataclass(frozen=True)
class TrainingLayout(Places):
    """Layout for a feature spec and a catalogue of `artworks` pictures.

    gradient [P]: ∂ log likelihood / ∂ parameters, in the order of `Weights`. diagonal [P]: its curvature, diagonal
    only. viewers [bins · (1 + H + kinds)]: by the strongest tag of the leading kind, a count, Σ h and Σ |h|² a kind.
    contexts [devices · dayparts], situations [4]: decisions by context; Σ and Σ² of slot and trending. matches [2 M]:
    Σ and Σ² of the match features. taste [H + 1]: the sharpened history, and 1 if there is one. outcomes [3]:
    decisions, plays, quality plays. latents [(U + F) · F]: Σ w [u, f] fᵀ. artworks [n · `ARTWORK_SUMS`].
    """

    spec: FeatureSpec
    artworks: int

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        spec = self.spec
        return {
            "gradient": parameters(spec),
            "diagonal": parameters(spec),
            "viewers": len(spec.leading_tags) * (1 + spec.viewer_size + len(spec.viewer_kinds)),
            "contexts": (len(spec.devices) + 1) * len(spec.dayparts),
            "situations": 4,
            "matches": 2 * len(spec.match_names),
            "taste": spec.viewer_size + 1,
            "outcomes": 3,
            "latents": (len(spec.direction_names) + LATENTS) * LATENTS,
            "artworks": self.artworks * ARTWORK_SUMS,
        }
