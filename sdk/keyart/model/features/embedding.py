"""Embeddings as tags: where an embedding lies along the principal axes of a catalogue's embeddings.

Everything behind the features (the ranker, the head, private sums, eligibility) knows tags. So an embedding becomes
tags of one kind, `embedding`: for the k-th axis `embedding:k+` or `embedding:k-`, with the distance from the mean in
standard deviations as its weight. The axes travel in the feature spec, so that every device and every round reads an
embedding alike, and a title that is added later needs no new model.

The axes are whitened: embeddings of pictures have few large directions (brightness, faces) that would drown the
others. Titles and artworks have a mean each, since embeddings of texts and of pictures lie apart even where a model
trains both in one space (Liang et al. 2022, "Mind the Gap").
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...catalog import EMBEDDING_KIND, MAX_EMBEDDING_SIZE, Artwork, Catalog, Title
from ...errors import BundleRefused

if TYPE_CHECKING:
    from ...types import Doubles

MAX_AXES = 16  # two tags each, in each of the two places of a bilinear model
COVERED_VARIANCE = 0.95
VECTORS_PER_AXIS = 4  # with fewer the axes tell single artworks apart, and nothing that others share
SAMPLED_VECTORS = 512  # from which axes are estimated: the 16 largest are known to a few per cent
DIGITS = 3  # of a weight, so that another processor's rounding makes no other features


@dataclass(frozen=True)
class EmbeddingAxes:
    """The axes by which the embeddings of a catalogue are read.

    Attributes:
        size: Numbers of an embedding, d.
        count: Number of axes, k.
        values: [2 + k, d] as base64 of little-endian float32: the mean of titles, the mean of artworks, and the axes,
            each divided by the standard deviation along it.
    """

    size: int
    count: int
    values: str

    @classmethod
    def of_catalog(cls, catalog: Catalog) -> EmbeddingAxes | None:
        """Return the axes of a catalogue, or None if it has too few embeddings. Its order makes no difference."""
        size = catalog.titles.embedding_size()
        if size is None:
            return None
        means, sampled = np.zeros((2, size)), []
        for row, entries in enumerate(catalog.titles.embeddings()):
            if entries:
                every = -(-2 * len(entries) // SAMPLED_VECTORS)
                in_order = sorted(entries, key=lambda entry: entry[0])
                vectors = np.array([vector for _, vector in in_order[::every]], dtype=np.float64)
                means[row] = vectors.mean(axis=0)
                sampled.append(vectors - means[row])
        axes = _whitened_axes(np.concatenate(sampled))
        return cls.of_arrays(means, axes) if len(axes) else None

    @classmethod
    def of_arrays(cls, means: Doubles, axes: Doubles) -> EmbeddingAxes:
        """Return axes from the means of titles and of artworks [2, d] and the whitened axes [k, d]."""
        values = np.concatenate([means, axes]).astype("<f4")
        return cls(values.shape[1], len(axes), base64.b64encode(values.tobytes()).decode("ascii"))

    @classmethod
    def from_json(cls, document: Any) -> EmbeddingAxes:
        """Read axes that `to_json` wrote.

        Raises:
            BundleRefused: They do not have this form.
        """
        match document:
            case {"size": int(size), "count": int(count), "values": str(values), **more} if not more:
                axes = cls(size, count, values)
            case _:
                raise _refused("must have 'size', 'count' and 'values'")
        if (
            isinstance(size, bool)
            or isinstance(count, bool)
            or not (1 <= size <= MAX_EMBEDDING_SIZE and 1 <= count <= MAX_AXES)
        ):
            raise _refused(f"must have 1 to {MAX_AXES} axes of 1 to {MAX_EMBEDDING_SIZE:,} numbers")
        try:
            sound = bool(np.isfinite(axes.arrays).all())
        except ValueError:  # binascii.Error is one
            sound = False
        if not sound:
            raise _refused(f"must have, as 'values', base64 of {2 + count} rows of {size} finite float32 numbers")
        return axes

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `from_json` reads."""
        return asdict(self)

    @cached_property
    def arrays(self) -> Doubles:
        """Return `values` as numbers, [2 + k, d]."""
        data = base64.b64decode(self.values, validate=True)
        return np.frombuffer(data, dtype="<f4").reshape(2 + self.count, self.size).astype(np.float64)

    @cached_property
    def tag_names(self) -> tuple[str, ...]:
        """Return the names of all tags, two an axis."""
        return tuple(f"{EMBEDDING_KIND}:{k:02}{sign}" for k in range(self.count) for sign in "+-")

    def tags_of(self, entry: Title | Artwork) -> Mapping[str, float]:
        """Return the tags of a title or an artwork, its embedding among them."""
        if entry.embedding is None:
            return entry.tags
        mean, axes = self.arrays[0 if isinstance(entry, Title) else 1], self.arrays[2:]
        along = np.round(axes @ (np.asarray(entry.embedding, dtype=np.float64) - mean), DIGITS).tolist()
        names = self.tag_names
        return {**entry.tags, **{names[2 * k + (at < 0)]: abs(at) for k, at in enumerate(along) if at}}


def _whitened_axes(centred: Doubles) -> Doubles:
    """Return the principal axes that cover most of the variance, each over its standard deviation, [k, d].

    Args:
        centred: Embeddings less their mean, [n, d].
    """
    if not centred.size or not centred.any():
        return np.zeros((0, centred.shape[1]))
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    variance = sizes**2 / len(centred)
    wanted = 1 + int(np.searchsorted(np.cumsum(variance) / variance.sum(), COVERED_VARIANCE))
    count = min(wanted, MAX_AXES, len(centred) // VECTORS_PER_AXIS)
    axes = axes[:count]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return np.asarray(axes * np.sign(largest) / np.sqrt(variance[:count, None]), dtype=np.float64)


def _refused(why: str) -> BundleRefused:
    return BundleRefused(f"The embedding axes of the bundle's feature spec {why}. Build the bundle again.")
