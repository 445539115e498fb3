"""The files of a bundle as a zip, for the database and for uploads; and the same model under another version."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from keyart.bundle import MANIFEST_NAME, MAX_FILE_BYTES, Manifest, check_name, check_sizes
from keyart.errors import BundleDamaged

MEMBER_DATE: Final = (1980, 1, 1, 0, 0, 0)  # fixed, so that equal files give equal bytes
# Errors of `zipfile` for malformed or hostile data, unknown methods and encrypted members.
UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError)
WEIGHTS_OF: Final = "weights_of"  # in a manifest's `training`: the version that first had these weights


def pack(files: Mapping[str, bytes]) -> bytes:
    """Pack the files deterministically: equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, MEMBER_DATE), files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Unpack a bundle; its limits are checked before anything is decompressed.

    Raises:
        BundleDamaged: for data that is not a zip file of a bundle.
        BundleRefused: for names, sizes or a number of files that no bundle has.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            sizes = {member.filename: member.file_size for member in members}
            if len(sizes) < len(members) or len(members) > len(MAX_FILE_BYTES):
                raise BundleDamaged(
                    f"The zip holds {len(members)} files; a bundle has six files with different names."
                )
            if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
                raise BundleDamaged("The zip uses an unsupported compression method; use deflate.")
            for name in sizes:
                check_name(name)
            check_sizes(sizes)
            return {member.filename: _member(archive, member) for member in members}
    except UNREADABLE as error:
        raise BundleDamaged(f"The upload is not a complete zip file ({error}); pack the six files again.") from None


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read at most the declared size; `read` would decompress all of a member that understates its size."""
    with archive.open(member) as file:
        return file.read(member.file_size)


def renumber(
    files: Mapping[str, bytes], version: int, parent: int | None, created: datetime | None = None, **training: Any
) -> dict[str, bytes]:
    """Return the files of the same model as `version`, with `parent` as its parent.

    Only the manifest changes; weights and digests of the other files stay.

    Args:
        files: files of the bundle.
        version: new model version.
        parent: version that it follows.
        created: new time of creation; None keeps the old one.
        training: further entries for the manifest's `training`.

    Raises:
        BundleError: if the manifest is invalid.
    """
    original = Manifest.parse(files[MANIFEST_NAME])
    changed = replace(
        original,
        model_version=version,
        parent=parent,
        created=original.created if created is None else created.isoformat(),
        training={**original.training, **training},
    )
    return {**files, MANIFEST_NAME: Manifest.parse(changed.to_bytes()).to_bytes()}


def weights_digest(manifest: Manifest) -> str:
    """Return the digest of everything that the model has learned: the ranker, and appeal and latents of artworks."""
    learned = "".join(manifest.files[name].sha256 for name in ("ranker.bin", "vocabulary.json"))
    return hashlib.sha256(learned.encode()).hexdigest()


def origin(manifest: Manifest) -> int | None:
    """Return the version that this model was made from; for a rollback, the one whose weights it has."""
    weights_of = weights_version(manifest)
    return manifest.parent if weights_of == manifest.model_version else weights_of


def weights_version(manifest: Manifest) -> int:
    """Return the version that first had these weights: an older one for a rollback, else the manifest's own."""
    recorded = manifest.training.get(WEIGHTS_OF)
    return recorded if type(recorded) is int and 0 <= recorded < manifest.model_version else manifest.model_version
