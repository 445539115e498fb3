"""The open profiles of one file: what a sidecar holds between two calls."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..catalog import Catalog
from ..errors import SettingError, StoreClosed
from ..model.ranker import Engine
from ..personalizer import Personalizer
from ..store.keys import KeyProvider, PassphraseKey


@dataclass(frozen=True, slots=True)
class Device:
    """The files, the keys and the engine that all profiles of a sidecar share.

    Attributes:
        file: File of the profiles.
        catalog: File of the catalogue.
        bundle: Folder of a model bundle, or of installed ones; None if there is no model yet.
        keys: Source of the keys; None if the app gives a passphrase with each profile that it opens.
        engine: Engine that runs the model.
    """

    file: Path
    catalog: Path
    bundle: Path | None = None
    keys: KeyProvider | None = None
    engine: Engine = "auto"


class Household:
    """The profiles that a sidecar has opened, by name. It is thread-safe."""

    def __init__(self, device: Device) -> None:
        """Load the catalogue. Raises CatalogError if it cannot be read."""
        self._device = device
        self._catalog, self._bundle = Catalog.load(device.catalog), device.bundle
        self._profiles: dict[str, Personalizer] = {}
        self._lock = threading.Lock()

    def open(self, profile: str, passphrase: str | None, settings: Mapping[str, Any]) -> Personalizer:
        """Open a profile, or create it; `settings` are those of `Personalizer.open`.

        Raises:
            SettingError: It is open already, or there is no source of keys.
        """
        keys = self._device.keys
        if keys is not None and passphrase is not None:
            raise SettingError("The sidecar was started with a source of keys; open takes no passphrase then.")
        if keys is None:
            if passphrase is None:
                raise SettingError("Give open a passphrase, or start the sidecar with --keyring or --key-folder.")
            keys = PassphraseKey(passphrase)
        with self._lock:
            if profile in self._profiles:
                raise SettingError(f"The profile {profile!r} is open already; close it first.")
            art = Personalizer.open(
                self._device.file, catalog=self._catalog, keys=keys, bundle=self._bundle, profile=profile,
                engine=self._device.engine, **settings,
            )  # fmt: skip
            self._profiles[profile] = art
            return art

    def profile(self, name: str) -> Personalizer:
        """Return an open profile. Raises StoreClosed if it is not open."""
        art = self._profiles.get(name)
        if art is None:
            raise StoreClosed(f"The profile {name!r} is not open; call open first.")
        return art

    def names(self) -> list[str]:
        """Return the names of the open profiles, in the order in which they were opened."""
        return list(self._profiles)

    def set_catalog(self, file: Path) -> int:
        """Let every open profile choose from another catalogue; return its number of titles."""
        catalog = Catalog.load(file)
        with self._lock:
            for art in self._profiles.values():
                art.set_catalog(catalog)
            self._catalog = catalog
        return len(catalog.titles)

    def install(self, bundle: Path, validate: bool) -> dict[str, int]:
        """Install a bundle in every open profile; return the version that chooses now, by profile."""
        with self._lock:
            versions = {name: art.install(bundle, validate) for name, art in self._profiles.items()}
            self._bundle = bundle
        return versions

    def close(self, name: str) -> None:
        """Close a profile; one that is not open is closed already."""
        with self._lock:
            art = self._profiles.pop(name, None)
        if art is not None:
            art.close()

    def close_all(self) -> None:
        """Write what is pending and close every profile."""
        for name in self.names():
            self.close(name)
