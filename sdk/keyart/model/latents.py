"""Latents: latent factors of titles, artworks and viewers, learned from who watches what.

Titles that the same people watch have vectors V_t that are alike. A viewer's vector is the mean over the titles of
their exposure,

    f_t = Σ_s m_s V_s / (Σ_s m_s + PRIOR_EXPOSURE),  s ≠ t

with m_s the weighted views of title s, and `PLAY_WEIGHT` for each play and `IMPRESSION_WEIGHT` for each artwork of it
that an older model showed here. The title that is asked about is left out: the outcomes of its artworks must not
predict themselves. The logit of play of its artwork a gets f_t · O_a more (Koren, Bell and Volinsky 2009, "Matrix
factorization techniques", eq. 2, with the viewer folded in). V and O come with the bundle; f never leaves the device.
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
    """The exposure of viewers […] to titles.

    Attributes:
        counts: Weighted views and impressions by place of the title, […, T].
        weight: Σ m, […].
        total: Σ m V, […, F].
    """

    counts: Floats
    weight: Floats
    total: Floats


@dataclass(frozen=True)
class Latents:
    """The latent vectors of a model, by the catalogue's order; 0 for those that the model does not know.

    Attributes:
        titles: [T, F].
        artworks: [n, F].
    """

    titles: Floats
    artworks: Floats

    @classmethod
    def of(cls, titles: npt.NDArray[np.floating], artworks: npt.NDArray[np.floating]) -> Latents:
        """Return the latents as a device gets them: integers (`quantize_latents`) times a scale a column."""
        return cls(*(dequantize_latents(*quantize_latents(table)) for table in (titles, artworks)))

    def to_bytes(self) -> bytes:
        """Return bytes that tell these latents from others."""
        return self.titles.tobytes() + self.artworks.tobytes()

    def met(self, counts: Floats) -> TitleExposure:
        """Return the exposure with its sums, for counts […, T]."""
        return TitleExposure(counts, counts.sum(-1, dtype=np.float32), (self.titles.T @ counts[..., None])[..., 0])

    def viewer(self, met: TitleExposure, titles: Ints | int) -> Floats:
        """Return the viewers' vectors f for titles […, N], […, N, F]; [F] for one title of one viewer."""
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
        """Return f, where `same` is the weight of the titles themselves."""
        rest = weight - same + np.float32(PRIOR_EXPOSURE)
        return np.asarray((total - same * self.titles[titles]) / rest, dtype=np.float32)

    def logits(self, met: TitleExposure, titles: Ints | int, artworks: Ints | slice) -> Floats:
        """Return what the latents add to viewers' logits of play.

        Args:
            met: Exposure of the viewers […].
            titles: Titles of the artworks, […, N] or […, 1]; or one title of one viewer.
            artworks: Places among all artworks, […, N].

        Returns:
            […, N].
        """
        return np.asarray(row_dots(self.artworks[artworks], self.viewer(met, titles)), dtype=np.float32)


def quantize_latents(table: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.int8], list[float]]:
    """Return a table […, F] as integers up to `MAX_QUANTIZED`, and a scale a column."""
    scale = np.abs(table).max(axis=0, initial=0.0) / MAX_QUANTIZED
    numbers = np.rint(table / np.where(scale > 0, scale, 1.0))
    return numbers.astype(np.int8), [float(x) for x in scale]


def dequantize_latents(numbers: npt.NDArray[np.int8], scale: list[float]) -> Floats:
    """Invert `quantize_latents`."""
    return np.asarray(numbers.astype(np.float64) * scale, dtype=np.float32)
