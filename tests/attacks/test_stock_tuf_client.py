"""A TUF client that knows nothing of keyart (python-tuf, default settings) fetches and verifies every target.

Anything else would mean that the repository is signed by rules of its own, which no other client can check.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support import bundles as bundle_samples
from support import releases as release_samples
from support import repositories as sites
from support.server import listening
from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import Metadata, TargetFile
from tuf.ngclient import Updater

from keyart_server.app import create_app
from keyart_server.releases import publishing
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(ServerSettings(tmp_path / "data")) as opened:
        yield opened


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def static_site(folder: Path) -> Iterator[str]:
    """Any web server over a copy of the repository's files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_address[1]}"
        finally:
            site.shutdown()
            thread.join()


def stock_client(address: str, home: Path, root: bytes) -> Updater:
    """A client as python-tuf documents it, refreshed."""
    home.mkdir()
    (home / "downloads").mkdir()
    updater = Updater(
        str(home), f"{address}/metadata/", str(home / "downloads"), f"{address}/targets/", bootstrap=root
    )
    updater.refresh()
    return updater


def listed(home: Path) -> dict[str, TargetFile]:
    """The targets of the metadata that the client has verified."""
    return dict(Metadata.from_file(str(home / "targets.json")).signed.targets)


def check_every_target(address: str, home: Path, root: bytes, bundles: dict[int, Path]) -> None:
    updater = stock_client(address, home, root)
    names = {f"{version}/{path.name}" for version, folder in bundles.items() for path in folder.iterdir()}
    assert set(listed(home)) == names and len(names) == 6 * len(bundles)
    for version, folder in bundles.items():
        for path in folder.iterdir():
            info = updater.get_targetinfo(f"{version}/{path.name}")
            assert info is not None
            assert Path(updater.download_target(info)).read_bytes() == path.read_bytes()


def test_attack_12_a_stock_client_gets_every_target_of_a_server(service: Service, tmp_path: Path) -> None:
    bundles = {version: bundle_samples.sample_bundle(tmp_path / str(version), version) for version in (7, 8)}
    for folder in bundles.values():
        service.bundles.publish(folder)
    root = (service.data.tuf / "root.json").read_bytes()
    with listening(create_app(service)) as client:
        check_every_target(f"{str(client.base_url).rstrip('/')}/tuf", tmp_path / "client", root, bundles)


def test_attack_12_a_stock_client_gets_every_target_of_a_static_export(service: Service, tmp_path: Path) -> None:
    """The folder of the repository, copied to any web server."""
    bundles = {version: bundle_samples.sample_bundle(tmp_path / str(version), version) for version in (7, 8)}
    for folder in bundles.values():
        service.bundles.publish(folder)
    shutil.copytree(service.data.tuf, tmp_path / "export")
    root = (service.data.tuf / "root.json").read_bytes()
    with static_site(tmp_path / "export") as address:
        check_every_target(address, tmp_path / "client", root, bundles)


def test_a_stock_client_refuses_what_was_tampered_with(tmp_path: Path) -> None:
    """One flipped bit in each target, and in each metadata file, of a static site."""
    made = sites.repository(tmp_path, 7)
    root = made.trusted_root
    with static_site(made.folder) as address:
        for path in sorted(made.targets.glob("7/*")):
            good = path.read_bytes()
            path.write_bytes(bytes([good[0] ^ 1, *good[1:]]))
            updater = stock_client(address, tmp_path / path.name, root)
            info = updater.get_targetinfo(f"7/{path.name.partition('.')[2]}")
            assert info is not None
            with pytest.raises((RepositoryError, DownloadError)):
                updater.download_target(info)
            path.write_bytes(good)
        for name in ("timestamp.json", "2.snapshot.json", "2.targets.json"):
            path = made.metadata / name
            good = path.read_bytes()
            path.write_bytes(good.replace(b'"version":2', b'"version":3'))
            with pytest.raises((RepositoryError, DownloadError)):
                stock_client(address, tmp_path / name, root)
            path.write_bytes(good)
        stock_client(address, tmp_path / "client", root)


def test_a_stock_client_follows_a_rollback(service: Service, tmp_path: Path) -> None:
    release_samples.first(service)
    release_samples.rolled(service)
    publishing.withdraw(service, 8, "person:Robin")
    root = (service.data.tuf / "root.json").read_bytes()
    bundles = {version: service.bundles.folder(version) for version in (7, 8, 9)}
    with listening(create_app(service)) as client:
        check_every_target(f"{str(client.base_url).rstrip('/')}/tuf", tmp_path / "client", root, bundles)
