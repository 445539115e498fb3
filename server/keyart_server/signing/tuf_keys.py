"""Private keys of the repository's roles: Ed25519, one file a role, readable by its owner alone.

keys/root.pem, keys/targets.pem          offline: on the machine that publishes, never on the one that serves
keys/snapshot.pem, keys/timestamp.pem    online: beside the server, for `Repository.refresh`
keys/<role>.next.pem                     a replacement that the signed root may or may not know yet
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

from keyart.bundle.durable import sync_folder, write_synced
from keyart.errors import SettingError

ROLES = ("root", "targets", "snapshot", "timestamp")


def path_of(folder: Path, role: str) -> Path:
    return folder / f"{role}.pem"


def next_path_of(folder: Path, role: str) -> Path:
    return folder / f"{role}.next.pem"


def create(path: Path) -> CryptoSigner:
    """A new key in a new file of mode 0600."""
    signer = CryptoSigner.generate_ed25519()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        write_synced(path, signer.private_bytes, 0o600)
        sync_folder(path.parent)
    except OSError as error:
        raise SettingError(f"Cannot write the key {path}: {error.strerror or error}.") from error
    return signer


def read(path: Path) -> CryptoSigner:
    """The key in `path`, as it signs metadata. Raises as `private_key`."""
    return CryptoSigner(private_key(path))


def private_key(path: Path) -> Ed25519PrivateKey:
    """The key in `path`. Raises SettingError for a file that is absent, no Ed25519 key, or open to others."""
    try:
        if os.name == "posix" and (mode := path.stat().st_mode & 0o777) & 0o077:
            raise SettingError(f"The key {path} is open to others (mode {mode:o}); run chmod 600 on it.")
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise SettingError(
            f"Cannot read the key {path}: {error.strerror or error}. Publishing needs the key of targets, "
            "renewing that of root too; bring these offline keys to this machine for that."
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingError(f"{path} is not a private key in PEM form: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingError(f"{path} is not an Ed25519 key.")
    return key


def signer_of(folder: Path, role: str, keyids: Collection[str]) -> CryptoSigner:
    """The key of `role` that the root trusts (`keyids`), also if a kill left it under its `.next` name."""
    ready = next_path_of(folder, role)
    if ready.exists() and (signer := read(ready)).public_key.keyid in keyids:
        return signer
    signer = read(path_of(folder, role))
    if signer.public_key.keyid not in keyids:
        raise SettingError(f"{path_of(folder, role)} is not the key of {role!r} in this repository's root.")
    return signer


def finish_replacement(folder: Path, role: str, keyids: Collection[str]) -> None:
    """Ends a replacement: the `.next` key takes its place if the root trusts it, else it is thrown away."""
    ready = next_path_of(folder, role)
    if not ready.exists():
        return
    if read(ready).public_key.keyid in keyids:
        ready.replace(path_of(folder, role))
    else:
        ready.unlink()
    sync_folder(folder)
