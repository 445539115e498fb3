"""Offline keys on the server, only while they sign: copied from the medium, and taken back to it at the end."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from keyart.bundle import replace_file, sync_folder
from keyart.errors import SettingError

from . import tuf_keys


@contextmanager
def borrowed_keys(
    keys: Path, offline: Path | None, roles: Collection[str] = tuf_keys.OFFLINE_ROLES
) -> Iterator[None]:
    """Hold the offline keys of these roles in `keys` while the block runs.

    At the end they are moved to `offline`, also if the block raises, so that the medium gets keys that were replaced
    meanwhile. If they cannot be written there, they stay in `keys`, and the error says so.

    Args:
        keys: folder of the keys in the data folder.
        offline: folder of the offline keys; None leaves `keys` as it is.
        roles: the roles that sign.

    Raises:
        SettingError: if `offline` holds no such key, or cannot be used.
    """
    if offline is None:
        yield
        return
    found = _paths(offline, roles)
    if not found:
        raise SettingError(
            f"{offline} holds no key of {' or '.join(roles)}; name the folder that `keyart keys create` made."
        )
    try:
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in found:
            _copy(path, keys / path.name)
    except OSError as error:
        for path in found:
            (keys / path.name).unlink(missing_ok=True)
        raise SettingError(f"Cannot copy the offline keys into {keys}: {error.strerror or error}.") from None
    try:
        yield
    finally:
        _take_back(keys, offline, roles)


def _take_back(keys: Path, offline: Path, roles: Collection[str]) -> None:
    for path in _paths(keys, roles):
        try:
            if not (offline / path.name).exists() or (offline / path.name).read_bytes() != path.read_bytes():
                _copy(path, offline / path.name)
        except OSError as error:
            raise SettingError(
                f"Cannot write {offline / path.name}: {error.strerror or error}. The key is in {keys}; move it to a "
                "safe place yourself."
            ) from None
        path.unlink()
    sync_folder(keys)


def _copy(source: Path, target: Path) -> None:
    replace_file(target, source.read_bytes(), 0o600)


def _paths(folder: Path, roles: Collection[str]) -> list[Path]:
    """Return the keys of these roles, with replacements of an interrupted rotation."""
    return sorted(path for role in roles for path in folder.glob(f"{role}*.pem"))
