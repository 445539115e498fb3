"""The published bundles of this server: `repository` over the data folder, kept fresh while the server runs."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from securesystemslib.exceptions import StorageError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata

from keyart.bundle import Manifest
from keyart.bundle.durable import replace_file
from keyart.bundle.folder import verify
from keyart.bundle.reference_vectors import RunRanker
from keyart.errors import BundleDamaged
from keyart.model.features import FeatureSpec
from keyart.model.ranker import load_ranker

from .. import rolekeys
from ..data import DataFolder
from ..repository import Repository

log = logging.getLogger("keyart.server")
OFFLINE = ("root", "targets")
VERSION = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


def ranker_of(bundle: Path) -> RunRanker:
    """The canary: the bundle's ranker on this machine's engine. Loaded when it is called, which `verify` does after
    all other rules are met."""

    @cache
    def loaded() -> RunRanker:
        manifest = Manifest.read(bundle)
        return load_ranker(bundle, FeatureSpec.from_json(manifest.feature_spec), manifest.session_config).run

    return lambda inputs: loaded()(inputs)  # noqa: PLW0108  # not before it is called


def check(bundle: Path) -> Manifest:
    """The manifest of a bundle that devices would take. Raises BundleError."""
    return verify(bundle, run=ranker_of(bundle))


class Shelf:
    """What devices can fetch. clock: the time now, with zone."""

    def __init__(self, data: DataFolder, clock: Callable[[], datetime]) -> None:
        self._data, self._clock = data, clock

    @property
    def exists(self) -> bool:
        """Whether anything was ever published here."""
        return (self._data.tuf / "metadata" / "timestamp.json").is_file()

    def publish(self, bundle: Path) -> Manifest | None:
        """Publishes the bundle, in a new repository if there is none; None where it is published already.

        Raises BundleError for a bundle that devices would refuse or that is older than the newest, SettingError
        where the key of targets is not at hand.
        """
        tuf, keys = self._data.tuf, self._data.keys
        make = Repository.open if self.exists else Repository.create
        repository = make(tuf, keys, clock=self._clock)
        replace_file(tuf / "root.json", repository.newest_root)
        manifest = Manifest.read(bundle)
        if repository.newest == manifest.model_version:
            published = Manifest.read(repository.targets / str(manifest.model_version))
            if published.digest == manifest.digest:
                return None
        return repository.publish(bundle, run=ranker_of(bundle))

    def check_keys(self) -> None:
        """Raises SettingError where a key that publishing needs is not at hand."""
        if self.exists:
            self._open().check_keys()

    def renew(self, replace: Collection[str] = ()) -> int:
        """A new root, signed, and all roles anew; the number of that root. Needs all keys.

        replace: roles that get a new key. Apps should ship the new `tuf/root.json` from then on. Raises BundleError,
        SettingError.
        """
        repository = self._open()
        repository.renew(replace)
        replace_file(self._data.tuf / "root.json", repository.newest_root)
        return repository.root_version

    def folder(self, version: int) -> Path:
        """Where the files of a published bundle lie."""
        return self._data.tuf / "targets" / str(version)

    def manifest(self, version: int) -> Manifest:
        """Of a published bundle. Raises BundleMissing, BundleDamaged."""
        return Manifest.read(self.folder(version))

    def signed(self) -> set[int]:
        """Versions that devices can fetch now: a folder on the disk may be a publish that was killed."""
        return self._open().versions if self.exists else set()

    def newest(self) -> int | None:
        """Model version that devices are offered. Raises BundleDamaged for a repository that is not as signed."""
        return self._open().newest if self.exists else None

    def refresh(self) -> None:
        """Signs the online roles anew. Raises BundleError, SettingError."""
        if self.exists:
            self._open().refresh()

    def bundles(self) -> list[Manifest]:
        """Those on the disk that were published, newest first."""
        if not self.exists:
            return []
        repository = self._open()
        newest = repository.newest
        names = [path.name for path in repository.targets.iterdir() if VERSION.fullmatch(path.name)]
        versions = sorted((int(name) for name in names), reverse=True)
        return [
            Manifest.read(repository.targets / str(version))
            for version in versions
            if newest is not None and version <= newest
        ]

    def expires(self) -> datetime | None:
        """When devices stop to believe what is offered; None where nothing is. Raises BundleDamaged."""
        if not self.exists:
            return None
        path = self._data.tuf / "metadata" / "timestamp.json"
        try:
            timestamp: Metadata[Any] = Metadata.from_file(str(path))
        except (RepositoryError, StorageError) as error:
            raise BundleDamaged(f"{path} cannot be read ({error}); restore it from a copy.") from error
        expires: datetime = timestamp.signed.expires
        return expires

    def offline_keys_here(self) -> list[Path]:
        """Files that belong on another machine."""
        paths = (rolekeys.path_of(self._data.keys, role) for role in OFFLINE)
        return [path for path in paths if path.exists()]

    def _open(self) -> Repository:
        return Repository.open(self._data.tuf, self._data.keys, clock=self._clock)
