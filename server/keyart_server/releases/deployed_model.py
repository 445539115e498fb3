"""The model and the catalogue that campaigns build on: the newest release of all devices."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from sqlalchemy.orm import Session

from keyart.bundle import Manifest
from keyart.errors import CatalogError
from keyart.model import FeatureSpec
from keyart_federated.campaigns import DeployedModel

from ..service import Service
from . import release_store


def current_base(service: Service, session: Session) -> DeployedModel | str:
    """Return the model and catalogue that campaigns build on, or the reason why no round can begin."""
    try:
        catalog = service.catalogs.read(session)
    except CatalogError as error:
        return str(error)
    if catalog is None:
        return "The server has no catalogue; upload one on the page Catalogue."
    release = release_store.newest_released(session)
    if release is None:
        return "No bundle is released to all devices; upload one on the page Releases."
    folder, all_releases = service.bundles.folder(release.version), release_store.list_all(session)
    other_folders = {
        release_.version: service.bundles.folder(release_.version)
        for release_ in all_releases
        if release_.reached > 0
    }
    withdrawn_versions = (
        release_.version for release_ in all_releases if release_.standing in ("refused", "withdrawn")
    )
    refused_versions = frozenset(version for version in withdrawn_versions if version > release.version)
    return DeployedModel(catalog, folder, release.version, _feature_spec(folder), other_folders, refused_versions)


@lru_cache(maxsize=4)
def _feature_spec(bundle: Path) -> FeatureSpec:
    """Read the feature spec of a published bundle, which never changes; the engine asks every second."""
    return FeatureSpec.from_json(Manifest.read(bundle).feature_spec)
