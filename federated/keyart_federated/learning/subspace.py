"""Subspace iteration with noised sums: the leading directions of what is watched together, and title latents.

A round asks devices about orthonormal directions A [T, D] and gets a noised C A, with C the co-watch matrix of
normalised views (`keyart.campaigns.kinds.cowatch`). This is the noisy power method (Hardt and Price 2014, "The noisy
power method: a meta algorithm with applications"): directions stay orthonormal, so that no device is clipped and the
noise is the same in each of them. `latents` has the iteration for exact sums. It scales titles by D, and needs
directions that are orthonormal after that, D Q: another basis of the same space, to which an answer is converted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.campaigns.kinds.cowatch import CowatchLayout
from keyart.model.features import EncodedCatalog
from keyart.model.latents import PRIOR_MET

from . import latents

Doubles = npt.NDArray[np.float64]
PART_SCALE = 2.0  # each part of the vector has half of the norm
PRODUCT_SCALE = 4.0  # products are halved once more, since they measure up to 2


@dataclass(frozen=True)
class Answer:
    """A round's sum, in units of normalised views.

    Attributes:
        asked: The directions that devices answered, [T, D].
        views: Σ x by title, [T].
        squares: Σ x² by title, [T].
        viewers: Number of devices with a history.
        products: C A, [T, D].
        noise: Standard deviation of the noise in each product.
    """

    asked: Doubles
    views: Doubles
    squares: Doubles
    viewers: float
    products: Doubles
    noise: float

    @classmethod
    def read(
        cls, layout: CowatchLayout, total: npt.NDArray[np.int64], asked: Doubles, units: int, variance: float
    ) -> Answer:
        """Return the answer in a sum [layout.size] with noise of `variance` in each entry."""
        parts = layout.parts(total.astype(np.float64) * (PART_SCALE / units))
        return cls(
            asked=asked,
            views=parts["views"],
            squares=np.maximum(parts["squares"], 0.0),
            viewers=max(float(parts["viewers"][0]), 1.0),
            products=parts["products"].reshape(asked.shape) * (PRODUCT_SCALE / PART_SCALE),
            noise=math.sqrt(variance) * PRODUCT_SCALE / units,
        )

    @property
    def signal_to_noise(self) -> float:
        """Norm of the products over that of their noise. It is about 1 where noise drowns them."""
        return float(np.linalg.norm(self.products) / (self.noise * math.sqrt(self.products.size)))

    def converted(self) -> tuple[Doubles, Doubles]:
        """Return sums in the places of `TogetherLayout`, and the directions D Q [T, D] that they answer."""
        scale = latents.scale_of(self.views)
        q, r = np.linalg.qr(
            np.divide(self.asked, scale[:, None], out=np.zeros_like(self.asked), where=scale[:, None] > 0)
        )
        # Views are normalised, so that heavy viewers weigh no more than others, and their part tells nothing new.
        parts = (self.views, self.views, self.squares, [self.viewers], (self.products @ np.linalg.pinv(r)).ravel())
        return np.concatenate(parts), np.asarray(scale[:, None] * q)


def directions_of(titles: int) -> int:
    """Return the number of directions D for so many titles."""
    return min(latents.DIRECTIONS, titles)


def start(titles: int, rng: np.random.Generator) -> Doubles:
    """Return the first directions, orthonormal and at random, [T, D]."""
    return _orthonormal(latents.first_question(titles, rng))


def advance(answer: Answer, encoded: EncodedCatalog) -> Doubles:
    """Return the next directions, orthonormal and nearer to the leading ones, [T, D]."""
    sums, directions = answer.converted()
    return _orthonormal(latents.next_question(sums, directions, encoded))


def finish(answer: Answer, encoded: EncodedCatalog) -> Doubles:
    """Return the title latents V [T, F] from the answer to the last directions.

    `latents.title_latents` scales V for viewers who met Σ x. A viewer of k titles has Σ x = √k, and met k.
    """
    sums, directions = answer.converted()
    found = latents.title_latents(sums, directions, encoded)
    root = max(float(np.maximum(answer.views, 0.0).sum()) / answer.viewers, 1.0)
    return np.asarray(found * ((root**2 + PRIOR_MET) / (root * (root + PRIOR_MET))))


def _orthonormal(directions: Doubles) -> Doubles:
    q, _ = np.linalg.qr(directions)
    return np.asarray(q)
