"""Model bundles: published as signed static files under `/tuf`."""

from __future__ import annotations

from .published_bundles import PublishedBundles

__all__ = ["PublishedBundles"]
