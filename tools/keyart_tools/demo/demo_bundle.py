"""Publishing: the server signs and publishes the bundle, and the device fetches, verifies and installs it.

The device reads the repository's files from disk, where an app would fetch them from a content delivery network. The
rest (signatures, test vectors, atomic swap) is the same as in a deployment.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from keyart.bundle import Manifest, RunRanker, Slots, install_update
from keyart.errors import UpdateError
from keyart.model import FeatureSpec, load_ranker
from keyart_server.signing.repository import Repository


@dataclass(frozen=True)
class InstalledBundle:
    """An installed bundle.

    Attributes:
        slots: folder to pass to `Personalizer.open(bundle=…)`.
        folder: folder of the current bundle.
    """

    manifest: Manifest
    slots: Path
    folder: Path


def ranker_of(folder: Path, manifest: Manifest) -> RunRanker:
    """Return the ranker of the bundle in `folder`, which must reproduce the test vectors on this machine."""
    return load_ranker(folder, FeatureSpec.from_json(manifest.feature_spec), manifest.session_config).run


def publish_and_install(bundle: Path, repository: Path, keys: Path, device: Path) -> InstalledBundle:
    """Publish `bundle` in a new repository and install it on a new device.

    Args:
        bundle: bundle folder.
        repository: folder for the static files that a server or a delivery network serves.
        keys: folder for the publisher's keys, which are never served.
        device: folder for the device's slots and trusted metadata.

    Raises:
        BundleError: the bundle is refused.
    """
    for folder in (repository, keys, device):
        shutil.rmtree(folder, ignore_errors=True)
    published = Repository.create(repository, keys)
    published.publish(bundle, run=ranker_of(bundle, Manifest.read(bundle)))
    slots = Slots(device / "slots")

    def fetch(path: str) -> bytes:
        return (repository / path).read_bytes()

    manifest = install_update(slots, device / "metadata", fetch, root=published.trusted_root, canary=ranker_of)
    current = slots.current()
    if manifest is None or current is None:
        raise UpdateError(
            f"The repository in {repository} offered nothing to install. Remove the folder and try again."
        )
    return InstalledBundle(manifest, slots.folder, current)
