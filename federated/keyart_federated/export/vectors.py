"""Test vectors of a bundle: inputs with the exact scores and choice, which every port must reproduce."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart.model.features import FeatureSpec
from keyart.model.features.rows import FeatureRows
from keyart.model.ranker import NumpyRanker, Weights

SLATES = (20, 1, 2, 3, 5, 8, 10, 13, 20, 40)  # candidates a case


def cases(spec: FeatureSpec, weights: Weights, seed: int = 0) -> list[dict[str, Any]]:
    """One case a slate of SLATES: plausible inputs, the numpy engine's scores, the best candidate."""
    rng = np.random.default_rng(seed)
    return [_case(spec, weights.quantized(), count, rng) for count in SLATES]


def plausible(spec: FeatureSpec, count: int, rng: np.random.Generator) -> dict[str, npt.NDArray[np.float32]]:
    """Inputs of the graph for a slate of `count` pictures that nobody drew, by name."""
    z, m, k = spec.artwork_size, len(spec.match_names), len(spec.main_names)
    artwork = rng.random((count, z)) * (rng.random((count, z)) < 0.15)
    context = np.zeros((1, len(spec.context_names)))
    context[0, rng.integers(len(spec.devices) + 1)] = 1.0
    context[0, len(spec.devices) + 1 + rng.integers(len(spec.dayparts))] = 1.0
    main = np.concatenate([np.ones((count, 1)), rng.random((count, k - 1)) * 0.5], axis=1)
    inputs = {
        "artwork": artwork,
        "match": rng.random((count, m)) * 0.6,
        "main": main,
        "appeal": rng.normal(0, 0.2, (count, 2)),
        "viewer": rng.normal(0, 0.15, (1, spec.viewer_size)),
        "context": context,
    }
    # Rounded to a few decimals and then to float32, so that the JSON holds the very inputs.
    return {name: np.round(value, 4).astype(np.float32) for name, value in inputs.items()}


def rows_of(inputs: Mapping[str, npt.NDArray[np.float32]]) -> FeatureRows:
    """The inputs of the graph as the ranker's rows."""
    return FeatureRows(**{**inputs, "viewer": inputs["viewer"][0], "context": inputs["context"][0]})


def _case(spec: FeatureSpec, weights: Weights, count: int, rng: np.random.Generator) -> dict[str, Any]:
    exact = plausible(spec, count, rng)
    values = NumpyRanker(weights).score(rows_of(exact)).value
    return {
        "inputs": {name: _tensor(value) for name, value in exact.items()},
        "scores": [float(value) for value in values],
        "choice": int(values.argmax()),
    }


def _tensor(array: npt.NDArray[np.float32]) -> dict[str, Any]:
    return {"type": "float32", "shape": list(array.shape), "data": [float(str(x)) for x in array.ravel()]}
