"""The current catalogue of one process: read from the database when its version changes, copied to the data folder.

The copy is what a compact catalogue is mapped from, and what `DIR/catalog.json` shows to people and backups.
"""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy.orm import Session

from keyart import Catalog
from keyart.bundle import replace_file

from . import catalog_store


class CurrentCatalog:
    """The catalogue that campaigns use.

    Args:
        path: File of the copy in the data folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._loaded: tuple[str, Catalog] | None = None  # digest and catalogue

    def read(self, session: Session) -> Catalog | None:
        """Return the newest version of this transaction's snapshot; None if there is none.

        Raises:
            CatalogError: The stored file cannot be read by this version of keyart.
            OSError: The copy cannot be written.
        """
        version = catalog_store.newest(session)
        if version is None:
            return None
        with self._lock:
            if self._loaded is None or self._loaded[0] != version.digest:
                content = catalog_store.content(session, version.number) or b""  # the newest version keeps its file
                if not self._path.is_file() or self._path.read_bytes() != content:
                    replace_file(self._path, content)
                self._loaded = version.digest, Catalog.load(self._path)
            return self._loaded[1]
