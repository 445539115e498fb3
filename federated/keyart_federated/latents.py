"""The server's half of `keyart.latents`: vectors of titles from what is watched together, of pictures from sums.

Titles. With n = Σ x the views by title and D = 1 / √(n + a little), V is D times the leading eigenvectors of
P D C D P. C counts what is watched together (`keyart.outbound.together`); P projects on what is orthogonal to D n, to
what heavy viewers watch, and to D times the titles' tags: what the tags tell, the ranker learns from the tags, and
latents that tell it again would take its signal (docs/decisions/0011). The eigenvectors come by subspace iteration.

Pictures. O_a = Pᵀ z_a + O_t + o_a: by tag, by title, and by picture, each with a prior variance a latent, from Σ r f
and a curvature Σ w f fᵀ that is worked out from Σ w, Σ w f and the whole fleet's Σ w f fᵀ. A damped Newton step a
level on what the levels before leave, and MacKay's evidence step for the variances (1992, "Bayesian interpolation",
eq. 2.22).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from keyart.features import EncodedCatalog
from keyart.latents import LATENTS, PRIOR_MET
from keyart.outbound.layout import ARTWORK_SUMS
from keyart.outbound.together import TogetherLayout

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

DIRECTIONS = 16  # asked about at a time; those beyond the latents make the iteration converge
EXCHANGES = 5
FEW_VIEWS = 0.2  # of a title's mean number, added to each title's
SHIFT = 0.5  # of the spectrum, which C without its diagonal has below 0, too
SMALLEST_EIGENVALUE = 1e-3
STARTING_VARIANCE = (0.01, 0.03, 0.08)  # by tag, by title, by picture
VARIANCE_RANGE = (1e-4, 1.0)
MOST_STIFFNESS, STIFFNESS_KEPT = 20.0, 0.6


def find_titles(
    ask: Callable[[Doubles], tuple[Doubles, float] | Doubles],
    encoded: EncodedCatalog,
    rng: np.random.Generator,
    exchanges: int = EXCHANGES,
) -> Doubles:
    """V [T, LATENTS] in so many questions. ask: answers directions [T, D] with the fleet's sums, in the places of
    TogetherLayout, and the standard deviation of the noise in its products (none: 0)."""
    asked = first_question(len(encoded.first) - 1, rng)
    for left in range(exchanges, 0, -1):
        answer = ask(asked)
        sums, noise = answer if isinstance(answer, tuple) else (answer, 0.0)
        if left > 1:
            asked = next_question(sums, asked, encoded)
    return title_latents(sums, asked, encoded, noise)


def first_question(titles: int, rng: np.random.Generator) -> Doubles:
    """[T, D]: directions at random."""
    return rng.standard_normal((titles, min(DIRECTIONS, titles)))


def next_question(sums: Doubles, asked: Doubles, encoded: EncodedCatalog) -> Doubles:
    """[T, D]: directions nearer to the leading ones, from the answer to `asked` (places of TogetherLayout)."""
    scale, subspace, image = _iterate(sums, asked, encoded)
    q, _ = np.linalg.qr(image + SHIFT * subspace)
    return np.asarray(scale[:, None] * q)


def title_latents(sums: Doubles, asked: Doubles, encoded: EncodedCatalog, noise: float = 0.0) -> Doubles:
    """V [T, LATENTS] from the answer to the last question, such that a viewer who met as much as the mean one did has
    f of variance 1. 0 for titles that nobody watched, for latents that there are none of, and for those that noise
    hides.

    noise: standard deviation in each of the products. Its image under D is a vector of length √Σ d² · noise for each
    direction; an eigenvector whose eigenvalue is no more than that has turned by 45° or more (Hardt and Price 2014,
    "The noisy power method", corollary 1.1).
    """
    scale, subspace, image = _iterate(sums, asked, encoded)
    part = TogetherLayout(*asked.shape).parts(sums)
    values, vectors = np.linalg.eigh(_symmetric(subspace.T @ image))
    leading = np.argsort(-values)[: min(LATENTS, len(values))]
    found, _ = np.linalg.qr(image @ vectors[:, leading])
    out = np.zeros((len(encoded.first) - 1, LATENTS))
    viewers = max(part["viewers"][0], 1.0)
    mean = part["views"].sum() / viewers
    of_single_views = (found**2 * (scale**2 * part["squares"])[:, None]).sum(axis=0)
    variance = (values[leading] + of_single_views) / viewers
    hidden = noise * float(np.sqrt((scale**2).sum() * max_stretch(asked, scale)))
    real = values[leading] > max(SMALLEST_EIGENVALUE, hidden)
    out[:, : len(leading)][:, real] = (scale[:, None] * found / np.sqrt(np.maximum(variance, 1e-12)))[:, real]
    return np.asarray(out * (mean + PRIOR_MET))


def _iterate(sums: Doubles, asked: Doubles, encoded: EncodedCatalog) -> tuple[Doubles, Doubles, Doubles]:
    """D [T], the subspace asked about as Q [T, D], and its image P D C D Q."""
    part = TogetherLayout(*asked.shape).parts(sums)
    views = np.maximum(part["views"], 0.0)
    scale = np.where(views > 0, 1.0 / np.sqrt(views + FEW_VIEWS * views.mean() + 1e-9), 0.0)
    encoded.need(range(len(views)))
    told = np.column_stack([encoded.title_shares, views, part["weighted"]]) * scale[:, None]
    told = told / np.maximum(np.linalg.norm(told, axis=0), 1e-300)  # tags and numbers of views are far apart in size
    basis, sizes, _ = np.linalg.svd(told, full_matrices=False)
    basis = basis[:, sizes > 1e-6 * max(sizes[0], 1e-12)]
    image = scale[:, None] * part["products"].reshape(asked.shape)
    image = image - basis @ (basis.T @ image)
    subspace = np.divide(asked, scale[:, None], out=np.zeros_like(asked), where=scale[:, None] > 0)
    return scale, subspace, image


def max_stretch(asked: Doubles, scale: Doubles) -> float:
    """Largest squared factor between the subspace Q that was meant and the directions D Q that were asked about."""
    subspace = np.divide(asked, scale[:, None], out=np.zeros_like(asked), where=scale[:, None] > 0)
    return 1.0 / max(float(np.linalg.norm(subspace, -2)), 1e-12) ** 2 if subspace.any() else 1.0


def _symmetric(matrix: Doubles) -> Doubles:
    return np.asarray((matrix + matrix.T) / 2)


@dataclass(frozen=True)
class ArtworkLatents:
    """by_tag [Z, F], by_title [T, F], by_picture [n, F], and variance [3, F]: of each level's numbers.

    Of the last step: step [n, F]; slope of the log likelihood a decision along it, where it began; assumed: curvature
    a decision along it; stiffness: by what the curvature was multiplied for it.
    """

    by_tag: Doubles
    by_title: Doubles
    by_picture: Doubles
    variance: Doubles
    step: Doubles
    slope: float = 0.0
    assumed: float = 0.0
    stiffness: float = 1.0

    @classmethod
    def start(cls, encoded: EncodedCatalog) -> ArtworkLatents:
        sizes = (encoded.spec.artwork_size, len(encoded.first) - 1, len(encoded.artwork))
        by_tag, by_title, by_picture = (np.zeros((size, LATENTS)) for size in sizes)
        variance = np.repeat(np.array(STARTING_VARIANCE)[:, None], LATENTS, axis=1)
        return cls(by_tag, by_title, by_picture, variance, np.zeros_like(by_picture))

    def table(self, encoded: EncodedCatalog) -> Doubles:
        """O [n, F]."""
        return np.asarray(encoded.artwork @ self.by_tag + self.by_title[encoded.title_of] + self.by_picture)


def advance(
    old: ArtworkLatents,
    artworks: Doubles,
    moments: Doubles,
    tag_step: npt.NDArray[np.floating],
    appeal_step: Doubles,
    encoded: EncodedCatalog,
    damping: float,
) -> ArtworkLatents:
    """After a round's sums.

    artworks [n, ARTWORK_SUMS]; moments [U + F, F]: Σ w [u, f] fᵀ. tag_step [Z, U], appeal_step [n]: by how much the
    round moves the ranker's tag weights and the pictures' logits; what that explains is taken off first, or viewers
    whose latents go with their taste would be corrected twice.
    """
    curvature = artworks[:, 1]
    total = curvature.sum()
    with_directions, squares = np.split(moments / max(total, 1e-9), [tag_step.shape[1]])
    if total <= 0 or not squares.any():
        return old
    gradient, tilt = np.split(artworks[:, ARTWORK_SUMS - 2 * LATENTS :], 2, axis=1)
    # Those who are shown a picture for their latents are alike: Σ w f fᵀ is large along their mean.
    mean = tilt / np.maximum(curvature, 1e-9)[:, None]
    hessian = curvature[:, None, None] * (squares + mean[:, :, None] * mean[:, None, :])
    decisions = artworks[:, 4].sum()
    stiffness = _stiffness(old, gradient / decisions)
    damping = damping / stiffness
    explained = encoded.artwork @ (tag_step @ with_directions)
    left = gradient - tilt * appeal_step[:, None] - curvature[:, None] * explained
    z, title = encoded.artwork.astype(np.float64), encoded.title_of

    by_tag, tag_variance = np.empty_like(old.by_tag), np.empty(LATENTS)
    # One latent at a time: all tags of all latents together would be a large matrix.
    for k in range(LATENTS):
        fisher = (z * hessian[:, k, k, None]).T @ z
        column, variance = _level(
            old.by_tag[:, k, None].T, (z.T @ left[:, k])[None], fisher[None], old.variance[0, k]
        )
        by_tag[:, k], tag_variance[k] = column[0], variance[0]
    by_tag = old.by_tag + damping * (by_tag - old.by_tag)
    left = left - _moved(hessian, z @ (by_tag - old.by_tag))

    titles = len(old.by_title)
    title_hessian, title_left = np.zeros((titles, LATENTS, LATENTS)), np.zeros((titles, LATENTS))
    np.add.at(title_hessian, title, hessian)
    np.add.at(title_left, title, left)
    by_title, title_variance = _level(old.by_title, title_left, title_hessian, old.variance[1])
    by_title = old.by_title + damping * (by_title - old.by_title)
    left = left - _moved(hessian, (by_title - old.by_title)[title])

    by_picture, picture_variance = _level(old.by_picture, left, hessian, old.variance[2])
    by_picture = old.by_picture + damping * (by_picture - old.by_picture)
    variances = np.stack([tag_variance, title_variance, picture_variance])
    new = ArtworkLatents(by_tag, by_title, by_picture, variances, old.step)
    step = new.table(encoded) - old.table(encoded)
    return replace(
        new,
        step=step,
        slope=float((gradient * step).sum() / decisions),
        assumed=float((step * _moved(hessian, step)).sum() / decisions),
        stiffness=stiffness,
    )


def _stiffness(old: ArtworkLatents, slopes: Doubles) -> float:
    """How much more curvature the last step met than was assumed, or the ones before it; at least 1. The other tables
    move beside the latents, and what all of them explain is corrected more than once."""
    if old.assumed <= 0.0:
        return old.stiffness
    met = (old.slope - float((slopes * old.step).sum())) / old.assumed
    return float(np.clip(max(met, 1.0 + STIFFNESS_KEPT * (old.stiffness - 1.0)), 1.0, MOST_STIFFNESS))


def _moved(hessian: Doubles, step: Doubles) -> Doubles:
    return np.asarray((hessian @ step[..., None])[..., 0])


def _level(
    values: Doubles, gradient: Doubles, hessian: Doubles, variance: Doubles | float
) -> tuple[Doubles, Doubles]:
    """Where a whole Newton step leads from values [m, k], and what it says of their prior variance: [k] each, or one
    for all."""
    size = values.shape[-1]
    prior = np.eye(size) / variance
    covariance = np.linalg.inv(hessian + prior)
    full = (covariance @ (gradient + _moved(hessian, values))[..., None])[..., 0]
    determined = np.maximum(1.0 - np.einsum("mkk->mk", covariance) / variance, 0.0)
    squares = full**2
    if np.ndim(variance) == 0:  # one variance for the whole row
        squares, determined = squares.reshape(-1, 1), determined.reshape(-1, 1)
    # MacKay's fixed point, held back by one pseudo-number at the old variance.
    updated = (squares.sum(axis=0) + variance) / (determined.sum(axis=0) + 1.0)
    return full, np.clip(updated, *VARIANCE_RANGE)
