"""The files of a bundle in one value: a zip for the database and for uploads, and the same under another number."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from keyart.bundle import trust
from keyart.bundle.manifest import MANIFEST_NAME, Manifest
from keyart.errors import BundleDamaged

DATE: Final = (1980, 1, 1, 0, 0, 0)  # the same files make the same bytes
# What `zipfile` raises for hostile bytes: of a method that it does not know or that wants a password, too.
UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError)
WEIGHTS_OF: Final = "weights_of"  # in a manifest's `training`: the version that first had these weights


def packed(files: Mapping[str, bytes]) -> bytes:
    """The same bytes for the same files."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, DATE), files[name], zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files by name, within the limits of a bundle before a byte is unpacked.

    Raises BundleDamaged for what is no zip, BundleRefused for names, sizes or a number of files that no bundle has.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            sizes = {member.filename: member.file_size for member in members}
            if len(sizes) < len(members) or len(members) > len(trust.MAX_FILE_BYTES):
                raise BundleDamaged(f"The zip holds {len(members)} files, and a bundle has six of different names.")
            if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
                raise BundleDamaged("The zip is packed by a rare method; pack the six files with deflate.")
            for name in sizes:
                trust.check_name(name)
            trust.check_sizes(sizes)
            return {member.filename: _member(archive, member) for member in members}
    except UNREADABLE as error:
        raise BundleDamaged(f"The bundle's files are no whole zip ({error}); pack the six files again.") from None


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """As much as it says it is: `read` would unpack all of one that lies, and look afterwards."""
    with archive.open(member) as file:
        return file.read(member.file_size)


def renumbered(
    files: Mapping[str, bytes], version: int, parent: int | None, created: datetime | None = None, **training: Any
) -> dict[str, bytes]:
    """The same model as `version`, made from `parent`. training: what its manifest says there besides.

    Only the manifest is another: the weights, and the digests of all files, stay. Raises BundleError.
    """
    old = Manifest.parse(files[MANIFEST_NAME])
    new = replace(
        old,
        model_version=version,
        parent=parent,
        created=old.created if created is None else created.isoformat(),
        training={**old.training, **training},
    )
    return {**files, MANIFEST_NAME: Manifest.parse(new.to_bytes()).to_bytes()}


def origin(manifest: Manifest) -> int:
    """The version that first had its weights: an older one for a way back, else its own."""
    told = manifest.training.get(WEIGHTS_OF)
    return told if type(told) is int and 0 <= told < manifest.model_version else manifest.model_version
