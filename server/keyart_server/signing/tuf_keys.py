"""Private keys of the TUF roles: Ed25519 in PEM files, readable by their owner only.

keys/root.pem, keys/targets.pem          offline keys: on the machine that signs releases, not on the server
keys/root-2.pem, keys/targets-2.pem      further keys of a role of which a threshold must sign
keys/snapshot.pem, keys/timestamp.pem    online keys: on the server, for `Repository.refresh`
keys/….next.pem                          a replacement that the signed root may not know yet

Offline keys may be encrypted (PKCS #8); then every process that signs with them needs KEYART_KEY_PASSPHRASE.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

from keyart.bundle import sync_folder, write_synced
from keyart.errors import SettingError

ROLES: Final = ("root", "targets", "snapshot", "timestamp")
OFFLINE_ROLES: Final = ("root", "targets")
PASSPHRASE_VARIABLE: Final = "KEYART_KEY_PASSPHRASE"  # noqa: S105  # a name, not a secret
MIN_PASSPHRASE_CHARACTERS: Final = 16  # PKCS #8 stretches a passphrase little
_NEXT: Final = ".next.pem"


def passphrase() -> str:
    """Return the passphrase of encrypted keys from the environment, or ""."""
    return os.environ.get(PASSPHRASE_VARIABLE, "")


def path_of(folder: Path, role: str, number: int = 1) -> Path:
    """Return the file of a role's key; `number` counts the keys of one role from 1."""
    return folder / (f"{role}.pem" if number == 1 else f"{role}-{number}.pem")


def paths_of(folder: Path, role: str) -> list[Path]:
    """Return the key files of a role that are here, without replacements."""
    numbered = sorted(path for path in folder.glob(f"{role}-*.pem") if not path.name.endswith(_NEXT))
    return [path for path in (path_of(folder, role), *numbered) if path.exists()]


def next_path_of(path: Path) -> Path:
    """Return the file of a key's replacement."""
    return path.with_name(path.name.removesuffix(".pem") + _NEXT)


def create(path: Path, secret: str = "") -> CryptoSigner:
    """Create a key in a new file of mode 0600, encrypted if there is a secret.

    Raises:
        SettingError: for a secret that is too short, or a file that cannot be written.
    """
    if secret and len(secret) < MIN_PASSPHRASE_CHARACTERS:
        raise SettingError(
            f"The passphrase of a key needs at least {MIN_PASSPHRASE_CHARACTERS} characters; let a password manager "
            "generate one."
        )
    key = Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(secret.encode()) if secret else NoEncryption()
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        write_synced(path, data, 0o600)
        sync_folder(path.parent)
    except OSError as error:
        raise SettingError(f"Cannot write the key {path}: {error.strerror or error}.") from error
    return CryptoSigner(key)


def read(path: Path) -> CryptoSigner:
    """Read the key in `path` as a signer. Raises the errors of `private_key`."""
    return CryptoSigner(private_key(path))


def private_key(path: Path) -> Ed25519PrivateKey:
    """Read the private key in `path`.

    Raises:
        SettingError: if it is missing, not Ed25519, accessible to others, or encrypted with another passphrase.
    """
    try:
        if os.name == "posix" and (mode := path.stat().st_mode & 0o777) & 0o077:
            raise SettingError(f"The key {path} is accessible to other users (mode {mode:o}); run chmod 600 on it.")
        data = path.read_bytes()
        encrypted = b"ENCRYPTED" in data
        if encrypted and not passphrase():
            raise SettingError(f"The key {path} is encrypted; set {PASSPHRASE_VARIABLE} to its passphrase.")
        key = load_pem_private_key(data, passphrase().encode() if encrypted else None)
    except OSError as error:
        raise SettingError(
            f"Cannot read the key {path}: {error.strerror or error}. Publishing needs the targets key, "
            "and renewing needs the root key too; copy these offline keys to this machine first."
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingError(
            f"{path} is not a private key in PEM form, or {PASSPHRASE_VARIABLE} is not its passphrase: {error}"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingError(f"{path} is not an Ed25519 key.")
    return key


def signers_of(folder: Path, role: str, keyids: Collection[str], threshold: int) -> list[CryptoSigner]:
    """Return the signers of `role` that the root trusts, also if some are still `.next` files.

    Args:
        folder: folder of the key files.
        role: name of the role.
        keyids: ids of the keys that the root trusts.
        threshold: number of keys that must sign.

    Raises:
        SettingError: if fewer than `threshold` of these keys are here.
    """
    files = [file for path in paths_of(folder, role) for file in (next_path_of(path), path) if file.exists()]
    found = {signer.public_key.keyid: signer for signer in map(read, files or [path_of(folder, role)])}
    trusted = [signer for keyid, signer in found.items() if keyid in keyids]
    if not trusted:
        raise SettingError(f"{path_of(folder, role)} is not the key of {role!r} in this repository's root.")
    if len(trusted) < threshold:
        raise SettingError(
            f"{threshold} keys of {role!r} must sign, and {folder} holds {len(trusted)}; copy the others there, too."
        )
    return trusted


def finish_replacement(folder: Path, role: str, keyids: Collection[str]) -> None:
    """Finish key replacements: install each `.next` key that the root trusts, and delete the others."""
    for ready in (*folder.glob(f"{role}{_NEXT}"), *folder.glob(f"{role}-*{_NEXT}")):
        if read(ready).public_key.keyid in keyids:
            ready.replace(ready.with_name(ready.name.removesuffix(_NEXT) + ".pem"))
        else:
            ready.unlink()
        sync_folder(folder)
