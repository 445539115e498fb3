"""Slots: where bundles are installed on a device, with one folder a bundle and a pointer that is swapped in one step.

    folder/current        {"current": "000002-…", "previous": "000001-…"}, replaced atomically
    folder/000002-…/      a whole, checked bundle; never written to again
    folder/.staging/      a bundle on its way in; worth nothing, and removed by the next install

A kill at any point leaves the old bundle or the new one. Two bundles are kept: the newest, and the last good one
before it, which serves if bytes of the newest rot.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ..errors import BundleError, UpdateError
from .durable import locked_file, replace_file, sync_folder, write_synced
from .folder import check_contents, read_files
from .manifest import MANIFEST_NAME, Manifest
from .plainfile import read_plain

log = logging.getLogger("keyart.bundle")
POINTER, STAGING, LOCK = "current", ".staging", ".lock"
MAX_POINTER_BYTES = 4096
_SLOT = re.compile(r"(\d{6,})-[0-9a-f]{16}", re.ASCII)


def _no_step(name: str) -> None:
    """Do nothing. Tests kill the process here, at each step of an installation."""


class Slots:
    """The bundles installed in `folder`, which is made by the first installation.

    Args:
        folder: Folder of the slots.
        step: Called with the name of each step of an installation, before it is taken.
    """

    def __init__(self, folder: str | Path, *, step: Callable[[str], None] = _no_step) -> None:
        self.folder = Path(folder)
        self._step = step

    def current(self) -> Path | None:
        """Return the folder of the bundle to use, with its bytes checked; None if there is none.

        If the newest is damaged the last good one is returned, and the logger "keyart.bundle" warns.
        """
        named = [self.folder / name for name in self._pointer() if name]
        for slot in named:
            if _whole(slot):
                if slot != named[0]:
                    log.warning("The bundle %s is damaged; the one before it serves: %s.", named[0].name, slot.name)
                return slot
        # Only where the pointer itself is lost: slots are complete before they get their name.
        for slot in reversed(self._slots()):
            if slot not in named and _whole(slot):
                log.warning("The pointer %s does not lead to a bundle; %s serves.", POINTER, slot.name)
                return slot
        return None

    def previous(self) -> Path | None:
        """Return the last good bundle before the current one, if it is there and whole."""
        name = self._pointer()[1]
        slot = self.folder / name if name else None
        return slot if slot is not None and _whole(slot) else None

    def install(self, source: str | Path, check: Callable[[Path], object]) -> Path:
        """Copy a bundle, check the copy, make it the current one, and return its folder.

        The bundle installed before goes on serving after any error.

        Args:
            source: Folder of the bundle.
            check: Raises to refuse the copy, for instance `keyart.bundle.verify`; its errors pass through.

        Raises:
            BundleMissing: The source has no bundle.
            BundleDamaged: A file of the source differs from the manifest.
            BundleRefused: The source breaks a rule.
            UpdateError: The disk does not take the copy or does not let `check` read it.
        """
        files = read_files(source)
        manifest = check_contents(files)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked_file(self.folder / LOCK):
                return self._install(files, manifest, check)
        except OSError as error:
            raise UpdateError(
                f"Cannot install into {self.folder}: {error.strerror or error}. "
                "What was installed still serves; make room and install again."
            ) from error

    def _install(self, files: dict[str, bytes], manifest: Manifest, check: Callable[[Path], object]) -> Path:
        last_good = self.current()
        staging = self.folder / STAGING
        self._step("clear")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            for name, data in files.items():
                self._step(f"copy {name}")
                write_synced(staging / name, data)
            sync_folder(staging)
            self._step("check")
            check(staging)
            if last_good is not None and (last_good / MANIFEST_NAME).read_bytes() == files[MANIFEST_NAME]:
                return self._keep(last_good)  # the very bundle that is installed, byte for byte
            slot = self.folder / self._new_name(manifest)
            self._step("name")
            staging.rename(slot)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        sync_folder(self.folder)
        self._step("swap")
        self._point(slot.name, last_good.name if last_good is not None else None)
        self._step("prune")
        self._prune()
        return slot

    def _keep(self, slot: Path) -> Path:
        current, previous = self._pointer()
        if current != slot.name:  # the newest is damaged and this one has served in its place
            self._point(slot.name, None if previous == slot.name else previous)
        self._prune()
        return slot

    def _point(self, current: str, previous: str | None) -> None:
        document = json.dumps({"current": current, "previous": previous})
        replace_file(self.folder / POINTER, (document + "\n").encode())

    def _pointer(self) -> tuple[str | None, str | None]:
        """Return the names of the current and the previous slot; None for a pointer that is absent or unreadable."""
        try:
            document = json.loads(read_plain(self.folder / POINTER, MAX_POINTER_BYTES))
            current, previous = document["current"], document["previous"]
            if _SLOT.fullmatch(current) and (previous is None or _SLOT.fullmatch(previous)):
                return current, previous
        except FileNotFoundError:
            return None, None
        except (BundleError, OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        log.warning("The pointer %s cannot be read.", self.folder / POINTER)
        return None, None

    def _slots(self) -> list[Path]:
        """Return all slots, oldest first."""
        if not self.folder.is_dir():
            return []
        slots = (path for path in self.folder.iterdir() if _SLOT.fullmatch(path.name))
        return sorted(slots, key=lambda path: (int(path.name.partition("-")[0]), path.name))

    def _new_name(self, manifest: Manifest) -> str:
        """Return a name never used before, so that a reader of an older slot never gets other bytes."""
        last = max((int(path.name.partition("-")[0]) for path in self._slots()), default=0)
        return f"{last + 1:06d}-{manifest.digest[:16]}"

    def _prune(self) -> None:
        kept = set(self._pointer())
        for slot in self._slots():
            if slot.name not in kept:
                shutil.rmtree(slot, ignore_errors=True)


def _whole(slot: Path) -> bool:
    try:
        check_contents(read_files(slot))
    except BundleError as error:
        log.warning("The bundle in %s cannot be used: %s", slot, error)
        return False
    return True
