"""The published bundles of this server: the TUF repository in the data folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from securesystemslib.exceptions import StorageError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata

from keyart.bundle import Manifest, RunRanker, replace_file, verify
from keyart.errors import BundleDamaged
from keyart.model import FeatureSpec, load_ranker

from ..data_folder import DataFolder
from ..signing import tuf_keys
from ..signing.repository import Repository

log = logging.getLogger("keyart.server")


def lazy_ranker(bundle: Path) -> RunRanker:
    """Return a function that loads the bundle's ranker at its first call.

    `verify` makes that call after all other checks.
    """

    @cache
    def loaded() -> RunRanker:
        manifest = Manifest.read(bundle)
        return load_ranker(bundle, FeatureSpec.from_json(manifest.feature_spec), manifest.session_config).run

    return lambda inputs: loaded()(inputs)  # noqa: PLW0108  # not before it is called


def check_bundle(bundle: Path) -> Manifest:
    """Return the manifest of a bundle that devices would accept. Raises BundleError."""
    return verify(bundle, run=lazy_ranker(bundle))


class PublishedBundles:
    """The bundles that devices can download."""

    def __init__(self, data: DataFolder, clock: Callable[[], datetime]) -> None:
        self._data, self._clock = data, clock

    @property
    def exists(self) -> bool:
        """Tell whether a repository exists."""
        return (self._data.tuf / "metadata" / "timestamp.json").is_file()

    def publish(self, bundle: Path, rollback: Mapping[str, bytes] | None = None) -> Manifest | None:
        """Publish the bundle, in a new repository if there is none.

        Args:
            bundle: folder of the bundle.
            rollback: files of a bundle to be signed at once and published if this one is withdrawn.

        Returns:
            The manifest, or None if the same bundle is published already.

        Raises:
            BundleError: for a bundle that devices would refuse or that is older than the newest one.
            SettingError: if the targets key is missing.
        """
        tuf, keys = self._data.tuf, self._data.keys
        make = Repository.open if self.exists else Repository.create
        repository = make(tuf, keys, clock=self._clock)
        replace_file(tuf / "root.json", repository.newest_root)
        manifest = Manifest.read(bundle)
        if repository.newest == manifest.model_version:
            published = Manifest.read(repository.bundles / str(manifest.model_version))
            if published.digest == manifest.digest:
                return None
        return repository.publish(bundle, run=lazy_ranker(bundle), rollback=rollback)

    def check_keys(self, digest: str = "") -> None:
        """Raise SettingError if a key that publishing needs is missing.

        Args:
            digest: digest of the manifest of the bundle; the pre-signed rollback needs no targets key.
        """
        if self.exists:
            self._open().check_keys(digest)

    def rollback(self) -> dict[str, bytes] | None:
        """Return the files of the rollback that can be published without the targets key, or None."""
        return self._open().rollback if self.exists else None

    def renew(self, replace: Collection[str] = ()) -> int:
        """Sign a new root and all roles. Needs all keys; apps should ship the new `tuf/root.json` afterwards.

        Args:
            replace: roles that get a new key.

        Returns:
            The number of the new root.

        Raises:
            BundleError, SettingError: if the repository or a key cannot be used.
        """
        repository = self._open()
        repository.renew(replace)
        replace_file(self._data.tuf / "root.json", repository.newest_root)
        return repository.root_version

    def folder(self, version: int) -> Path:
        """Return the folder of a published bundle."""
        return self._data.tuf / "bundles" / str(version)

    def manifest(self, version: int) -> Manifest:
        """Return the manifest of a published bundle. Raises BundleMissing, BundleDamaged."""
        return Manifest.read(self.folder(version))

    def signed(self) -> set[int]:
        """Return the versions that devices can download; a folder on disk may be an interrupted publish."""
        return self._open().versions if self.exists else set()

    def newest(self) -> int | None:
        """Return the newest published version, or None. Raises BundleDamaged for a damaged repository."""
        return self._open().newest if self.exists else None

    def refresh(self) -> None:
        """Sign the online roles again. Raises BundleError, SettingError."""
        if self.exists:
            self._open().refresh()

    def expires(self) -> datetime | None:
        """Return when the signed timestamp expires, or None if there is none. Raises BundleDamaged."""
        if not self.exists:
            return None
        path = self._data.tuf / "metadata" / "timestamp.json"
        try:
            timestamp: Metadata[Any] = Metadata.from_file(str(path))
        except (RepositoryError, StorageError) as error:
            raise BundleDamaged(f"{path} cannot be read ({error}); restore it from a backup.") from error
        expires: datetime = timestamp.signed.expires
        return expires

    def offline_keys_here(self) -> list[Path]:
        """Return the key files that should be moved to another machine."""
        return [path for role in tuf_keys.OFFLINE_ROLES for path in tuf_keys.paths_of(self._data.keys, role)]

    def _open(self) -> Repository:
        return Repository.open(self._data.tuf, self._data.keys, clock=self._clock)
