"""A page: a picture for each title in one model run, varied across the page.

Titles are drawn in the order asked. A candidate's value is first multiplied by a factor, the smaller the more the
page would repeat itself with it. The propensity is exact: that of the draw, given the draws before it.

The factors are marginal gains of one function of the page. With λ the policy's diversity, v the values, x_at how much
picture a shows of tag t (its weight; those of a kind brought down to a sum of 1 where it is more, those of an open
kind always to 1), α = ½, and n_b the place of b's title on the page, from 0:

    F(S) = Σ_{a∈S} log v_a − λ (R₁(S) + R₂(S))
    R₁(S) = Σ_{t recognised} [Σ_{a∈S} x_at − (1 − Π_{a∈S} (1 − α x_at)) / α]
    R₂(S) = Σ_{t other} Σ_{a before b} x_at x_bt / n_b

    factor of b after S = exp(−λ r)
    r = Σ_{t recognised} x_bt (1 − Π_{a∈S} (1 − α x_at)) + Σ_{t other} x_bt Σ_{a∈S} x_at / n_b

- Recognised tags, people above all, count by how often they were shown, on a page of any length: a person's second
  picture costs λ/2, the third λ·3/4. The product is the probabilistic coverage of Agrawal et al. 2009.
- Other tags (palette, shot, genre …) count by their share of the page, since three palettes on forty pictures must
  repeat: calibration by share (Steck 2018), here a mean likeness (Carbonell and Goldstein 1998 have the greatest).

F is submodular (Lin and Bilmes 2011), F(S ∪ {b}) − F(S) ≥ F(T ∪ {b}) − F(T) for S ⊆ T: coverage is, and so is what
loses by pairs. Nothing that a page shows makes more of the same worth more. To take the largest gain next is the
greedy way of Nemhauser, Wolsey and Fisher 1978; here the order of titles is given and pictures are drawn, so that its
bound is not claimed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..catalog import kind_of
from ..linalg import unflagged
from ..types import Floats
from .features import EncodedCatalog, FeatureSpec

# Whom and what a viewer knows again. Open kinds count as these, and these count so in a small catalogue, too.
RECOGNISED_KINDS = ("cast", "director", "franchise")
RECOGNITION_RATE = 0.5  # α
MAX_CACHED_SETS = 512  # of which x is kept: a home page shows the same titles again and again


class PageMemory:
    """The artworks that a page shows so far, named by their place in the encoded catalogue."""

    def __init__(self, diversity: float, encoded: EncodedCatalog) -> None:
        self._diversity, self._encoded = float(diversity), encoded
        self._kinds, self._recognised, self._others = _layout(encoded.spec)
        size = encoded.spec.artwork_size
        self._slate, self._x = slice(0, 0), np.zeros((2, 0, size), dtype=np.float32)  # asked for last
        self._shown = 0
        self._seen = np.zeros(size, dtype=np.float32)  # 1 − Π (1 − α x) of recognised tags, Σ x of others
        self._per = self._recognised.copy()  # what that is divided by: 1, and of others the number of artworks shown
        self._open_seen = np.zeros(encoded.open_size, dtype=np.float32)  # the same, of open tags

    @unflagged
    def factors(self, pictures: slice) -> Floats:
        """Return the factors for the values of the next title's artworks, in [exp(−diversity · kinds), 1], [A]."""
        if not self._shown or not self._diversity:
            return np.ones(pictures.stop - pictures.start, dtype=np.float32)
        encoded = self._encoded
        repetition = self._shares(pictures)[0] @ self._repeated
        if encoded.spec.open_kinds:
            seen = self._open_seen[encoded.open_index[pictures]]
            repetition += (seen * encoded.open_weight[pictures]).sum(axis=(1, 2))
        factors: Floats = np.exp(-self._diversity * repetition)
        return factors

    def show(self, picture: int) -> None:
        """Add the artwork that the page shows next."""
        encoded = self._encoded
        if not self._slate.start <= picture < self._slate.stop:
            self._shares(slice(picture, picture + 1))
        self._shown += 1
        again = self._recognised * self._seen
        np.subtract(1, again, out=again)
        again *= self._x[1, picture - self._slate.start]
        self._seen += again
        self._per += self._others
        self._repeated = self._seen / self._per
        if encoded.spec.open_kinds:
            index, weight = encoded.open_index[picture], encoded.open_weight[picture]
            for tag, share in zip(index.ravel().tolist(), weight.ravel().tolist(), strict=True):
                if share:
                    self._open_seen[tag] += RECOGNITION_RATE * share * (1 - self._open_seen[tag])

    def _shares(self, pictures: slice) -> Floats:
        """Return x of tags with places of their own, and the same with α x for recognised tags, [2, A, Z].

        It is kept for the `show` that follows.
        """
        kept = self._encoded.on_page
        x = kept.get((pictures.start, pictures.stop))
        if x is None:
            tags = self._encoded.artwork[pictures]
            totals = np.maximum(tags @ self._kinds, 1.0)
            shares = tags / (totals @ self._kinds.T)
            x = np.stack([shares, shares * np.where(self._recognised, np.float32(RECOGNITION_RATE), self._others)])
            if len(kept) >= MAX_CACHED_SETS:
                kept.clear()
            kept[pictures.start, pictures.stop] = x
        self._slate, self._x = pictures, x
        return x


@lru_cache(maxsize=4)
def _layout(spec: FeatureSpec) -> tuple[Floats, Floats, Floats]:
    """Return the kinds of tags [Z, kinds], the recognised tags [Z], and the others [Z], of 0 and 1."""
    kinds = [kind_of(tag) for tag in spec.artwork_tags]
    names = list(dict.fromkeys(kinds))
    member = np.array([[kind == name for name in names] for kind in kinds], dtype=np.float32)
    recognised = np.isin(kinds, RECOGNISED_KINDS).astype(np.float32)
    return member.reshape(len(kinds), len(names)), recognised, 1 - recognised
