"""The personal head: a small Bayesian model of what this viewer likes beyond what the global model knows.

It adds [z_a, 1]·mean to the play logit. After each outcome one rank-one update (assumed-density filtering of a
logistic likelihood; learning.md): with z = [z_a, 1], q = σ(s), w = q(1 − q),

    mean ← mean + S z (y − q) / (1 + w zᵀ S z)          S ← S − S z zᵀ S w / (1 + w zᵀ S z)

The prior S₀ comes from the bundle; the whole log re-fits it when a new bundle arrives, since otherwise it would
count twice what the model has learned by then. All functions broadcast over leading axes (a batch of devices).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..linalg import inverse, row_dots, unflagged
from ..types import Floats
from .ranker.numpy_engine import sigmoid

NEWTON_STEPS = 4
_ONE = np.float32(1)  # of any numpy a float32 with a float32


@dataclass(frozen=True)
class HeadPrior:
    """Prior variances of the head.

    Attributes:
        tag_variance: Variance of each tag's weight.
        bias_variance: Variance of the bias.
    """

    tag_variance: float = 0.03
    bias_variance: float = 0.16

    def variances(self, artwork_size: int) -> Floats:
        """Return the prior variances, [Z + 1]."""
        return np.array([*[self.tag_variance] * artwork_size, self.bias_variance], dtype=np.float32)


class Head(NamedTuple):
    """The state of a head.

    Attributes:
        mean: […, Z + 1].
        covariance: […, Z + 1, Z + 1].
    """

    mean: Floats
    covariance: Floats

    @classmethod
    def start(cls, prior: HeadPrior, artwork_size: int, lead: tuple[int, ...] = ()) -> Head:
        """Return the prior as a head. `lead` are leading axes."""
        size = artwork_size + 1
        covariance = np.broadcast_to(np.diag(prior.variances(artwork_size)), (*lead, size, size)).copy()
        return cls(np.zeros((*lead, size), dtype=np.float32), covariance)


def with_bias(artwork: Floats) -> Floats:
    """Append a 1 for the bias: […, Z] → […, Z + 1]."""
    z = np.empty((*artwork.shape[:-1], artwork.shape[-1] + 1), dtype=np.float32)
    z[..., :-1] = artwork
    z[..., -1] = 1.0
    return z


def update_head(head: Head, artwork: Floats, q: Floats, played: Floats, counted: Floats | None = None) -> Head:
    """Return the head after one outcome.

    Args:
        head: of a device, or of a batch […].
        artwork: tags of what was shown, […, Z].
        q: the chance of a play with all parts in it, […].
        played: 0 or 1, […].
        counted: 1, or 0 for an outcome of which nothing may be learned, […]; None: all count.
    """
    z = with_bias(artwork)
    w, residual = q * (_ONE - q), played - q
    if counted is not None:
        w, residual = w * counted, residual * counted
    sz = (head.covariance @ z[..., None])[..., 0]
    gain = _ONE + w * row_dots(z, sz)
    mean = head.mean + sz * (residual / gain)[..., None]
    sz *= np.sqrt(w / gain)[..., None]  # its square, so that the covariance stays symmetric to the last bit
    covariance = sz[..., :, None] * sz[..., None, :]
    np.subtract(head.covariance, covariance, out=covariance)
    return Head(mean, covariance)


@unflagged
def refit_head(prior: HeadPrior, artwork: Floats, play: Floats, played: Floats) -> Head:
    """Return the head from a whole log, by Newton's method on the log posterior, from a mean of 0.

    Each device of a batch has the same number N of decisions: a sum over padding would be rounded in another way than
    on the device alone.

    Args:
        prior: of the head.
        artwork: tags of what was shown, […, N, Z].
        play: the logit of play without head and artwork bias, […, N].
        played: 0 or 1, […, N].
    """
    lead, (count, size) = artwork.shape[:-2], artwork.shape[-2:]
    if not count:
        return Head.start(prior, size, lead)
    x = with_bias(artwork).reshape(-1, count, size + 1)  # with a batch of one, `inverse` works as with any other
    xt = np.swapaxes(x, -1, -2)
    play, played = play.reshape(-1, count), played.reshape(-1, count)
    precision = 1.0 / prior.variances(size)
    mean = np.zeros((len(x), size + 1), dtype=np.float32)
    hessian = gradient = np.empty(0, dtype=np.float32)
    for step in range(NEWTON_STEPS):
        q = sigmoid(play + (x @ mean[..., None])[..., 0])
        gradient = ((xt @ (played - q)[..., None])[..., 0] - precision * mean)[..., None]
        hessian = xt @ (x * (q * (1 - q))[..., None]) + np.diag(precision)
        if step < NEWTON_STEPS - 1:  # half the time of an inverse
            mean = mean + np.linalg.solve(hessian, gradient)[..., 0]
    covariance = inverse(hessian)
    mean = mean + (covariance @ gradient)[..., 0]
    return Head(mean.reshape(*lead, size + 1), covariance.reshape(*lead, size + 1, size + 1))
