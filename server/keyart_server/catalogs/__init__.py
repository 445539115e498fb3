"""The fleet's catalogue: its versions in the database, the current one in memory, uploads.

Every process reads the current version from the database: an upload takes effect everywhere without a restart.
"""

from __future__ import annotations

from .catalog_store import CatalogVersion
from .current_catalog import CurrentCatalog

__all__ = ["CatalogVersion", "CurrentCatalog"]
