"""Training: the gradient of a device's whole log, with a norm of at most 1, so that noise can cover each person.

Its curvature stays on the device: what costs noise and can be computed from simulated viewers is not sent
(learning.md, "What privacy costs"). Server side: `keyart_federated.campaigns.training`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from ...dp.clip import clip_vectors
from ...errors import SettingError
from ...model.features import EncodedCatalog
from ...model.features.spec import FeatureSpec
from ...model.latents import LATENTS
from ...model.ranker.weights import Weights, parameter_count, play_parameter_count
from ...model.scorer import DecisionLog
from ...types import Doubles, Ints
from ..device_batch import DeviceBatch
from ..offer import Offer
from ..vector_layout import VectorLayout
from ..vectors import DeviceKind
from .gradient import ARTWORK_SUMS, direction_features, gradient_sums

SIDE_NORM = 0.1  # the most that a side entry adds to the norm
SIDE_ENTRIES = 7
PLAY, COMPLETION = 0, 2  # columns of `gradient.Sums.artworks` with the residuals
MOMENTS_NORM = 0.1  # what the moments have of a norm of 1
MOMENTS_SIZE = 24.0  # what moments are divided by: above the norm that most devices have
LatentBlocks = Literal["none", "tags", "artworks"]
LATENT_BLOCKS: Final[tuple[LatentBlocks, ...]] = ("none", "tags", "artworks")
MAX_CURVATURE_RATIO = 3.0  # times what is expected: a device's curvature is counted up to it


@dataclass(frozen=True)
class TrainingLayout(VectorLayout):
    """Layout of a training vector.

    Its parts are: gradient [P]: of the whole log, each entry divided by its scale. artworks [2n]: residuals by
    artwork, likewise: Σ (played − q), then Σ (quality − κ) over plays. If the model has latents f of viewers
    (`keyart.model.latents`): tag_latents [Z · F]: Σ (played − q) z fᵀ, likewise; artwork_latents [2n · F], if
    `latents` is "artworks": by artwork Σ (played − q) f, then Σ q(1 − q) f, likewise; moments [(U + F) · F]: the mean
    of [u, f] fᵀ over the device's decisions, u = [1, h̃, c], with a norm of at most `MOMENTS_NORM`. side
    [`SIDE_ENTRIES`]: the factor that clipping shortened the rest by (1 for none), whether it did not, decisions as a
    share of the maximum, of them plays and quality plays, and the curvature of play and of completion, summed, over
    that of the scale, as a share of `MAX_CURVATURE_RATIO`; each between 0 and `SIDE_NORM`.
    """

    spec: FeatureSpec
    artworks: int
    latents: LatentBlocks = "none"

    @classmethod
    def fitting(cls, spec: FeatureSpec, artworks: int, latents: bool, scaled: int) -> TrainingLayout | None:
        """Return the layout with so many scaled entries; None if there is none.

        Args:
            spec: The feature spec.
            artworks: Number of artworks.
            latents: True if the model has latents.
            scaled: Length of the scale that came with an offer.
        """
        blocks = LATENT_BLOCKS[1:] if latents else LATENT_BLOCKS[:1]
        layouts = [cls(spec, artworks, block) for block in blocks]
        return next((layout for layout in layouts if layout.scaled == scaled), None)

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Return the number of entries of each part, in order."""
        sizes = {"gradient": parameter_count(self.spec), "artworks": 2 * self.artworks}
        if self.latents != "none":
            sizes["tag_latents"] = self.spec.artwork_size * LATENTS
        if self.latents == "artworks":
            sizes["artwork_latents"] = 2 * self.artworks * LATENTS
        if self.latents != "none":
            sizes["moments"] = (len(self.spec.direction_names) + LATENTS) * LATENTS
        return sizes | {"side": SIDE_ENTRIES}

    @property
    def scaled(self) -> int:
        """Return the number of entries that have a scale and are clipped together.

        These are all but moments and side entries.
        """
        return self.size - SIDE_ENTRIES - self.sizes.get("moments", 0)


def training_main_norm() -> float:
    """Return the norm that side entries and moments leave to the rest of a training vector of norm 1."""
    return float(np.sqrt(1.0 - SIDE_ENTRIES * SIDE_NORM**2 - MOMENTS_NORM**2))


def training_vectors(
    layout: TrainingLayout,
    weights: Weights,
    log: DecisionLog,
    artworks: Ints,
    scale: Doubles,
    clip: float,
    most: float,
) -> Doubles:
    """Return the vectors of d devices, each with a norm of at most 1, [d, layout.size].

    Args:
        layout: Layout of the vectors.
        weights: Weights of the model.
        log: The decisions, [d, N].
        artworks: Artwork of each decision, [d, N].
        scale: Divisor of each entry, [layout.scaled].
        clip: Clipping norm of the divided vector.
        most: Maximum number of decisions that count.

    Raises:
        SettingError: A number is not finite.
    """
    device = gradient_sums(weights, log)
    size = device.gradient.shape[-1]
    columns = _by_artwork(layout.artworks, artworks, device.artworks[..., [PLAY, COMPLETION]])
    whole: list[npt.NDArray[np.floating]] = [device.gradient, *columns]
    decisions = log.counted.sum(-1).astype(np.float64)
    moments = []
    if layout.latents != "none":
        of_latents = device.artworks[..., ARTWORK_SUMS - 2 * LATENTS :]  # (played − q) f, then q(1 − q) f
        along = of_latents[..., :LATENTS]
        whole.append((np.swapaxes(log.rows.artwork, -1, -2) @ along).reshape(len(along), -1))
        if layout.latents == "artworks":
            tables = _by_artwork(layout.artworks, artworks, of_latents)
            whole += [
                np.stack(part, axis=-1).reshape(len(along), -1) for part in (tables[:LATENTS], tables[LATENTS:])
            ]
        moments.append(_moments(log, decisions))
    main, factor = clip_vectors(np.concatenate(whole, axis=1) / scale, clip)
    tried = log.counted * log.played
    at_least_one = np.maximum(decisions, 1.0)
    side = np.stack(
        [
            factor,
            factor == 1.0,
            np.minimum(decisions / most, 1.0),
            tried.sum(-1) / at_least_one,
            (tried * log.quality).sum(-1) / at_least_one,
            *(
                np.minimum(met.sum(-1) / (expected.sum() * MAX_CURVATURE_RATIO), 1.0)
                for met, expected in zip(
                    np.split(device.diagonal, [play_parameter_count(layout.spec)], axis=-1),
                    np.split(scale[:size] ** 2, [play_parameter_count(layout.spec)]),
                    strict=True,
                )
            ),
        ],
        axis=1,
    )
    return np.asarray(np.concatenate([main * (training_main_norm() / clip), *moments, side * SIDE_NORM], axis=1))


def _moments(log: DecisionLog, decisions: Doubles) -> Doubles:
    """Return the mean of [u, f] fᵀ over each device's decisions, [d, (U + F) · F].

    Its norm is at most `MOMENTS_NORM`.
    """
    u = direction_features(log.rows).astype(np.float64)
    f = np.zeros((*u.shape[:-1], LATENTS)) if log.latents is None else log.latents.astype(np.float64)
    both = np.swapaxes(np.concatenate([u, f], axis=-1), -1, -2)
    mean = both @ (f * log.counted[..., None]) / np.maximum(decisions, 1.0)[:, None, None]
    return clip_vectors(mean.reshape(len(mean), -1) / MOMENTS_SIZE, 1.0)[0] * MOMENTS_NORM


def _by_artwork(count: int, artworks: Ints, values: Doubles) -> list[Doubles]:
    """Return a table [d, count] of sums by artwork for each column of values [d, N, columns]."""
    devices = len(artworks)
    place = (np.arange(devices)[:, None] * count + artworks).ravel()
    return [
        np.bincount(place, column.ravel(), devices * count).reshape(devices, count).astype(np.float64, copy=False)
        for column in np.moveaxis(values, -1, 0)
    ]


def layout(offer: Offer, encoded: EncodedCatalog, latents: bool) -> TrainingLayout | None:
    """Return the layout of an offer's vector, or None if the offer's scale is of another model or catalogue.

    Args:
        offer: the offer.
        encoded: the catalogue in the places of the model's feature spec.
        latents: whether the model has latents.
    """
    scale = offer.numbers
    fitting = TrainingLayout.fitting(encoded.spec, len(encoded.artwork), latents, len(scale))
    return fitting if (scale > 0).all() else None


def vectors(offer: Offer, batch: DeviceBatch) -> Doubles:
    """Return the vectors of a batch of devices, [d, size]. Raises SettingError for an offer that does not fit."""
    places = layout(offer, batch.encoded, batch.log.latents is not None)
    if places is None:
        raise SettingError("The offer's scale does not fit this device's model; nothing is sent.")
    most = float(offer.most_decisions)
    return training_vectors(places, batch.weights, batch.log, batch.artworks, offer.numbers, offer.clip, most)


KIND: Final = DeviceKind(
    "training",
    ("",),
    lambda offer, source: layout(offer, source.installed.encoded, source.installed.latents is not None),
    lambda offer, source: np.asarray(vectors(offer, source.batch)[0]),
    vectors,
)
