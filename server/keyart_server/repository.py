"""Signed bundles as static files, for any web server or content delivery network (The Update Framework, TUF).

    folder/metadata/1.root.json, 2.root.json, …   who may sign what; devices ship with 1.root.json inside
    folder/metadata/N.targets.json                sha256 and size of every file of every bundle kept
    folder/metadata/N.snapshot.json               which targets.json is meant
    folder/metadata/timestamp.json                which snapshot is meant; the only file that changes in place
    folder/targets/7/manifest.json …              the files of bundle 7, byte for byte

Forward only. Whatever is written before timestamp.json is unseen until that one file is replaced, so a kill
leaves the old state or the new one; numbers that it burned are not used again. Source: the TUF specification,
theupdateframework.github.io/specification, sections 5 and 6.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (  # type: ignore[attr-defined]  # tuf re-exports these without saying so to mypy
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from keyart.bundle.durable import locked_file, replace_file, sync_folder, write_synced
from keyart.bundle.folder import read_files, verify
from keyart.bundle.manifest import Manifest
from keyart.bundle.reference_vectors import RunRanker
from keyart.errors import BundleDamaged, BundleMissing, BundleRefused, SettingError

from . import rolekeys

log = logging.getLogger("keyart.server")
VALID_DAYS: Mapping[str, int] = {"root": 365, "targets": 90, "snapshot": 7, "timestamp": 1}
PUBLISHING = ("targets", "snapshot", "timestamp")  # roles that sign a new bundle
WARN_DAYS = 14  # before an offline role expires
VERSIONS_KEPT = 20  # bundles that targets.json lists; devices fetch that file with every update


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _State:
    """What timestamp.json leads to."""

    root: Metadata[Root]
    targets: Metadata[Targets]
    snapshot: Metadata[Snapshot]
    timestamp: Metadata[Timestamp]

    def role(self, name: str) -> Metadata[Any]:
        role: Metadata[Any] = getattr(self, name)
        return role


class Repository:
    """A repository in `folder`, signed with the keys in `keys`. Made by `create` or `open`.

    clock: the time now, with zone. step: called with the name of each write before it is done.
    """

    def __init__(
        self,
        folder: Path,
        keys: Path,
        clock: Callable[[], datetime] = _now,
        step: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.folder, self.keys = folder, keys
        self.metadata, self.targets = folder / "metadata", folder / "targets"
        self._clock, self._step = clock, step

    @classmethod
    def create(cls, folder: str | Path, keys: str | Path, *, clock: Callable[[], datetime] = _now) -> Repository:
        """A new, empty repository. Keys found in `keys` are used, missing ones are made (mode 0600).

        Raises BundleRefused where there is a repository already, SettingError for keys that cannot be used.
        """
        repository = cls(Path(folder), Path(keys), clock)
        if (repository.metadata / "timestamp.json").exists():
            raise BundleRefused(f"There is a repository in {folder} already; open it, or choose another folder.")
        repository.metadata.mkdir(parents=True, exist_ok=True)
        repository.targets.mkdir(exist_ok=True)
        signers = {}
        for role in rolekeys.ROLES:
            path = rolekeys.path_of(repository.keys, role)
            signers[role] = rolekeys.read(path) if path.exists() else rolekeys.make(path)
        root = Root(consistent_snapshot=True)
        for role, signer in signers.items():
            root.add_key(signer.public_key, role)
        state = _State(Metadata(root), Metadata(Targets()), Metadata(Snapshot()), Metadata(Timestamp()))
        both = {role: [signer] for role, signer in signers.items()}
        repository._write_root(state.root, both["root"])
        repository._write_from("targets", state, both)
        return repository

    @classmethod
    def open(cls, folder: str | Path, keys: str | Path, *, clock: Callable[[], datetime] = _now) -> Repository:
        """The repository in `folder`. Raises BundleMissing, or BundleDamaged if it is not as signed."""
        repository = cls(Path(folder), Path(keys), clock)
        repository._load()
        return repository

    @property
    def trusted_root(self) -> bytes:
        """`1.root.json`, to ship inside the app: `keyart.bundle.update.install_update(…, root=…)`."""
        return (self.metadata / "1.root.json").read_bytes()

    @property
    def root_version(self) -> int:
        """Number of the newest root."""
        number = 1
        while (self.metadata / f"{number + 1}.root.json").exists():
            number += 1
        return number

    @property
    def newest_root(self) -> bytes:
        """What a new build of the app ships: a key that an older root trusts may have been exposed since."""
        return (self.metadata / f"{self.root_version}.root.json").read_bytes()

    def check_keys(self) -> None:
        """Raises SettingError where a key that `publish` needs cannot be used."""
        self._signers(self._load(), *PUBLISHING)

    @property
    def versions(self) -> set[int]:
        """Of the bundles that are signed now."""
        return _versions(self._load().targets.signed)

    @property
    def newest(self) -> int | None:
        """Model version of the newest published bundle."""
        return max(self.versions, default=None)

    def publish(self, bundle: str | Path, *, run: RunRanker | None = None) -> Manifest:
        """Publishes the bundle in folder `bundle`; its manifest. Needs all keys but that of root.

        run: the ranker of this bundle, for the canary, as in `keyart.bundle.verify`. Raises BundleMissing,
        BundleDamaged or BundleRefused for a bundle that devices would refuse or a version that is not newer
        than the newest, SettingError for a missing key; then nothing is published.
        """
        files = read_files(bundle)
        with locked_file(self.folder / ".lock"):
            state = self._load()
            signers = self._signers(state, *PUBLISHING)
            manifest = self._place(files, state, run)
            listed = state.targets.signed.targets
            for name, data in files.items():
                path = f"{manifest.model_version}/{name}"
                listed[path] = TargetFile.from_data(path, data)
            kept = sorted(_versions(state.targets.signed))[-VERSIONS_KEPT:]
            for path in [path for path in listed if int(path.partition("/")[0]) not in kept]:
                del listed[path]
            self._write_from("targets", state, signers)
            return manifest

    def refresh(self) -> None:
        """Signs the online roles anew: run it a few times a day. Needs the keys of snapshot and timestamp.

        Logs a warning when an offline role is about to expire (then `renew` is due).
        """
        with locked_file(self.folder / ".lock"):
            state = self._load()
            for role in ("root", "targets"):
                left = state.role(role).signed.expires - self._clock()
                if left < timedelta(days=WARN_DAYS):
                    log.warning("%s expires in %d days; run renew with the offline keys.", role, left.days)
            half_life = timedelta(days=VALID_DAYS["snapshot"] / 2)
            due = state.snapshot.signed.expires - self._clock() < half_life
            self._write_from("snapshot" if due else "timestamp", state, self._signers(state, "snapshot", "timestamp"))

    def renew(self, replace: Collection[str] = ()) -> None:
        """A new root and a new signature under everything, before they expire. Needs all keys.

        replace: roles that get a new key, for instance after one was exposed; the key file is replaced.
        Devices follow by themselves, since the old root key signs the new root. A kill in between leaves a
        repository that devices accept; renew again to finish.
        """
        if unknown := set(replace) - set(rolekeys.ROLES):
            raise SettingError(f"There is no role {min(unknown)!r}; the roles are {', '.join(rolekeys.ROLES)}.")
        with locked_file(self.folder / ".lock"):
            state = self._load()
            root = state.root.signed
            for role in rolekeys.ROLES:
                rolekeys.settle(self.keys, role, root.roles[role].keyids)
            old = {role: signers[0] for role, signers in self._signers(state, *rolekeys.ROLES).items()}
            new = {**old, **{role: rolekeys.make(rolekeys.next_path_of(self.keys, role)) for role in replace}}
            # Signed with old and new keys at first: valid whichever root a device holds when a kill comes.
            both = {role: [old[role], *([new[role]] if role in replace else [])] for role in rolekeys.ROLES}
            self._write_from("targets", state, both)
            for role in replace:
                root.revoke_key(old[role].public_key.keyid, role)
                root.add_key(new[role].public_key, role)
            self._write_root(state.root, both["root"])
            self._write_from("timestamp", state, {"timestamp": [new["timestamp"]]})
            for role in replace:
                rolekeys.settle(self.keys, role, root.roles[role].keyids)

    def _place(self, files: Mapping[str, bytes], state: _State, run: RunRanker | None) -> Manifest:
        """targets/<version>/ with these files, verified where they lie; no metadata names them yet."""
        incoming = self.targets / ".incoming"
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(parents=True)
        try:
            for name, data in files.items():
                write_synced(incoming / name, data)
            manifest = verify(incoming, run=run)
            newest = max(_versions(state.targets.signed), default=-1)
            if manifest.model_version <= newest:
                raise BundleRefused(
                    f"Model {manifest.model_version} is not newer than the published {newest}; "
                    "publish only goes forward. Build the bundle under a higher model version."
                )
            self._step("place")
            home = self.targets / str(manifest.model_version)
            if not home.exists():
                incoming.rename(home)
                sync_folder(self.targets)
            elif {path.name: path.read_bytes() for path in home.iterdir()} != files:
                # Left by a killed publish. Caches may hold it, so its number is burned.
                raise BundleRefused(
                    f"Model {manifest.model_version} was half published with other bytes before; "
                    "build the bundle under a higher model version."
                )
            return manifest
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def _write_root(self, root: Metadata[Root], signers: list[CryptoSigner]) -> None:
        root.signed.version = 1 if not root.signatures else root.signed.version + 1
        self._sign("root", root, signers)
        self._step("root.json")
        replace_file(self.metadata / f"{root.signed.version}.root.json", root.to_bytes())

    def _write_from(self, first: str, state: _State, signers: Mapping[str, list[CryptoSigner]]) -> None:
        """Signs and writes the roles from `first` down to timestamp, which makes the others seen."""
        chain = ("targets", "snapshot", "timestamp")
        for role, below in zip(chain, (*chain[1:], None), strict=True):
            if chain.index(role) < chain.index(first):
                continue
            metadata = state.role(role)
            if metadata.signatures:
                metadata.signed.version = self._unused_version(role, metadata.signed.version)
            self._sign(role, metadata, signers[role])
            data = metadata.to_bytes()
            self._step(f"{role}.json")
            if role == "timestamp":
                replace_file(self.metadata / "timestamp.json", data)
                return
            version = metadata.signed.version
            replace_file(self.metadata / f"{version}.{role}.json", data)
            info = MetaFile.from_data(version, data, ["sha256"])
            if below == "snapshot":
                state.snapshot.signed.meta["targets.json"] = info
            else:
                state.timestamp.signed.snapshot_meta = info

    def _sign(self, role: str, metadata: Metadata[Any], signers: list[CryptoSigner]) -> None:
        metadata.signed.expires = (self._clock() + timedelta(days=VALID_DAYS[role])).replace(microsecond=0)
        metadata.signatures.clear()
        for signer in signers:
            metadata.sign(signer, append=True)

    def _unused_version(self, role: str, version: int) -> int:
        """One more than the highest that was ever written: a file under a number never changes."""
        names = (re.fullmatch(rf"(\d+)\.{role}\.json", path.name) for path in self.metadata.iterdir())
        return max(version, *(int(name[1]) for name in names if name), 0) + 1

    def _signers(self, state: _State, *roles: str) -> dict[str, list[CryptoSigner]]:
        known = state.root.signed.roles
        return {role: [rolekeys.signer_of(self.keys, role, known[role].keyids)] for role in roles}

    def _load(self) -> _State:
        """The state that devices see, its signatures checked, so that nothing is signed on top of damage."""
        if not (self.metadata / "timestamp.json").is_file():
            raise BundleMissing(f"There is no whole repository in {self.folder}; make one with Repository.create.")
        try:
            root: Metadata[Root] = self._read(f"{self.root_version}.root.json")
            timestamp: Metadata[Timestamp] = self._read("timestamp.json")
            snapshot: Metadata[Snapshot] = self._read(
                f"{timestamp.signed.snapshot_meta.version}.snapshot.json", timestamp.signed.snapshot_meta
            )
            meta = snapshot.signed.meta["targets.json"]
            targets: Metadata[Targets] = self._read(f"{meta.version}.targets.json", meta)
            state = _State(root, targets, snapshot, timestamp)
            for role in rolekeys.ROLES:
                metadata = state.role(role)
                root.signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
            return state
        except (OSError, RepositoryError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise BundleDamaged(
                f"The repository in {self.folder} is not what was signed ({error}); restore it from a copy."
            ) from error

    def _read(self, name: str, expected: MetaFile | None = None) -> Metadata[Any]:
        data = (self.metadata / name).read_bytes()
        if expected is not None:
            expected.verify_length_and_hashes(data)
        metadata: Metadata[Any] = Metadata.from_bytes(data)
        return metadata


def _versions(targets: Targets) -> set[int]:
    return {int(path.partition("/")[0]) for path in targets.targets}
