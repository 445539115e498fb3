"""The key ceremony: offline keys, online keys and the first root are created before a server serves.

It runs on a machine of the operator, best without a network. The data folder, which then holds the online keys and an
empty signed repository, goes to the server; the offline folder does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keyart.bundle import replace_file
from keyart.errors import SettingError

from ..data_folder import DataFolder
from . import tuf_keys
from .repository import Repository


@dataclass(frozen=True, slots=True)
class RoleKeys:
    """The keys of an offline role.

    Attributes:
        threshold: number of keys that must sign.
        keys: number of keys.
    """

    threshold: int
    keys: int


@dataclass(frozen=True, slots=True)
class CreatedKeys:
    """The files that a ceremony has created."""

    offline: tuple[Path, ...]
    online: tuple[Path, ...]
    root: Path


def create_offline_keys(data: DataFolder, offline: Path, roles: Mapping[str, RoleKeys], secret: str) -> CreatedKeys:
    """Create all keys, and an empty repository that they have signed.

    Args:
        data: data folder of the server, without a repository.
        offline: folder of the keys of root and targets, outside the data folder.
        roles: how many keys root and targets have, and how many of them must sign.
        secret: passphrase of the offline keys; "" leaves them unencrypted.

    Raises:
        SettingError: for a folder that holds keys already, a short passphrase, or an impossible threshold.
        BundleRefused: if the data folder holds a repository.
    """
    if offline.resolve().is_relative_to(data.path.resolve()):
        raise SettingError(f"{offline} is inside the data folder; choose one that stays away from the server.")
    if present := [path for role in tuf_keys.OFFLINE_ROLES for path in tuf_keys.paths_of(offline, role)]:
        raise SettingError(f"{present[0]} exists already; choose a new folder for the keys.")
    for role, wanted in roles.items():
        if not 1 <= wanted.threshold <= wanted.keys:
            raise SettingError(f"{wanted.threshold} of {wanted.keys} keys of {role!r} cannot sign; choose fewer.")
    Repository.check_absent(data.tuf)
    try:
        offline.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingError(f"Cannot make {offline}: {error.strerror or error}. Choose another --offline.") from None
    data.make()
    signers = {
        role: [tuf_keys.create(tuf_keys.path_of(offline, role, number + 1), secret) for number in range(wanted.keys)]
        for role, wanted in roles.items()
    }
    thresholds = {role: wanted.threshold for role, wanted in roles.items()}
    repository = Repository.create(data.tuf, data.keys, offline=signers, thresholds=thresholds)
    replace_file(data.tuf / "root.json", repository.trusted_root)
    return CreatedKeys(
        offline=tuple(path for role in roles for path in tuf_keys.paths_of(offline, role)),
        online=tuple(path for role in ("snapshot", "timestamp") for path in tuf_keys.paths_of(data.keys, role)),
        root=data.tuf / "root.json",
    )
