"""The personal head: a small Bayesian model of what this viewer likes beyond what the global model knows.

It adds [z_a, 1]·mean to the play logit. After each outcome one rank-one update (assumed-density filtering of a
logistic likelihood; learning.md): with z = [z_a, 1], q = σ(s), w = q(1 − q),

    mean ← mean + S z (y − q) / (1 + w zᵀ S z)          S ← S − S z zᵀ S w / (1 + w zᵀ S z)

The prior S₀ comes from the bundle; the whole log re-fits it when a new bundle arrives, since otherwise it would
count twice what the model has learned by then. All functions broadcast over leading axes (a batch of devices).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..linalg import inverse, unflagged
from .features.encode import Floats, Ints
from .ranker.numpy_engine import sigmoid

if TYPE_CHECKING:
    from .artwork_bias import Own

NEWTON_STEPS, STEPS_FROM_A_HEAD = 4, 3  # from nothing; from where the last head was, which is close


@dataclass(frozen=True)
class HeadPrior:
    """Prior variances: of each tag's weight, and of the bias."""

    tag_variance: float = 0.03
    bias_variance: float = 0.16

    def variances(self, artwork_size: int) -> Floats:
        """[Z + 1]."""
        return np.array([*[self.tag_variance] * artwork_size, self.bias_variance], dtype=np.float32)


@dataclass(frozen=True)
class Head:
    """mean […, Z + 1] and covariance […, Z + 1, Z + 1]."""

    mean: Floats
    covariance: Floats

    @classmethod
    def start(cls, prior: HeadPrior, artwork_size: int, lead: tuple[int, ...] = ()) -> Head:
        """The prior; `lead` are leading axes."""
        size = artwork_size + 1
        covariance = np.broadcast_to(np.diag(prior.variances(artwork_size)), (*lead, size, size)).copy()
        return cls(np.zeros((*lead, size), dtype=np.float32), covariance)

    @unflagged
    def offsets(self, artwork: Floats) -> Floats:
        """[…, N]: what the head adds to the play logit of pictures […, N, Z]."""
        mean = self.mean
        if mean.ndim == 1:
            return np.asarray(artwork @ mean[:-1] + mean[-1], dtype=np.float32)
        return np.asarray((artwork @ mean[..., :-1, None])[..., 0] + mean[..., -1:], dtype=np.float32)


def extend(artwork: Floats) -> Floats:
    """[…, Z] → […, Z + 1] with a 1 for the bias."""
    z = np.empty((*artwork.shape[:-1], artwork.shape[-1] + 1), dtype=np.float32)
    z[..., :-1] = artwork
    z[..., -1] = 1.0
    return z


def update(head: Head, artwork: Floats, play: Floats, played: Floats) -> Head:
    """The head after one outcome. artwork […, Z]; play […]: logit with the head in it; played […]: 0 or 1."""
    z = extend(artwork)
    q = sigmoid(play)
    w = q * (1 - q)
    sz = (head.covariance @ z[..., None])[..., 0]
    gain = 1.0 + w * (z * sz).sum(-1)
    mean = head.mean + sz * ((played - q) / gain)[..., None]
    sz *= np.sqrt(w / gain)[..., None]
    covariance = sz[..., :, None] * sz[..., None, :]
    np.subtract(head.covariance, covariance, out=covariance)
    return Head(mean.astype(np.float32), covariance)


def updates(
    head: Head, artwork: Floats, play: Floats, played: Floats, own: Own | None = None, places: Ints | None = None
) -> Head:
    """One device's head after outcomes [N] in order: N times `update`, in place and without arrays of one number.

    artwork [N, Z]; play [N]: logit of what does not learn here, to which the head of that moment adds; played [N].
    own: what is known of single pictures, at `places` [N] among all artworks; it counts, and learns, beside the head.
    """
    mean, covariance = head.mean.copy(), head.covariance.copy()
    sz, change = np.empty_like(mean), np.empty_like(covariance)
    at = [0] * len(play) if places is None else places.tolist()
    for z, base, y, place in zip(extend(artwork), play.tolist(), played.tolist(), at, strict=True):
        logit = base + float(z @ mean)
        if own is not None:
            logit += float(own.added[place])
            own.learn(place, logit, y)
        q = 0.5 * (1.0 + math.tanh(0.5 * logit))
        w = q * (1.0 - q)
        np.dot(covariance, z, out=sz)
        gain = 1.0 + w * float(z @ sz)
        mean += sz * np.float32((y - q) / gain)
        sz *= np.float32(math.sqrt(w / gain))  # its square, so that the covariance stays symmetric to the last bit
        np.multiply(sz[:, None], sz, out=change)
        covariance -= change
    return Head(mean, covariance)


@unflagged
def refit(
    prior: HeadPrior,
    artwork: Floats,
    play: Floats,
    played: Floats,
    counted: Floats,
    start: Floats | None = None,
) -> Head:
    """The head from a whole log by Newton's method on the log posterior.

    artwork […, N, Z]; play […, N]: logit of the global model alone; played […, N]; counted […, N]: 1, or 0 for
    padding; start […, Z + 1]: where to begin (the last head), by default 0.
    """
    x = extend(artwork)
    precision = 1.0 / prior.variances(artwork.shape[-1])
    mean = np.zeros((*artwork.shape[:-2], x.shape[-1]), dtype=np.float32) if start is None else start
    covariance = np.empty(0, dtype=np.float32)
    for _ in range(NEWTON_STEPS if start is None else STEPS_FROM_A_HEAD):
        q = sigmoid(play + (x @ mean[..., None])[..., 0])
        xt = np.swapaxes(x, -1, -2)
        gradient = (xt @ ((played - q) * counted)[..., None])[..., 0] - precision * mean
        hessian = xt @ (x * (q * (1 - q) * counted)[..., None]) + np.diag(precision)
        covariance = inverse(hessian)
        mean = mean + (covariance @ gradient[..., None])[..., 0]
    return Head(mean.astype(np.float32), covariance)
