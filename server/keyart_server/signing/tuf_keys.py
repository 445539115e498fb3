"""Private keys of the TUF roles: Ed25519, one file per role, readable by its owner only.

keys/root.pem, keys/targets.pem          offline keys: on the machine that publishes, not on the server
keys/snapshot.pem, keys/timestamp.pem    online keys: on the server, for `Repository.refresh` keys/<role>.next.pem
a replacement that the signed root may not know yet
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

from keyart.bundle import sync_folder, write_synced
from keyart.errors import SettingError

ROLES = ("root", "targets", "snapshot", "timestamp")


def path_of(folder: Path, role: str) -> Path:
    """Return the key file of a role."""
    return folder / f"{role}.pem"


def next_path_of(folder: Path, role: str) -> Path:
    """Return the file of a role's replacement key."""
    return folder / f"{role}.next.pem"


def create(path: Path) -> CryptoSigner:
    """Create a key in a new file of mode 0600."""
    signer = CryptoSigner.generate_ed25519()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        write_synced(path, signer.private_bytes, 0o600)
        sync_folder(path.parent)
    except OSError as error:
        raise SettingError(f"Cannot write the key {path}: {error.strerror or error}.") from error
    return signer


def read(path: Path) -> CryptoSigner:
    """Read the key in `path` as a signer. Raises the errors of `private_key`."""
    return CryptoSigner(private_key(path))


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read the private key in `path`. Raises SettingError if it is missing, not Ed25519 or accessible to others."""
    try:
        if os.name == "posix" and (mode := path.stat().st_mode & 0o777) & 0o077:
            raise SettingError(f"The key {path} is accessible to other users (mode {mode:o}); run chmod 600 on it.")
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise SettingError(
            f"Cannot read the key {path}: {error.strerror or error}. Publishing needs the targets key, "
            "and renewing needs the root key too; copy these offline keys to this machine first."
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingError(f"{path} is not a private key in PEM form: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingError(f"{path} is not an Ed25519 key.")
    return key


def signer_of(folder: Path, role: str, keyids: Collection[str]) -> CryptoSigner:
    """Return the signer of `role` that the root trusts (`keyids`), also if it is still a `.next` file."""
    ready = next_path_of(folder, role)
    if ready.exists() and (signer := read(ready)).public_key.keyid in keyids:
        return signer
    signer = read(path_of(folder, role))
    if signer.public_key.keyid not in keyids:
        raise SettingError(f"{path_of(folder, role)} is not the key of {role!r} in this repository's root.")
    return signer


def finish_replacement(folder: Path, role: str, keyids: Collection[str]) -> None:
    """Finish a key replacement: install the `.next` key if the root trusts it, else delete it."""
    ready = next_path_of(folder, role)
    if not ready.exists():
        return
    if read(ready).public_key.keyid in keyids:
        ready.replace(path_of(folder, role))
    else:
        ready.unlink()
    sync_folder(folder)
