"""From the trainer to a device: the server signs and publishes the bundle, the device fetches, checks, installs it.

The device reads the repository's files from disk where an app would fetch them from a content delivery network;
everything else, signatures, canary and the atomic swap, is what a deployment does.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from keyart.bundle import Manifest, Slots
from keyart.bundle.update import update
from keyart.bundle.vectors import Run
from keyart.errors import UpdateError
from keyart.model.features import FeatureSpec
from keyart.model.ranker import load
from keyart_server.repository import Repository


@dataclass(frozen=True)
class InstalledBundle:
    """slots: what `Personalizer.open(bundle=…)` takes. folder: the installed bundle itself."""

    manifest: Manifest
    slots: Path
    folder: Path


def ranker_of(folder: Path, manifest: Manifest) -> Run:
    """The canary: the ranker of the bundle in `folder`, on this machine's engine."""
    return load(folder, FeatureSpec.from_json(manifest.feature_spec), manifest.session_config).run


def publish_and_install(bundle: Path, repository: Path, keys: Path, device: Path) -> InstalledBundle:
    """Publishes `bundle` in a new repository and installs it on a new device. Raises a BundleError.

    repository: static files that a server or a delivery network carries. keys: the publisher's, never served.
    device: this device's slots and trusted metadata.
    """
    for folder in (repository, keys, device):
        shutil.rmtree(folder, ignore_errors=True)
    published = Repository.create(repository, keys)
    published.publish(bundle, run=ranker_of(bundle, Manifest.read(bundle)))
    slots = Slots(device / "slots")

    def fetch(path: str) -> bytes:
        return (repository / path).read_bytes()

    manifest = update(slots, device / "metadata", fetch, root=published.trusted_root, canary=ranker_of)
    current = slots.current()
    if manifest is None or current is None:
        raise UpdateError(
            f"The repository in {repository} offered nothing to install. Remove the folder and try again."
        )
    return InstalledBundle(manifest, slots.folder, current)
