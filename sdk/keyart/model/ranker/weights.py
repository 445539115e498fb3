"""Weights of the ranker: their names, shapes, int8 form, and their bytes in `ranker.bin`.

The model (docs/explanation/choosing.md): with z a picture's tags, u = [1, h̃, c] the viewer and the context, x the
matches and y the mains,  play = z·(W u) + m·x + μ·y + b,  keep = z·w' + m'·x + μ'·y + b',  value = σ(play) σ(keep).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...catalog import EMBEDDING_KIND
from ...errors import BundleDamaged
from ...types import Doubles, Floats
from ..features.spec import MATCHES_PER_KIND, FeatureSpec

INT8_MAX = 127
MAX_STORED_WEIGHT = 1e6  # a weight, or the scale of a row of them: logits of a million decide anything
# Zero-shot prior (learning: m = 2, 1, .4): a fleet that has learned nothing yet shows people what they like.
PRIOR_TASTE, PRIOR_TITLE_TASTE, PRIOR_DISTANCE, PRIOR_INTENT = 2.0, 1.0, 0.4, 2.0
OPEN_KIND_SHARE = 0.5  # of the prior above, for names: one that was met once says less than a genre
WHOLE_KIND = "genre"  # an artwork that shows one of three genres promises another film


@dataclass(frozen=True)
class Weights:
    """The weights of the ranker.

    Attributes:
        play_artwork: [Z, U].
        play_match: [M].
        play_main: [K].
        keep_artwork: [Z].
        keep_match: [M].
        keep_main: [K].
    """

    play_artwork: Floats
    play_match: Floats
    play_main: Floats
    keep_artwork: Floats
    keep_match: Floats
    keep_main: Floats

    @classmethod
    def zeros(cls, spec: FeatureSpec) -> Weights:
        """Return weights that score every artwork the same: the start of a device without a bundle."""
        return cls(**{name: np.zeros(shape, dtype=np.float32) for name, shape in weight_shapes(spec).items()})

    @classmethod
    def zero_shot(cls, spec: FeatureSpec, play_rate: float = 0.2, keep_rate: float = 0.4) -> Weights:
        """Return the first bundle's weights, before any round: match prior, and intercepts from two assumed rates."""
        prior = cls.zeros(spec)
        for k, kind in enumerate(spec.match_kinds):
            at = MATCHES_PER_KIND * k
            taste, title_taste, distance, missing = _zero_shot_matches(kind, kind in spec.open_kinds)
            prior.play_match[at : at + MATCHES_PER_KIND] = taste, title_taste, distance, missing
        prior.play_match[-1] = PRIOR_INTENT
        prior.play_main[0] = np.log(play_rate / (1 - play_rate))
        prior.keep_main[0] = np.log(keep_rate / (1 - keep_rate))
        return prior

    @classmethod
    def from_flat(cls, spec: FeatureSpec, flat: npt.NDArray[np.floating]) -> Weights:
        """Invert `flat`: [parameters] → Weights, as float32."""
        parts: dict[str, Floats] = {}
        at = 0
        for name, shape in weight_shapes(spec).items():
            size = int(np.prod(shape))
            parts[name] = np.asarray(flat[at : at + size], dtype=np.float32).reshape(shape)
            at += size
        return cls(**parts)

    @cached_property
    def both_match(self) -> Floats:
        """Return the interaction weights of play and of keep, [M, 2]."""
        return np.stack([self.play_match, self.keep_match]).T

    @cached_property
    def both_main(self) -> Floats:
        """Return the main effects of play and of keep, [K, 2]."""
        return np.stack([self.play_main, self.keep_main]).T

    def flat(self) -> Doubles:
        """Return all weights in the order of the fields, [parameters]."""
        return np.concatenate([np.ravel(getattr(self, f.name)).astype(np.float64) for f in fields(self)])

    def quantized(self) -> Weights:
        """Return the weights that a device gets: the matrix rounded to int8 a channel, the vectors as they are."""
        integers, scales = quantize_weights(self.play_artwork)
        return Weights(
            **{
                **{f.name: getattr(self, f.name).astype(np.float32) for f in fields(self)},
                "play_artwork": dequantize_weights(integers, scales),
            }
        )


def _zero_shot_matches(kind: str, is_open: bool) -> tuple[float, float, float, float]:
    """Return the first weights of a kind's matches: taste, taste for the title, distance, share of false promise.

    A name in an open kind tells much of who has met it. In a kind of a few values, other than genres, what somebody
    has watched is mostly chance; rounds find out whether it is more. And an artwork that shows one of four actors is
    no farther from its title than one that shows all; one that shows another is. An embedding says what resembles
    what, and so what resembles the titles that somebody watches.
    """
    if kind == EMBEDDING_KIND:
        return PRIOR_TASTE, PRIOR_TITLE_TASTE, 0.0, 0.0
    if kind == WHOLE_KIND:
        return PRIOR_TASTE, PRIOR_TITLE_TASTE, PRIOR_DISTANCE, 0.0
    share = OPEN_KIND_SHARE if is_open else 0.0
    return PRIOR_TASTE * share, PRIOR_TITLE_TASTE * share, 0.0, PRIOR_DISTANCE


def weight_shapes(spec: FeatureSpec) -> dict[str, tuple[int, ...]]:
    """Return the shape of each parameter, in order."""
    z, m, k = spec.artwork_size, len(spec.match_names), len(spec.main_names)
    return {
        "play_artwork": (z, len(spec.direction_names)),
        "play_match": (m,),
        "play_main": (k,),
        "keep_artwork": (z,),
        "keep_match": (m,),
        "keep_main": (k,),
    }


def parameter_count(spec: FeatureSpec) -> int:
    """Return the number of parameters."""
    return sum(int(np.prod(shape)) for shape in weight_shapes(spec).values())


def play_parameter_count(spec: FeatureSpec) -> int:
    """Return the number of parameters of play, which come first; the rest are those of keep."""
    sizes = weight_shapes(spec)
    return sum(int(np.prod(sizes[name])) for name in ("play_artwork", "play_match", "play_main"))


def quantize_weights(matrix: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Quantise to symmetric int8 per row (channel): integers [Z, U] and scales [Z], scale = max|w| / 127."""
    peak = np.abs(matrix).max(axis=1, initial=0.0)
    scales = np.where(peak > 0, peak / INT8_MAX, 1.0).astype(np.float32)
    integers = np.clip(np.rint(matrix / scales[:, None]), -INT8_MAX, INT8_MAX).astype(np.int8)
    return integers, scales


def dequantize_weights(integers: npt.NDArray[np.int8], scales: Floats) -> Floats:
    """Return the matrix [Z, U] float32, as ONNX DequantizeLinear computes it."""
    with np.errstate(over="ignore", invalid="ignore"):  # an infinity is refused where weights are read
        return np.asarray(integers.astype(np.float32) * scales[:, None], dtype=np.float32)


def stored_layout(spec: FeatureSpec) -> dict[str, tuple[np.dtype[np.generic], tuple[int, ...]]]:
    """Return the layout of `ranker.bin`.

    The float32 vectors come first, so that they stay aligned, and the int8 matrix last.
    """
    sizes = weight_shapes(spec)
    layout: dict[str, tuple[np.dtype[np.generic], tuple[int, ...]]] = {
        name: (np.dtype("<f4"), shape) for name, shape in sizes.items() if name != "play_artwork"
    }
    layout["play_artwork_scale"] = (np.dtype("<f4"), sizes["play_artwork"][:1])
    layout["play_artwork"] = (np.dtype("i1"), sizes["play_artwork"])
    return layout


def weights_to_bytes(weights: Weights, spec: FeatureSpec) -> bytes:
    """Encode weights as `ranker.bin`."""
    integers, scales = quantize_weights(weights.play_artwork)
    stored: Mapping[str, npt.NDArray[np.generic]] = {
        **{f.name: getattr(weights, f.name) for f in fields(weights)},
        "play_artwork": integers,
        "play_artwork_scale": scales,
    }
    return b"".join(stored[name].astype(dtype).tobytes() for name, (dtype, _) in stored_layout(spec).items())


def stored_arrays(data: bytes, spec: FeatureSpec) -> dict[str, npt.NDArray[np.generic]]:
    """Return the arrays of a `ranker.bin`, by the names of `stored_layout`.

    Raises:
        BundleDamaged: The length is wrong.
    """
    parts: dict[str, npt.NDArray[np.generic]] = {}
    at = 0
    for name, (dtype, shape) in stored_layout(spec).items():
        count = math.prod(shape)
        if at + count * dtype.itemsize > len(data):
            raise BundleDamaged("ranker.bin is shorter than its manifest says; fetch the bundle again.")
        parts[name] = np.frombuffer(data, dtype, count, at).reshape(shape)
        at += count * dtype.itemsize
    if at != len(data):
        raise BundleDamaged("ranker.bin is longer than its manifest says; fetch the bundle again.")
    return parts


def weights_from_bytes(data: bytes, spec: FeatureSpec) -> Weights:
    """Decode a `ranker.bin`.

    Raises:
        BundleDamaged: The length is wrong, or a value is not a possible weight.
    """
    parts = stored_arrays(data, spec)
    integers = parts.pop("play_artwork").astype(np.int8)
    floats = {name: np.array(value, dtype=np.float32) for name, value in parts.items()}
    if not all((np.abs(value) <= MAX_STORED_WEIGHT).all() for value in floats.values()):  # nor a NaN
        raise BundleDamaged(
            f"ranker.bin holds a NaN, or a number beyond {MAX_STORED_WEIGHT:.0e}; fetch the bundle again."
        )
    return Weights(play_artwork=dequantize_weights(integers, floats.pop("play_artwork_scale")), **floats)
