"""Updates: a newer bundle is fetched with signed metadata (TUF), the host's own transport and keyart's own rules.

TUF (theupdateframework.github.io/specification) refuses metadata that is forged, rolled back, frozen, mixed from two
states or endless; `keyart.bundle.verify` refuses what even a publisher may not ship. It needs the extra
`keyart[update]`, imported only while an update runs.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BundleError, BundleRefused, UpdateError
from . import trust
from .folder import verify
from .manifest import MANIFEST_NAME, Manifest
from .reference_vectors import RunRanker, check_vectors, parse_vectors
from .slots import Slots

if TYPE_CHECKING:
    from tuf.ngclient.fetcher import FetcherInterface
    from tuf.ngclient.updater import Updater

# A path below the repository's address to its bytes, or to blocks of bytes, of which no more are taken than
# the signed metadata allows. Raises FileNotFoundError where the server says that there is no such file
# (404, 403).
Fetch = Callable[[str], "bytes | Iterable[bytes]"]
# The ranker of the bundle in a folder, as a function from its inputs to its outputs.
Canary = Callable[[Path, Manifest], RunRanker]
_DOWNLOADS = "downloads"
MAX_DETAIL_CHARACTERS = 200  # characters of what a library says of hostile metadata, which it may quote
_MANIFEST_PATH = re.compile(r"(0|[1-9][0-9]{0,15})/" + re.escape(MANIFEST_NAME), re.ASCII)


def install_update(
    slots: Slots,
    metadata_dir: str | Path,
    fetch: Fetch,
    *,
    root: bytes,
    canary: Canary | None,
    newest: int | None = None,
) -> Manifest | None:
    """Install the newest bundle of a repository.

    The installed bundle goes on serving after any error, and stays if it is newer.

    Args:
        slots: Slots of this device.
        metadata_dir: Folder of this device for the newest trusted metadata. Losing it loses the memory of what was
            seen, so keep it with the slots, not in a cache.
        fetch: Fetches a file of the repository (`Fetch`).
        root: The trusted `1.root.json`, shipped inside the app.
        canary: Runs the new ranker on its test vectors on this very device before it is installed, for instance with
            `keyart.model.load_ranker`. None leaves this to the first use.
        newest: Version beyond which none is taken (`keyart.client.offered_version`). None takes any.

    Returns:
        The manifest of the installed bundle, or None if there is nothing newer.

    Raises:
        UpdateError: The repository cannot be fetched or is not signed as it must be.
        BundleDamaged: A signed bundle differs from its manifest.
        BundleRefused: A signed bundle breaks a rule.
    """
    folder = Path(metadata_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        updater = _refreshed(folder, fetch, root)
        return _install_newest(slots, folder, updater, canary, newest)
    except BundleError:
        raise
    except Exception as error:  # hostile metadata can fail anywhere inside the libraries that read it
        raise UpdateError(f"No update: {_cause(error)} The installed bundle still serves; try later.") from error


def _install_newest(
    slots: Slots, folder: Path, updater: Updater, canary: Canary | None, most: int | None
) -> Manifest | None:
    downloads = folder / _DOWNLOADS
    shutil.rmtree(downloads, ignore_errors=True)  # left behind by a kill
    installed = _installed(slots)
    paths = _signed_paths(folder)
    versions = [int(match[1]) for match in map(_MANIFEST_PATH.fullmatch, paths) if match]
    have = -1 if installed is None else installed.model_version
    if max(versions, default=-1) < have:
        raise BundleRefused(
            f"The repository offers {max(versions) if versions else 'no model'}, and {have} is installed here; "
            "bundles only go forward. Publish the model again under a higher version."
        )
    newest = max((version for version in versions if most is None or version <= most), default=-1)
    if newest <= have:
        return None
    try:
        prefix = f"{newest}/"
        names = [path.removeprefix(prefix) for path in paths if path.startswith(prefix)]
        _download(updater, prefix, names, downloads)
        slot = slots.install(downloads, lambda staged: _check(staged, newest, installed, canary))
        return Manifest.read(slot)
    finally:
        shutil.rmtree(downloads, ignore_errors=True)


def _check(staged: Path, version: int, installed: Manifest | None, canary: Canary | None) -> None:
    manifest = verify(staged, installed=installed)
    if manifest.model_version != version:
        raise BundleRefused(f"The bundle published as {version} says it is {manifest.model_version}.")
    if canary is None:
        return
    try:
        run = canary(staged, manifest)
    except BundleError:
        raise
    except Exception as error:  # an engine may raise anything for a model that it does not like
        raise BundleRefused(f"Model {manifest.model_version} cannot be loaded on this device: {error}") from error
    check_vectors(run, parse_vectors((staged / "vectors.json").read_bytes()))


def _installed(slots: Slots) -> Manifest | None:
    """Return the manifest that serves now. A device whose bundles are all damaged takes any that is signed."""
    slot = slots.current()
    return None if slot is None else Manifest.read(slot)


def _download(updater: Updater, prefix: str, names: list[str], downloads: Path) -> None:
    """Download the signed files of one version, after checking their signed lengths against our limits."""
    targets = {}
    for name in names:
        trust.check_name(name)
        info = updater.get_targetinfo(prefix + name)
        if info is not None:
            targets[name] = info
    trust.check_sizes({name: info.length for name, info in targets.items()})
    downloads.mkdir(parents=True)
    for name, info in targets.items():
        updater.download_target(info, str(downloads / name))


def _signed_paths(folder: Path) -> list[str]:
    """Return the paths of all signed files, from the metadata that `refresh` has verified and stored."""
    from tuf.api.metadata import Metadata

    targets: Metadata[Any] = Metadata.from_file(str(folder / "targets.json"))
    return list(targets.signed.targets)


def _refreshed(folder: Path, fetch: Fetch, root: bytes) -> Updater:
    try:
        from tuf.ngclient.updater import Updater
    except ImportError as error:
        raise UpdateError(
            f"Updates need python-tuf, which cannot be imported ({error}). Install the extra: keyart[update]."
        ) from error
    updater = Updater(
        str(folder),
        "metadata/",
        target_base_url="targets/",
        fetcher=_fetcher(fetch),
        bootstrap=root,
    )
    updater.refresh()
    return updater


def _fetcher(fetch: Fetch) -> FetcherInterface:
    """Wrap the host's callback in TUF's interface; metadata must be, byte for byte, what its writer writes."""
    from tuf.api.exceptions import DownloadHTTPError
    from tuf.api.metadata import Metadata
    from tuf.ngclient.fetcher import FetcherInterface

    class HostFetcher(FetcherInterface):
        def _fetch(self, url: str) -> Iterator[bytes]:
            try:
                answer = fetch(url)
            except FileNotFoundError as error:
                raise DownloadHTTPError(f"the repository has no {url}", 404) from error
            return iter([answer] if isinstance(answer, bytes) else answer)

        def download_bytes(self, url: str, max_length: int) -> bytes:
            data = super().download_bytes(url, max_length)
            # TUF's signatures are over what JSON means, not over its bytes: a space in a date or a capital
            # in a signature would pass. With this no byte can change, and caches cannot hold two forms of
            # one file.
            metadata: Metadata[Any] = Metadata.from_bytes(data)
            signatures = [signature.signature for signature in metadata.signatures.values()]
            if metadata.to_bytes() != data or any(text != text.lower() for text in signatures):
                raise UpdateError(f"No update: {url} was changed on its way. The installed bundle still serves.")
            return data

    return HostFetcher()


def _cause(error: BaseException) -> str:
    """Return a sentence about an error, with the cause beneath it."""
    words = {
        "ExpiredMetadataError": "the repository's metadata has expired (is its refresh running?)",
        "UnsignedMetadataError": "the metadata is not signed by the keys that this app trusts",
        "BadVersionNumberError": "the repository has gone back to an older state",
        "LengthOrHashMismatchError": "bytes differ from the signed metadata",
        "DownloadLengthMismatchError": "the server sent more bytes than the metadata allows",
    }.get(type(error).__name__, "the repository could not be read")
    details = [str(error)[:MAX_DETAIL_CHARACTERS]]
    if error.__cause__ is not None:
        details.append(str(error.__cause__)[:MAX_DETAIL_CHARACTERS])
    return f"{words} ({': '.join(part for part in details if part) or type(error).__name__})."
