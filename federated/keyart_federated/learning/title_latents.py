"""Title latents V from which titles are watched together: the server's half of `keyart.model.latents`.

With n = Σ x the views by title and D = 1 / √(n + a little), V is D times the leading eigenvectors of P D C D P. C
counts co-watch (`keyart.campaigns.kinds.cowatch`); P projects on what is orthogonal to D n, to what heavy viewers
watch, and to D times the titles' tags: the ranker learns from tags already, and latents that repeat them would take
its signal (docs/decisions/0011). The eigenvectors come by subspace iteration, with noise by the noisy power method
(Hardt and Price 2014, "The noisy power method: a meta algorithm with applications").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from keyart.campaigns import COWATCH_PART_SCALES, COWATCH_PART_SHARES, MAX_COUNTED_VIEWS, CowatchLayout
from keyart.model import LATENTS, PRIOR_EXPOSURE, EncodedCatalog

from ..accounting.privacy import COWATCH_EXCHANGES
from ..rounding import sum_variance
from ..types import Doubles, Integers

DIRECTIONS = 16  # asked about at a time; those beyond the latents make the iteration converge
EXCHANGES = COWATCH_EXCHANGES[-1]  # as many as a campaign without noise asks for
FEW_VIEWS = 0.2  # of a title's mean number, added to each title's
SHIFT = 0.5  # of the spectrum, which C without its diagonal has below 0, too
MIN_EIGENVALUE = 1e-3
VIEWS_CLIP = 1.0  # norm of a device's views that noise has to cover: nearly everybody's count alike


@dataclass(frozen=True)
class CowatchSums:
    """Sums of what a fleet watched together, along directions that it was asked about.

    Attributes:
        asked: The directions, [T, D].
        views: Σ x by title, [T].
        weighted: Σ x |x|₁ by title, [T].
        squares: Σ x² by title, [T].
        viewers: Number of devices with a history.
        products: Σ x (xᵀA) − x² A, [T, D].
        noise: Standard deviation of the noise in each product.
    """

    asked: Doubles
    views: Doubles
    weighted: Doubles
    squares: Doubles
    viewers: float
    products: Doubles
    noise: float = 0.0

    @classmethod
    def read(
        cls,
        total: Integers,
        asked: Doubles,
        *,
        units: int,
        clip: float,
        variance: float,
        devices: float,
    ) -> CowatchSums:
        """Return the sums, in views, from integers [layout.size].

        Args:
            total: The sum of the devices' vectors, with its noise.
            asked: The directions of which devices were asked `unit_directions`, [T, D].
            units: Integer steps to a norm of 1.
            clip: Norm that a device's views were shortened to.
            variance: Variance of the noise in each entry, of all devices together.
            devices: Number of devices in the sum.
        """
        layout, stretch = layout_of(len(asked)), float(np.linalg.norm(asked, 2))
        powers = {"views": 1, "weighted": 2, "squares": 2, "products": 2}
        back = {
            name: COWATCH_PART_SCALES[name] / np.sqrt(COWATCH_PART_SHARES[name]) * clip ** powers.get(name, 0) / units
            for name in layout.sizes
        }
        part = {name: values * back[name] for name, values in layout.parts(total.astype(np.float64)).items()}
        # A device's views may have been shortened: by how many views devices have, they are what they were.
        viewers, mean_views = part["viewers"]
        factor = max(float(mean_views) * MAX_COUNTED_VIEWS, 1e-9) / max(float(part["views"].sum()), 1e-9)
        scaled = {name: part[name] * factor**power for name, power in powers.items()}
        deviation = float(np.sqrt(sum_variance(variance, devices)))
        return cls(
            asked,
            scaled["views"],
            scaled["weighted"],
            scaled["squares"],
            max(float(viewers), 1.0),
            scaled["products"].reshape(asked.shape) * stretch,
            deviation * back["products"] * stretch * factor**2,
        )

    @property
    def signal_to_noise(self) -> float:
        """Norm of the products over that of their noise. It is about 1 where noise drowns them."""
        return float(np.linalg.norm(self.products) / max(self.noise * np.sqrt(self.products.size), 1e-12))


def layout_of(titles: int) -> CowatchLayout:
    """Return the layout of a device's vector for so many titles."""
    return CowatchLayout(titles, min(DIRECTIONS, titles))


def unit_directions(asked: Doubles) -> Doubles:
    """Return directions of a spectral norm of 1, so that hardly any product is clipped, [T, D]."""
    return np.asarray(asked / max(float(np.linalg.norm(asked, 2)), 1e-300))


def find_titles(
    ask: Callable[[Doubles], CowatchSums],
    encoded: EncodedCatalog,
    rng: np.random.Generator,
    exchanges: int = EXCHANGES,
) -> Doubles:
    """Return V [T, LATENTS] after a number of exchanges with the fleet.

    Args:
        ask: Answers directions [T, D] with the fleet's sums.
        encoded: The catalogue.
        rng: Randomness of the first directions.
        exchanges: Number of exchanges.
    """
    asked = first_question(len(encoded.first) - 1, rng)
    for left in range(exchanges, 0, -1):
        sums = ask(asked)
        if left > 1:
            asked = next_question(sums, encoded)
    return title_latents(sums, encoded)


def first_question(titles: int, rng: np.random.Generator) -> Doubles:
    """Return random directions, [T, D]."""
    return rng.standard_normal((titles, min(DIRECTIONS, titles)))


def next_question(sums: CowatchSums, encoded: EncodedCatalog) -> Doubles:
    """Return directions that are nearer to the leading ones than those of the last exchange, [T, D]."""
    scale, subspace, image, _ = _iterate(sums, encoded)
    q, _ = np.linalg.qr(image + SHIFT * subspace)
    return np.asarray(scale[:, None] * q)


def title_latents(sums: CowatchSums, encoded: EncodedCatalog) -> Doubles:
    """Return V [T, LATENTS] from the sums of the last exchange.

    It is scaled such that a viewer who met as much as the mean one did has f of variance 1. It is 0 for titles that
    nobody watched, for latents beyond the eigenvectors, and for those that noise hides: the image of a product's
    noise under D has norm √Σ d² · noise for each direction, and an eigenvector whose eigenvalue is no more than
    that has turned by 45° or more (Hardt and Price 2014, corollary 1.1).
    """
    scale, subspace, image, noise = _iterate(sums, encoded)
    values, vectors = np.linalg.eigh(_symmetric(subspace.T @ image))
    leading = np.argsort(-values)[: min(LATENTS, len(values))]
    basis, _ = np.linalg.qr(image @ vectors[:, leading])
    out = np.zeros((len(encoded.first) - 1, LATENTS))
    viewers = max(sums.viewers, 1.0)
    mean = sums.views.sum() / viewers
    single_view_moments = (basis**2 * (scale**2 * sums.squares)[:, None]).sum(axis=0)
    variance = (values[leading] + single_view_moments) / viewers
    hidden = noise * float(np.linalg.norm(scale))
    real = values[leading] > max(MIN_EIGENVALUE, hidden)
    out[:, : len(leading)][:, real] = (scale[:, None] * basis / np.sqrt(np.maximum(variance, 1e-12)))[:, real]
    return np.asarray(out * (mean + PRIOR_EXPOSURE))


def scale_of(views: Doubles) -> Doubles:
    """Return D [T] for views by title, which noise may have made negative; 0 for titles that nobody watched."""
    views = np.maximum(views, 0.0)
    return np.where(views > 0, 1.0 / np.sqrt(views + FEW_VIEWS * views.mean() + 1e-9), 0.0)


def _iterate(sums: CowatchSums, encoded: EncodedCatalog) -> tuple[Doubles, Doubles, Doubles, float]:
    """Return D [T], an orthonormal basis Q [T, D] of the directions, its image P D C D Q, and the noise in C D Q.

    Directions were D Q by the views that were known when they were sent. By today's views they are another basis of
    the same space, to which the products are converted.
    """
    views, asked = np.maximum(sums.views, 0.0), sums.asked
    scale = scale_of(views)
    encoded.need(range(len(views)))
    explained = np.column_stack([encoded.title_shares, views, sums.weighted]) * scale[:, None]
    explained = explained / np.maximum(
        np.linalg.norm(explained, axis=0), 1e-300
    )  # tags and numbers of views are far apart in size
    basis, sizes, _ = np.linalg.svd(explained, full_matrices=False)
    basis = basis[:, sizes > 1e-6 * max(sizes[0], 1e-12)]
    subspace, r = np.linalg.qr(np.divide(asked, scale[:, None], out=np.zeros_like(asked), where=scale[:, None] > 0))
    back = np.linalg.pinv(r)
    image = scale[:, None] * (sums.products @ back)
    image = image - basis @ (basis.T @ image)
    return scale, subspace, image, sums.noise * float(np.linalg.norm(back, 2))


def _symmetric(matrix: Doubles) -> Doubles:
    return np.asarray((matrix + matrix.T) / 2)
