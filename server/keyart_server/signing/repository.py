"""Signed bundles as static files for any web server or CDN (The Update Framework, TUF).

    folder/metadata/1.root.json, 2.root.json, …   which keys may sign which role; devices ship 1.root.json
    folder/metadata/N.targets.json                sha256 and size of every file of every listed bundle
    folder/metadata/N.snapshot.json               names the current targets.json
    folder/metadata/timestamp.json                names the current snapshot; the only file replaced in place
    folder/targets/7/SHA256.manifest.json …       the files of bundle 7, byte for byte, each under its own digest
    folder/bundles/7/manifest.json …              the same bundle as a folder, for the server's own use
    folder/rollback/targets.json, bundle/…        a rollback that is signed and not published, see `publish`

The names of targets are those that every TUF client asks for where the root says `consistent_snapshot`, so any client
reads the repository with its default settings. Versions only go forward. Files written before timestamp.json are
invisible until that file is replaced, so an interrupted call leaves the old state or the new one; version numbers of
it are not used again. Source: TUF specification, theupdateframework.github.io/specification, sections 5 and 6.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (  # type: ignore[attr-defined]  # tuf does not declare these re-exports
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from keyart.bundle import (
    MANIFEST_NAME,
    Manifest,
    RunRanker,
    check_contents,
    locked_file,
    read_files,
    replace_file,
    sync_folder,
    verify,
    write_synced,
)
from keyart.errors import BundleDamaged, BundleError, BundleMissing, BundleRefused, SettingError

from ..clock import now
from . import tuf_keys

log = logging.getLogger("keyart.server")
VALID_DAYS: Mapping[str, int] = {"root": 365, "targets": 90, "snapshot": 7, "timestamp": 1}
PUBLISHING = ("targets", "snapshot", "timestamp")  # roles that sign a new bundle
ONLINE = ("snapshot", "timestamp")  # roles that publish what targets has signed before
WARN_DAYS = 14  # before an offline role expires
VERSIONS_KEPT = 20  # bundles that targets.json lists; devices fetch that file with every update


@dataclass(frozen=True)
class _State:
    """The metadata that timestamp.json leads to."""

    root: Metadata[Root]
    targets: Metadata[Targets]
    snapshot: Metadata[Snapshot]
    timestamp: Metadata[Timestamp]

    def role(self, name: str) -> Metadata[Any]:
        role: Metadata[Any] = getattr(self, name)
        return role


@dataclass(frozen=True)
class _Rollback:
    """A rollback that the targets key has signed and that is not published."""

    targets: Metadata[Targets]
    files: Mapping[str, bytes]
    manifest: Manifest


class Repository:
    """A repository in `folder`, signed with the keys in `keys`; made by `create` or `open`.

    The root says how many keys of a role must sign. Each signature is made by all trusted keys that are here.

    Attributes:
        clock: returns the current time, with zone.
        step: called with a name before each write.
    """

    def __init__(
        self,
        folder: Path,
        keys: Path,
        clock: Callable[[], datetime] = now,
        step: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.folder, self.keys = folder, keys
        self.metadata, self.targets, self.bundles = folder / "metadata", folder / "targets", folder / "bundles"
        self._clock, self._step = clock, step

    @classmethod
    def create(
        cls,
        folder: str | Path,
        keys: str | Path,
        *,
        offline: Mapping[str, list[CryptoSigner]] | None = None,
        thresholds: Mapping[str, int] | None = None,
        clock: Callable[[], datetime] = now,
    ) -> Repository:
        """Create an empty repository. A role without a key gets one in `keys`, with mode 0600.

        Args:
            folder: folder of the repository.
            keys: folder of the keys.
            offline: signers of roles whose keys are not in `keys`.
            thresholds: number of a role's keys that must sign, 1 for roles that are not named.
            clock: returns the current time, with zone.

        Raises:
            BundleRefused: if `folder` already holds a repository.
            SettingError: for keys that cannot be used, or fewer than the threshold.
        """
        repository = cls(Path(folder), Path(keys), clock)
        cls.check_absent(repository.folder)
        repository.metadata.mkdir(parents=True, exist_ok=True)
        repository.targets.mkdir(exist_ok=True)
        repository.bundles.mkdir(exist_ok=True)
        signers: dict[str, list[CryptoSigner]] = {}
        root = Root(consistent_snapshot=True)
        for role in tuf_keys.ROLES:
            here = map(tuf_keys.read, tuf_keys.paths_of(repository.keys, role))
            signers[role] = (offline or {}).get(role) or [*here] or repository._new_keys(role, 1)
            for signer in signers[role]:
                root.add_key(signer.public_key, role)
            threshold = (thresholds or {}).get(role, 1)
            if not 1 <= threshold <= len(signers[role]):
                raise SettingError(f"{threshold} keys of {role!r} cannot sign: there are {len(signers[role])}.")
            root.roles[role].threshold = threshold
        state = _State(Metadata(root), Metadata(Targets()), Metadata(Snapshot()), Metadata(Timestamp()))
        repository._write_root(state.root, signers["root"])
        repository._write_from("targets", state, signers)
        return repository

    @staticmethod
    def check_absent(folder: Path) -> None:
        """Raise BundleRefused if `folder` already holds a repository."""
        if (folder / "metadata" / "timestamp.json").exists():
            raise BundleRefused(f"{folder} already holds a repository; open it, or choose another folder.")

    @classmethod
    def open(cls, folder: str | Path, keys: str | Path, *, clock: Callable[[], datetime] = now) -> Repository:
        """Open the repository in `folder`.

        Raises:
            BundleMissing: if there is none.
            BundleDamaged: if it does not match its signatures.
        """
        repository = cls(Path(folder), Path(keys), clock)
        repository._load()
        if not repository.bundles.is_dir():
            with locked_file(repository.folder / ".lock"):
                repository._add_digests_to_names()
        return repository

    @property
    def trusted_root(self) -> bytes:
        """Return `1.root.json`, which apps ship: `keyart.bundle.update.install_update(…, root=…)`."""
        return (self.metadata / "1.root.json").read_bytes()

    @property
    def root_version(self) -> int:
        """Return the number of the newest root."""
        number = 1
        while (self.metadata / f"{number + 1}.root.json").exists():
            number += 1
        return number

    @property
    def newest_root(self) -> bytes:
        """Return the newest root, which new app builds ship: keys of an older root may have been exposed."""
        return (self.metadata / f"{self.root_version}.root.json").read_bytes()

    def check_keys(self, digest: str = "") -> None:
        """Raise SettingError if a key that `publish` needs cannot be used.

        Args:
            digest: digest of the manifest of the bundle; "" for any but the pre-signed rollback.
        """
        state = self._load()
        rollback = self._rollback(state)
        presigned = rollback is not None and rollback.manifest.digest == digest
        self._signers(state, *(ONLINE if presigned else PUBLISHING))

    @property
    def rollback(self) -> dict[str, bytes] | None:
        """Return the files of the rollback that can be published without the targets key, or None."""
        rollback = self._rollback(self._load())
        return None if rollback is None else dict(rollback.files)

    @property
    def versions(self) -> set[int]:
        """Return the model versions that are currently signed."""
        return _versions(self._load().targets.signed)

    @property
    def newest(self) -> int | None:
        """Return the model version of the newest published bundle."""
        return max(self.versions, default=None)

    def publish(
        self, bundle: str | Path, *, run: RunRanker | None = None, rollback: Mapping[str, bytes] | None = None
    ) -> Manifest:
        """Publish the bundle in a folder. Needs the keys of all roles but root.

        With `rollback`, the targets key signs a second targets.json at once: with the next version number, which no
        other will have, and the files of that bundle besides. It is kept until the online keys publish it, when
        `publish` is called for that bundle, or until it is overtaken: by the next release, whose number is higher, or
        by its expiry.

        Args:
            bundle: folder of the bundle.
            run: ranker of this bundle, for the check of expected scores, as in `keyart.bundle.verify`.
            rollback: files of a bundle whose parent is this one, to be published if this one is withdrawn.

        Returns:
            The manifest of the bundle.

        Raises:
            BundleMissing, BundleDamaged, BundleRefused: for a bundle that devices would refuse or whose version is
                not newer than the newest; nothing is published.
            SettingError: for a missing key; nothing is published.
        """
        files = read_files(bundle)
        with locked_file(self.folder / ".lock"):
            state = self._load()
            presigned = self._rollback(state)
            if presigned is not None and presigned.files == files:
                return self._publish_rollback(presigned, state, run)
            signers = self._signers(state, *PUBLISHING)
            manifest = self._place(files, state, run)
            _list_bundle(state.targets.signed, manifest.model_version, files)
            self._write_from("targets", state, signers)
            if rollback is not None:
                self._presign(rollback, state, signers["targets"])
            return manifest

    def refresh(self) -> None:
        """Sign the online roles again; call it several times a day. Needs the keys of snapshot and timestamp.

        Logs a warning when an offline role is about to expire and `renew` is due.
        """
        with locked_file(self.folder / ".lock"):
            state = self._load()
            for role in ("root", "targets"):
                remaining = state.role(role).signed.expires - self._clock()
                if remaining < timedelta(days=WARN_DAYS):
                    log.warning("%s expires in %d days; run renew with the offline keys.", role, remaining.days)
            half_life = timedelta(days=VALID_DAYS["snapshot"] / 2)
            due = state.snapshot.signed.expires - self._clock() < half_life
            self._write_from("snapshot" if due else "timestamp", state, self._signers(state, "snapshot", "timestamp"))

    def renew(self, replace: Collection[str] = ()) -> None:
        """Sign a new root and all roles before they expire. Needs all keys.

        Devices follow without a new app build, since the old root key signs the new root. An interrupted call leaves
        a repository that devices accept; call it again to finish.

        Args:
            replace: roles that get a new key, for example after a key was exposed.
        """
        if unknown := set(replace) - set(tuf_keys.ROLES):
            raise SettingError(f"There is no role {min(unknown)!r}; the roles are {', '.join(tuf_keys.ROLES)}.")
        with locked_file(self.folder / ".lock"):
            state = self._load()
            root = state.root.signed
            for role in tuf_keys.ROLES:
                tuf_keys.finish_replacement(self.keys, role, root.roles[role].keyids)
            rollback = self._rollback(state)
            old = self._signers(state, *tuf_keys.ROLES)
            new = {
                role: self._new_keys(role, len(root.roles[role].keyids), tuf_keys.next_path_of) for role in replace
            }
            # Signed with old and new keys first, so that it is valid for either root after an interruption.
            old_and_new = {role: [*old[role], *new.get(role, [])] for role in tuf_keys.ROLES}
            self._write_from("targets", state, old_and_new)
            for role, signers in new.items():
                for keyid in list(root.roles[role].keyids):
                    root.revoke_key(keyid, role)
                for signer in signers:
                    root.add_key(signer.public_key, role)
            self._write_root(state.root, old_and_new["root"])
            self._write_from("timestamp", state, {"timestamp": new.get("timestamp", old["timestamp"])})
            for role in replace:
                tuf_keys.finish_replacement(self.keys, role, root.roles[role].keyids)
            if rollback is not None:
                self._presign(rollback.files, state, new.get("targets", old["targets"]))

    def _new_keys(
        self, role: str, count: int, name: Callable[[Path], Path] = lambda path: path
    ) -> list[CryptoSigner]:
        """Create keys of a role; those of offline roles are encrypted if there is a passphrase."""
        secret = tuf_keys.passphrase() if role in tuf_keys.OFFLINE_ROLES else ""
        paths = (tuf_keys.path_of(self.keys, role, number) for number in range(1, count + 1))
        return [tuf_keys.create(name(path), secret) for path in paths]

    def _presign(self, files: Mapping[str, bytes], state: _State, signers: list[CryptoSigner]) -> None:
        """Sign and keep the targets.json that would follow the published one in a rollback."""
        targets = Metadata(copy.deepcopy(state.targets.signed))
        targets.signed.version = self._unused_version("targets", state.targets.signed.version)
        _list_bundle(targets.signed, check_contents(files).model_version, files)
        self._sign("targets", targets, signers)
        incoming, home = self.folder / ".rollback", self.folder / "rollback"
        shutil.rmtree(incoming, ignore_errors=True)
        (incoming / "bundle").mkdir(parents=True)
        write_synced(incoming / "targets.json", targets.to_bytes())
        for name, data in files.items():
            write_synced(incoming / "bundle" / name, data)
        self._step("rollback")
        shutil.rmtree(home, ignore_errors=True)
        incoming.rename(home)
        sync_folder(self.folder)

    def _rollback(self, state: _State) -> _Rollback | None:
        """Return the pre-signed rollback if devices would take it: signed, not expired, and of the newest bundle."""
        home = self.folder / "rollback"
        try:
            targets: Metadata[Targets] = Metadata.from_bytes((home / "targets.json").read_bytes())
            state.root.signed.verify_delegate("targets", targets.signed_bytes, targets.signatures)
            files = read_files(home / "bundle")
            manifest = check_contents(files)
            for name, data in files.items():
                targets.signed.targets[f"{manifest.model_version}/{name}"].verify_length_and_hashes(data)
        except (OSError, RepositoryError, BundleError, KeyError):
            return None
        follows = targets.signed.version > state.targets.signed.version
        newest = max(_versions(state.targets.signed), default=None)
        if not follows or manifest.parent != newest or targets.signed.is_expired(self._clock()):
            return None
        return _Rollback(targets, files, manifest)

    def _publish_rollback(self, rollback: _Rollback, state: _State, run: RunRanker | None) -> Manifest:
        """Publish metadata that the targets key has signed before; the online keys sign the rest."""
        signers = self._signers(state, *ONLINE)
        manifest = self._place(rollback.files, state, run)
        version, data = rollback.targets.signed.version, rollback.targets.to_bytes()
        self._step("targets.json")
        replace_file(self.metadata / f"{version}.targets.json", data)
        state.snapshot.signed.meta["targets.json"] = MetaFile.from_data(version, data, ["sha256"])
        self._write_from("snapshot", state, signers)
        return manifest

    def _place(self, files: Mapping[str, bytes], state: _State, run: RunRanker | None) -> Manifest:
        """Verify the files and move them to bundles/<version>/ and targets/<version>/; no metadata names them yet."""
        incoming = self.bundles / ".incoming"
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
                    "versions only go forward. Build the bundle with a higher model version."
                )
            self._step("place")
            home = self.bundles / str(manifest.model_version)
            if not home.exists():
                incoming.rename(home)
                sync_folder(self.bundles)
            elif {path.name: path.read_bytes() for path in home.iterdir()} != files:
                # Left by an interrupted publish. Caches may hold it, so its version cannot be used again.
                raise BundleRefused(
                    f"Model {manifest.model_version} was partly published before with other bytes; "
                    "build the bundle with a higher model version."
                )
            self._place_targets(manifest.model_version, files)
            return manifest
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def _place_targets(self, version: int, files: Mapping[str, bytes]) -> None:
        folder = self.targets / str(version)
        folder.mkdir(exist_ok=True)
        for name, data in files.items():
            replace_file(folder / target_name(name, data), data)
        sync_folder(self.targets)

    def _add_digests_to_names(self) -> None:
        """Bring a repository of keyart 0.1, whose targets had no digests in their names, to today's layout."""
        moved = self.folder / ".bundles"
        moved.mkdir(exist_ok=True)
        for plain in (path.parent for path in self.targets.glob(f"[0-9]*/{MANIFEST_NAME}")):
            plain.rename(moved / plain.name)
        for bundle in moved.iterdir():
            self._place_targets(int(bundle.name), read_files(bundle))
        moved.rename(self.bundles)
        sync_folder(self.folder)

    def _write_root(self, root: Metadata[Root], signers: list[CryptoSigner]) -> None:
        root.signed.version = 1 if not root.signatures else root.signed.version + 1
        self._sign("root", root, signers)
        self._step("root.json")
        replace_file(self.metadata / f"{root.signed.version}.root.json", root.to_bytes())

    def _write_from(self, first: str, state: _State, signers: Mapping[str, list[CryptoSigner]]) -> None:
        """Sign and write the roles from `first` down to timestamp, which makes the others visible."""
        chain = ("targets", "snapshot", "timestamp")
        for role, parent_role in zip(chain, (*chain[1:], None), strict=True):
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
            if parent_role == "snapshot":
                state.snapshot.signed.meta["targets.json"] = info
            else:
                state.timestamp.signed.snapshot_meta = info

    def _sign(self, role: str, metadata: Metadata[Any], signers: list[CryptoSigner]) -> None:
        metadata.signed.expires = (self._clock() + timedelta(days=VALID_DAYS[role])).replace(microsecond=0)
        metadata.signatures.clear()
        for signer in signers:
            metadata.sign(signer, append=True)

    def _unused_version(self, role: str, version: int) -> int:
        """Return a version above every one ever signed: a numbered file never changes."""
        names = (re.fullmatch(rf"(\d+)\.{role}\.json", path.name) for path in self.metadata.iterdir())
        presigned = 0
        if role == "targets" and (path := self.folder / "rollback" / "targets.json").exists():
            presigned = Metadata.from_bytes(path.read_bytes()).signed.version
        return max(version, presigned, *(int(name[1]) for name in names if name), 0) + 1

    def _signers(self, state: _State, *roles: str) -> dict[str, list[CryptoSigner]]:
        trusted = {role: state.root.signed.roles[role] for role in roles}
        return {
            role: tuf_keys.signers_of(self.keys, role, entry.keyids, entry.threshold)
            for role, entry in trusted.items()
        }

    def _load(self) -> _State:
        """Load the state that devices see, with its signatures checked."""
        if not (self.metadata / "timestamp.json").is_file():
            raise BundleMissing(
                f"There is no complete repository in {self.folder}; create one with Repository.create."
            )
        try:
            root: Metadata[Root] = self._read(f"{self.root_version}.root.json")
            timestamp: Metadata[Timestamp] = self._read("timestamp.json")
            snapshot: Metadata[Snapshot] = self._read(
                f"{timestamp.signed.snapshot_meta.version}.snapshot.json", timestamp.signed.snapshot_meta
            )
            meta = snapshot.signed.meta["targets.json"]
            targets: Metadata[Targets] = self._read(f"{meta.version}.targets.json", meta)
            state = _State(root, targets, snapshot, timestamp)
            for role in tuf_keys.ROLES:
                metadata = state.role(role)
                root.signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
            return state
        except (OSError, RepositoryError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise BundleDamaged(
                f"The repository in {self.folder} does not match its signatures ({error}); restore it from a backup."
            ) from error

    def _read(self, name: str, expected: MetaFile | None = None) -> Metadata[Any]:
        data = (self.metadata / name).read_bytes()
        if expected is not None:
            expected.verify_length_and_hashes(data)
        metadata: Metadata[Any] = Metadata.from_bytes(data)
        return metadata


def target_name(name: str, data: bytes) -> str:
    """Return the name under which a file of a bundle is served."""
    return f"{hashlib.sha256(data).hexdigest()}.{name}"


def _list_bundle(targets: Targets, version: int, files: Mapping[str, bytes]) -> None:
    """Add the files of a bundle; of the others, the newest stay."""
    for name, data in files.items():
        path = f"{version}/{name}"
        targets.targets[path] = TargetFile.from_data(path, data)
    kept_versions = sorted(_versions(targets))[-VERSIONS_KEPT:]
    for path in [path for path in targets.targets if int(path.partition("/")[0]) not in kept_versions]:
        del targets.targets[path]


def _versions(targets: Targets) -> set[int]:
    return {int(path.partition("/")[0]) for path in targets.targets}
