"""Latents: numbers for what no tag tells, learned from who watches what (latent factors).

Titles that the same people watch have vectors V_t that are alike. A viewer's is the mean of those of the titles met,

    f_t = Σ_s m_s V_s / (Σ_s m_s + PRIOR_MET),  s ≠ t

with m_s the weighted views of title s, and `PLAYED` for each play and `SHOWN` for each picture of it that an older
model showed here. The title that is asked about is left out: what came of its pictures must not foretell itself. The
logit of play of its picture a gets f_t · O_a more (Koren, Bell and Volinsky 2009, "Matrix factorization techniques",
eq. 2, with the viewer folded in). V and O come with the bundle; f never leaves the device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..linalg import row_dots
from ..types import Floats, Ints

LATENTS = 6  # numbers a title, a picture and a viewer
PRIOR_EXPOSURE = 15.0  # what a viewer has met counts half when it weighs so much
PLAY_WEIGHT, IMPRESSION_WEIGHT = 0.75, 0.5  # beside a view, which counts 1
MAX_QUANTIZED = 127  # of the whole numbers that a bundle holds


@dataclass(frozen=True)
class TitleExposure:
    """What viewers […] met: counts […, T] by place of the title, and its sums: weight […], Σ m V […, F]."""

    counts: Floats
    weight: Floats
    total: Floats


@dataclass(frozen=True)
class Latents:
    """titles [T, F] and artworks [n, F], by the catalogue's order; those that the model does not know are 0."""

    titles: Floats
    artworks: Floats

    @classmethod
    def of(cls, titles: npt.NDArray[np.floating], artworks: npt.NDArray[np.floating]) -> Latents:
        """As a device gets them: whole numbers (`whole`) times a scale a column."""
        return cls(*(dequantize_latents(*quantize_latents(table)) for table in (titles, artworks)))

    def to_bytes(self) -> bytes:
        """All of it, to tell it from others."""
        return self.titles.tobytes() + self.artworks.tobytes()

    def met(self, counts: Floats) -> TitleExposure:
        """With its sums. counts […, T]."""
        return TitleExposure(counts, counts.sum(-1, dtype=np.float32), (self.titles.T @ counts[..., None])[..., 0])

    def viewer(self, met: TitleExposure, titles: Ints | int) -> Floats:
        """f […, N, F] of viewers […], for titles […, N]; [F] for one title of one viewer."""
        if isinstance(titles, int):
            return self._without(met.weight, met.total, met.counts[titles], titles)
        weight, total = np.asarray(met.weight), met.total
        if met.counts.ndim == 1:
            same = met.counts[titles]
        else:
            titles = np.broadcast_to(titles, (*met.counts.shape[:-1], titles.shape[-1]))
            same = np.take_along_axis(met.counts, titles, axis=-1)
            weight, total = weight[..., None], total[..., None, :]
        return self._without(weight[..., None], total, same[..., None], titles)

    def _without(self, weight: Floats, total: Floats, same: Floats, titles: Ints | int) -> Floats:
        """f, where `same` of the weight is that of the titles themselves."""
        rest = weight - same + np.float32(PRIOR_EXPOSURE)
        return np.asarray((total - same * self.titles[titles]) / rest, dtype=np.float32)

    def logits(self, met: TitleExposure, titles: Ints | int, artworks: Ints | slice) -> Floats:
        """Return what is added to viewers' logits of play.

        Args:
            met: what the viewers […] met.
            titles: of the artworks, […, N] or […, 1]; or one title of one viewer.
            artworks: their places among all artworks, […, N].

        Returns:
            […, N].
        """
        return np.asarray(row_dots(self.artworks[artworks], self.viewer(met, titles)), dtype=np.float32)


def quantize_latents(table: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.int8], list[float]]:
    """[…, F] as whole numbers up to `LARGEST`, and a scale a column."""
    scale = np.abs(table).max(axis=0, initial=0.0) / MAX_QUANTIZED
    numbers = np.rint(table / np.where(scale > 0, scale, 1.0))
    return numbers.astype(np.int8), [float(x) for x in scale]


def dequantize_latents(numbers: npt.NDArray[np.int8], scale: list[float]) -> Floats:
    """Inverse of `whole`."""
    return np.asarray(numbers.astype(np.float64) * scale, dtype=np.float32)
