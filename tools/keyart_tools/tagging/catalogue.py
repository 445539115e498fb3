"""The selected stills as a catalogue of one title."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keyart.catalog import Artwork, Catalog, Title
from keyart.errors import CatalogError

from .judgement import MAX_UNSAFE
from .still import Still
from .tagging_file import Tagging

CATALOG = "catalog.json"
ADULT = "18+"  # maturity of a still that looks unsafe, which only a person can have accepted


def write_catalogue(folder: Path, tagging: Tagging) -> Catalog:
    """Write catalog.json with the selected stills, and with artworks that were composed of stills before."""
    artworks = [_artwork(tagging, still) for still in tagging.selected]
    ids = {artwork.id for artwork in artworks}
    artworks += [artwork for artwork in _composed(folder / CATALOG, tagging.title_id) if artwork.id not in ids]
    embedding = _mean_embedding([artwork.embedding for artwork in artworks if artwork.embedding is not None])
    title = Title(tagging.title_id, tagging.name, tagging.film.seconds, tagging.title_tags, artworks, embedding)
    catalog = Catalog.from_titles([title])
    catalog.save(folder / CATALOG)
    return catalog


def _artwork(tagging: Tagging, still: Still) -> Artwork:
    # A layout of colours compares the stills of one film; only the embedding of a model means the same everywhere.
    embedding = still.embedding if "objects" in tagging.models else None
    return Artwork(
        f"{tagging.title_id}/{still.id}",
        tags=still.all_tags,
        image=still.image,
        embedding=None if embedding is None else [round(float(x), 4) for x in embedding],
        maturity=ADULT if still.unsafe is not None and still.unsafe >= MAX_UNSAFE else "",
    )


def _mean_embedding(embeddings: Sequence[Sequence[float]]) -> list[float] | None:
    """Return the mean of artworks' embeddings at norm 1: what the film looks like on the whole."""
    if not embeddings:
        return None
    mean = np.mean(np.array(embeddings, dtype=np.float64), axis=0)
    return [round(float(x), 4) for x in mean / max(float(np.linalg.norm(mean)), 1e-12)]


def _composed(path: Path, title_id: str) -> list[Artwork]:
    try:
        return [artwork for artwork in Catalog.load(path)[title_id].artworks if artwork.synthetic]
    except CatalogError:
        return []
