"""The files of a Kodi profile."""

from __future__ import annotations

from collections import namedtuple


class Place(namedtuple("Place", "folder socket")):
    """The files of a Kodi profile.

    Attributes:
        folder: The add-on's folder in the profile.
        socket: Where the sidecar listens.
    """

    __slots__ = ()

    @property
    def catalog(self) -> str:
        """Return the catalogue that the sidecar chooses from."""
        return f"{self.folder}/catalog.json"

    @property
    def index(self) -> str:
        """Return the index of that catalogue."""
        return f"{self.folder}/index.json"

    @property
    def playing(self) -> str:
        """Return the file that is there while something plays: left behind, it says that Kodi was killed."""
        return f"{self.folder}/playing"
