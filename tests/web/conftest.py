"""The web SDK, built by TypeScript, with bundles of the Python SDK to compare with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import catalogs, repositories
from support.embedded_world import EmbeddedWorld
from support.services import missing
from support.static_site import serving

from keyart_federated.worlds import SyntheticWorld

WEB = Path(__file__).parents[2] / "sdk/web"


@pytest.fixture(scope="session")
def built(downloads: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with its compiler and what it compiles."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing("no node and npm on the PATH")
    package = tmp_path_factory.mktemp("web") / "package"
    shutil.copytree(WEB, package, ignore=shutil.ignore_patterns("node_modules", "dist"))
    fetched = subprocess.run(["npm", "ci"], cwd=package, capture_output=True, text=True, check=False)
    if fetched.returncode:
        missing(f"npm ci failed: {fetched.stderr.strip()[-300:]}")
    compiled = subprocess.run(["npm", "run", "build"], cwd=package, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stdout
    return package


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles with seeded weights: of a few tags, of people and genres, of an open kind, and of embeddings."""
    folder = tmp_path_factory.mktemp("bundles")
    people = SyntheticWorld(viewers=2, titles=60, artworks=6, impressions=1).catalog
    for name, catalog in {
        "plain": catalogs.sample_catalog(),
        "people": people,
        "open": catalogs.crowded_catalog(),
        "embedded": EmbeddedWorld("embeddings", viewers=2, impressions=1).catalog,
    }.items():
        catalogs.sample_bundle(folder / name, catalog)
    return folder


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed repository with bundles 7 and 8, the same with new keys and bundle 9, and the first root."""
    folder = tmp_path_factory.mktemp("repository")
    made = repositories.repository(folder / "made", 7, 8)
    shutil.copytree(made.folder, folder / "site")
    (folder / "root.json").write_bytes(made.trusted_root)
    made.renew(["root", "targets", "snapshot", "timestamp"])
    repositories.publish(made, 9)
    shutil.copytree(made.folder, folder / "rotated")
    return folder


@pytest.fixture
def site(built: Path, bundles: Path, repository: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a web server with the compiled package, the cases, the bundles and the repository."""
    root = tmp_path / "site"
    for name in ("dist", "test"):
        shutil.copytree(built / name, root / name)
    shutil.copytree(bundles, root / "bundles")
    shutil.copytree(repository, root / "repository")
    (root / "index.html").write_text("<!doctype html><title>keyart</title>", encoding="utf-8")

    with serving(root) as address:
        yield f"{address}/index.html"
