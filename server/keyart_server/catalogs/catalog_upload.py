"""Uploads of a catalogue: a file is checked as devices and campaigns read it, then becomes the current version."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy.orm import Session

from keyart import Catalog
from keyart.bundle import Manifest
from keyart.errors import BundleError, CatalogError
from keyart.model import EncodedCatalog, FeatureSpec
from keyart_federated.catalog_findings import catalog_findings

from ..releases import release_store
from ..service import Service
from . import catalog_store
from .catalog_store import CatalogVersion

MAX_CATALOG_BYTES: Final = 128_000_000  # of the file, after decompression
GZIP_MAGIC: Final = b"\x1f\x8b"
FILE_NAME: Final = "catalog.json"  # as error messages call an upload


def accept(service: Service, actor: str, upload: bytes) -> CatalogVersion:
    """Make an uploaded file the current catalogue. See `prepare`."""
    add = prepare(service, actor, upload)
    with service.state.writing() as session:
        version = add(session)
    renew_copy(service)
    return version


def renew_copy(service: Service) -> None:
    """Renew the copy of the current catalogue in the data folder."""
    with service.state.reading() as session:
        service.catalogs.read(session)


def prepare(service: Service, actor: str, upload: bytes) -> Callable[[Session], CatalogVersion]:
    """Check an uploaded file completely, and return the step that makes it the current catalogue.

    After its transaction the copy in the data folder is to be renewed (`renew_copy`).

    Args:
        service: the server.
        actor: name for the audit log.
        upload: the file as `Catalog.save` or `Catalog.save_compact` writes it, or the same compressed with gzip.

    Returns:
        The step, which returns the new version, or the current one if it is the same file.

    Raises:
        CatalogError: if it is not a catalogue, or the model on devices cannot read it; nothing is changed.
    """
    content = unpack(upload)
    catalog = _load(content)
    _check_model_reads(service, catalog)
    digest, findings = _digest(content), catalog_findings(catalog)

    def add(session: Session) -> CatalogVersion:
        return catalog_store.add(
            session, service.clock(), actor, content,
            digest=digest, titles=len(catalog), artworks=len(catalog.artwork_places), findings=findings,
        )  # fmt: skip

    return add


def accept_at_start(service: Service, path: Path) -> str:
    """Upload the file named at start, unless it was a version before.

    Returns:
        A sentence if the file is an older version, which stays replaced; else "".

    Raises:
        CatalogError: if the file cannot be used.
    """
    Catalog.load(path)  # for a message with the path
    content = path.read_bytes()
    with service.state.reading() as session:
        number, newest = catalog_store.find_by_digest(session, _digest(content)), catalog_store.newest(session)
    if number is None or newest is None:
        accept(service, "server", content)
    elif number != newest.number:
        return (
            f"{path} is version {number} of the catalogue, which version {newest.number} has replaced; "
            "upload it again to use it."
        )
    return ""


def unpack(upload: bytes) -> bytes:
    """Return the file of an upload, decompressed within `MAX_CATALOG_BYTES`. Raises CatalogError."""
    if not upload:
        raise CatalogError("The file is empty; choose a catalogue that Catalog.save or Catalog.save_compact wrote.")
    if upload[: len(GZIP_MAGIC)] == GZIP_MAGIC:
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(upload)) as file:
                upload = file.read(MAX_CATALOG_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise CatalogError(f"The gzip file is damaged ({error}); compress the catalogue again.") from None
    if len(upload) > MAX_CATALOG_BYTES:
        raise CatalogError(
            f"The catalogue has more than {MAX_CATALOG_BYTES // 1_000_000} MB; save it as a compact file."
        )
    return upload


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _load(content: bytes) -> Catalog:
    with TemporaryDirectory(prefix="keyart-") as folder:
        path = Path(folder) / FILE_NAME
        path.write_bytes(content)
        try:
            return Catalog.load(path)
        except CatalogError as error:
            raise CatalogError(str(error).replace(f"{path}", FILE_NAME)) from None


def _check_model_reads(service: Service, catalog: Catalog) -> None:
    """Raise CatalogError if the model on devices cannot read the catalogue, for example other embeddings."""
    with service.state.reading() as session:
        release = release_store.newest_released(session)
    if release is None:
        return
    try:
        manifest = Manifest.read(service.bundles.folder(release.version))
    except BundleError:
        return  # /readyz reports a damaged repository
    EncodedCatalog(catalog, FeatureSpec.from_json(manifest.feature_spec))
