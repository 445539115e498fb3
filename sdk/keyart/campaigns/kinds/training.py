"""Training: the gradient of a device's whole log, with a norm of at most 1, so that noise can cover each person.

Of its curvature only that of single artworks' logits is sent, since nobody can guess well who is shown what. The rest
stays on the device: what costs noise and can be computed from simulated viewers is not sent (decisions 0003 and
0021). Server side: `keyart_federated.campaigns.training`.
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
from ..compact_vectors import CompactVectors
from ..device_batch import DeviceBatch
from ..offer import Offer
from ..vector_layout import VectorLayout
from ..vectors import DeviceKind
from .gradient import ARTWORK_SUMS, direction_features, gradient_sums

SIDE_NORM = 0.1  # the most that a side entry adds to the norm
SIDE_ENTRIES = 7
RESIDUALS, CURVATURE = (0, 2), (1, 3)  # of play and of completion, in columns of `GradientSums.artworks`
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
    `latents` is "artworks": by artwork Σ (played − q) f, then Σ q(1 − q) f, likewise. curvature [2n]: of the
    artworks' logits, Σ q(1 − q), then Σ κ(1 − κ) over plays, likewise. With latents, moments [(U + F) · F]: the mean
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
        sizes["curvature"] = 2 * self.artworks
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
) -> CompactVectors:
    """Return the vectors of d devices, each with a norm of at most 1.

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
    device, by_artwork = gradient_sums(weights, log), layout.latents == "artworks"
    along = device.artworks[..., ARTWORK_SUMS - 2 * LATENTS :]  # (played − q) f, then q(1 − q) f
    columns = device.artworks[..., [*RESIDUALS, *CURVATURE]]
    shown, tables = _by_artwork(artworks, np.concatenate([columns, along], axis=-1) if by_artwork else columns)
    first = {name: place.start for name, place in layout.places.items()}
    blocks: list[tuple[Ints, npt.NDArray[np.floating]]] = [
        (np.arange(layout.sizes["gradient"]), device.gradient),
        *(
            (first[part] + column * layout.artworks + shown, tables[..., 2 * half + column])
            for half, part in enumerate(("artworks", "curvature"))
            for column in (0, 1)
        ),
    ]
    decisions = log.counted.sum(-1).astype(np.float64)
    moments = []
    if layout.latents != "none":
        by_tag = (np.swapaxes(log.rows.artwork, -1, -2) @ along[..., :LATENTS]).reshape(len(along), -1)
        blocks.append((np.arange(first["tag_latents"], first["tag_latents"] + by_tag.shape[1]), by_tag))
        if by_artwork:
            of_shown = (shown[..., None] * LATENTS + np.arange(LATENTS)).reshape(len(shown), -1)
            for table in (0, 1):
                start = first["artwork_latents"] + table * layout.artworks * LATENTS
                column = columns.shape[-1] + table * LATENTS
                values = tables[..., column : column + LATENTS]
                blocks.append((start + of_shown, values.reshape(of_shown.shape)))
        moments.append(_moments(log, decisions))
    places = np.concatenate([np.broadcast_to(place, values.shape) for place, values in blocks], axis=1)
    divided = np.concatenate([values for _, values in blocks], axis=1, dtype=np.float64)
    divided /= scale[places]
    main, factor = clip_vectors(divided, clip)
    main *= training_main_norm() / clip
    tried = log.counted * log.played
    at_least_one = np.maximum(decisions, 1.0)
    squares = np.split(scale[: layout.sizes["gradient"]] ** 2, [play_parameter_count(layout.spec)])
    side = np.stack(
        [
            factor,
            factor == 1.0,
            np.minimum(decisions / most, 1.0),
            tried.sum(-1) / at_least_one,
            (tried * log.quality).sum(-1) / at_least_one,
            *(
                np.minimum(met / (expected.sum() * MAX_CURVATURE_RATIO), 1.0)
                for met, expected in zip((device.play_trace, device.keep_trace), squares, strict=True)
            ),
        ],
        axis=1,
    )
    last = np.arange(layout.scaled, layout.size)
    return CompactVectors(
        np.concatenate([main, *moments, side * SIDE_NORM], axis=1),
        np.concatenate([places, np.broadcast_to(last, (len(main), len(last)))], axis=1),
        layout.size,
    )


def _moments(log: DecisionLog, decisions: Doubles) -> Doubles:
    """Return the mean of [u, f] fᵀ over each device's decisions, [d, (U + F) · F].

    Its norm is at most `MOMENTS_NORM`.
    """
    u = direction_features(log.rows).astype(np.float64)
    f = np.zeros((*u.shape[:-1], LATENTS)) if log.latents is None else log.latents.astype(np.float64)
    both = np.swapaxes(np.concatenate([u, f], axis=-1), -1, -2)
    mean = both @ (f * log.counted[..., None]) / np.maximum(decisions, 1.0)[:, None, None]
    return clip_vectors(mean.reshape(len(mean), -1) / MOMENTS_SIZE, 1.0)[0] * MOMENTS_NORM


def _by_artwork(artworks: Ints, values: Doubles) -> tuple[Ints, Doubles]:
    """Return the artworks that each device has shown, in order, and sums of values over their decisions.

    Args:
        artworks: Artwork of each decision, [d, N].
        values: By decision, [d, N, columns].

    Returns:
        [d, S] and [d, S, columns]; rows are filled up with artwork 0 and sums of 0.
    """
    order = np.argsort(artworks, axis=1, kind="stable")
    ordered = np.take_along_axis(artworks, order, axis=1)
    group = np.zeros_like(ordered)
    np.cumsum(ordered[:, 1:] != ordered[:, :-1], axis=1, out=group[:, 1:])
    devices, count = len(artworks), int(group.max(initial=-1)) + 1
    group += np.arange(devices)[:, None] * count
    shown = np.zeros(devices * count, dtype=np.intp)
    shown[group.ravel()] = ordered.ravel()
    place = np.empty_like(group)
    np.put_along_axis(place, order, group, axis=1)
    sums = np.empty((devices * count, values.shape[-1]))
    for column, of_column in enumerate(np.moveaxis(values, -1, 0)):
        sums[:, column] = np.bincount(place.ravel(), of_column.ravel(), devices * count)
    return shown.reshape(devices, count), sums.reshape(devices, count, values.shape[-1])


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


def vectors(offer: Offer, batch: DeviceBatch) -> CompactVectors:
    """Return the vectors of a batch of devices. Raises SettingError for an offer that does not fit."""
    places = layout(offer, batch.encoded, batch.log.latents is not None)
    if places is None:
        raise SettingError("The offer's scale does not fit this device's model; nothing is sent.")
    most = float(offer.most_decisions)
    return training_vectors(places, batch.weights, batch.log, batch.artworks, offer.numbers, offer.clip, most)


KIND: Final = DeviceKind(
    "training",
    ("",),
    lambda offer, source: layout(offer, source.installed.encoded, source.installed.latents is not None),
    lambda offer, source: np.asarray(vectors(offer, source.batch).whole()[0]),
    vectors,
)
