"""Artworks that arrive half-way.

A `World` has one catalogue for good, so an artwork cannot be withheld from the candidates. It is modelled as one
whose appeal sets in late: until half-way it lacks `ABSENT_LOGITS`, more than tastes differ by, so that nobody's
best artwork is one that has not arrived. This asks more of a learner than a true arrival: it has seen the artwork
fail.
"""

from __future__ import annotations

import numpy as np

from ..types import Doubles

ABSENT_LOGITS = 4.0


def drawn_arrivals(titles: int, artworks: int, share: float, impressions: int, seed: int) -> Doubles:
    """Return logits of a play, [impressions, titles × artworks]: −ABSENT_LOGITS for an artwork yet to arrive, else 0.

    The nearest whole number to the share of each title's artworks come late; one at least is there from the start.
    """
    late = min(round(share * artworks), artworks - 1)
    rng = np.random.default_rng([seed, 43])
    order = rng.permuted(np.tile(np.arange(artworks), (titles, 1)), axis=1)
    lacking = np.zeros((impressions, titles * artworks))
    lacking[: impressions // 2] = -ABSENT_LOGITS * (order < late).ravel()
    return lacking
