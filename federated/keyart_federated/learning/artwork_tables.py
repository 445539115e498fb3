"""Appeal by title and by artwork, shrunk towards 0 by variances that the data choose.

An artwork's appeal is the sum of its title's and its own. Each level has a normal prior around 0, whose variance
follows by MacKay's evidence step (MacKay 1992, "Bayesian interpolation", eq. 2.22).
"""

from __future__ import annotations

import numpy as np

from keyart.model import EncodedCatalog

from ..types import Doubles

TABLE_VARIANCE_RANGE = (1e-3, 1.0)


def shrunken(
    precision: Doubles, vector: Doubles, variance: Doubles, encoded: EncodedCatalog
) -> tuple[Doubles, Doubles, Doubles]:
    """Return the posterior means of titles [T] and of artworks [n], and the next prior variances of both, [2].

    The artworks are integrated out of the titles' equations first (the Schur complement of a block-diagonal matrix),
    so that no matrix is inverted.

    Args:
        precision: Precision with which the sum of both levels is observed, by artwork, [n].
        vector: Precision times the observed sum, [n].
        variance: Prior variances of titles and of artworks so far, [2].
        encoded: The catalogue, which says whose title an artwork is of.
    """
    title_variance, artwork_variance = variance
    count = len(encoded.first) - 1
    shrink = 1.0 / (precision + 1.0 / artwork_variance)
    left = 1.0 - precision * shrink  # what the artwork's own prior leaves to its title
    title_precision = np.bincount(encoded.title_of, weights=precision * left, minlength=count)
    titles = np.bincount(encoded.title_of, weights=vector * left, minlength=count) / (
        title_precision + 1.0 / title_variance
    )
    artworks = (vector - precision * titles[encoded.title_of]) * shrink
    gamma = (title_precision / (title_precision + 1.0 / title_variance)).sum(), (precision * shrink).sum()
    squares = (titles**2).sum(), (artworks**2).sum()
    updated = [(square + old) / (g + 1.0) for square, old, g in zip(squares, variance, gamma, strict=True)]
    return titles, artworks, np.clip(updated, *TABLE_VARIANCE_RANGE)
