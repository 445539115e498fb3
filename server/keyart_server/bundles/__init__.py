"""Model bundles: published as signed static files under `/tuf`, and the rotation of the keys that sign them.

The package uses `signing` for the repository and its keys, and `audit_log` for key rotations.
"""

from __future__ import annotations

from .published_bundles import PublishedBundles

__all__ = ["PublishedBundles"]
