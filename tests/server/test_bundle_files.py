"""Bundles as static files: what is served, how it may be cached, and what never is."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest
from support import bundles as bundle_samples
from support.server import Clock, listening

from keyart.errors import BundleDamaged, BundleRefused, SettingError
from keyart_server.app import create_app
from keyart_server.bundles import PublishedBundles
from keyart_server.bundles.published_bundles import check_bundle
from keyart_server.service import Service
from keyart_server.signing.repository import target_name

FOR_GOOD = "public, max-age=31536000, immutable"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Files are files, whatever the database."""
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    for version in (7, 8):
        bundle_samples.sample_bundle(folder / str(version), version)
    bundle_samples.sample_bundle(folder / "other7", 7, seed=1)
    return folder


@pytest.fixture
def published(service: Service, bundles: Path) -> PublishedBundles:
    assert service.bundles.publish(bundles / "7") is not None
    return service.bundles


def test_files_are_unchanged_and_kept_for_good(
    client: httpx.Client, published: PublishedBundles, bundles: Path
) -> None:
    for path in (bundles / "7").iterdir():
        for name in (target_name(path.name, path.read_bytes()), path.name):
            answer = client.get(f"/tuf/targets/7/{name}")
            assert answer.content == path.read_bytes() and answer.headers["cache-control"] == FOR_GOOD
            again = client.get(f"/tuf/targets/7/{name}", headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            head = client.head(f"/tuf/targets/7/{name}")
            assert int(head.headers["content-length"]) == path.stat().st_size
    for name in ("1.root.json", "1.targets.json", "2.snapshot.json"):
        assert client.get(f"/tuf/metadata/{name}").headers["cache-control"] == FOR_GOOD
    changing = client.get("/tuf/metadata/timestamp.json")
    assert changing.status_code == 200 and changing.headers["cache-control"] == "public, max-age=60"


def test_what_is_not_there_is_asked_for_again_soon(client: httpx.Client, published: PublishedBundles) -> None:
    other = target_name("manifest.json", b"{}")
    for path in ("/tuf/metadata/2.root.json", *(f"/tuf/targets/{name}" for name in (
        "9/manifest.json", "7/secrets.json", f"7/{other}", f"9/{other}"
    ))):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 404 and answer.headers["cache-control"] in ("public, max-age=60", "no-store")


OTHERS = [
    "/tuf/metadata/../root.json", "/tuf/metadata/%2e%2e/root.json", "/tuf/metadata/..%2froot.json",
    "/tuf/targets/../../keys/targets.pem", "/tuf/targets/7/..%2f..%2f..%2fkeys%2ftargets.pem",
    "/tuf/targets/7/%2e%2e/%2e%2e/%2e%2e/admin.token", "/tuf/targets/.incoming/manifest.json", "/tuf/.lock",
    "/tuf/targets/7/", "/tuf/targets/7", "/tuf/targets/", "/tuf/", "/tuf/metadata/", "/tuf/metadata/.lock",
    "/tuf/metadata/.timestamp.json.partial", "/tuf/targets/7/.ranker.bin", "/tuf/targets/07/manifest.json",
    "/tuf/targets/7/manifest.json%00", "/tuf/targets/7/manifest.json%0a", "/tuf/targets/%D9%A7/manifest.json",
    "/tuf/bundles/7/manifest.json",
    "/tuf/targets//etc/passwd", "/tuf/targets/7//manifest.json", "/tuf/metadata/1.root.json/x",
]  # fmt: skip


def test_nothing_else_is_served(client: httpx.Client, published: PublishedBundles, service: Service) -> None:
    (service.data.tuf / "metadata" / ".timestamp.json.partial").write_bytes(b"{}")
    for folder in ("targets", "bundles"):
        (service.data.tuf / folder / "7" / ".ranker.bin").write_bytes(b"{}")
    for path in OTHERS:
        target = httpx.URL(str(client.base_url).rstrip("/"), raw_path=path.encode())
        assert client.get(target).status_code in (400, 404), path


def test_a_link_out_of_the_folder_is_not_followed(
    client: httpx.Client, published: PublishedBundles, service: Service
) -> None:
    digested = target_name("extra.json", b"")
    (service.data.tuf / "targets" / "7" / digested).symlink_to(service.data.admin_token)
    (service.data.tuf / "bundles" / "7" / "extra.json").symlink_to(service.data.admin_token)
    for name in ("extra.json", digested):
        assert client.get(f"/tuf/targets/7/{name}").status_code == 404


def test_published_once_and_only_forward(service: Service, published: PublishedBundles, bundles: Path) -> None:
    assert published.publish(bundles / "7") is None
    with pytest.raises(BundleRefused, match="not newer"):
        published.publish(bundles / "other7")
    manifest = published.publish(bundles / "8")
    assert manifest is not None and manifest.model_version == 8
    with pytest.raises(BundleRefused, match="not newer"):
        published.publish(bundles / "7")
    assert published.signed() == {7, 8}
    assert (service.data.tuf / "root.json").read_bytes() == (
        service.data.tuf / "metadata" / "1.root.json"
    ).read_bytes()


def test_without_the_offline_keys(published: PublishedBundles, bundles: Path) -> None:
    """The server goes on signing freshness, and publishes nothing."""
    offline = published.offline_keys_here()
    assert sorted(path.name for path in offline) == ["root.pem", "targets.pem"]
    for path in offline:
        path.unlink()
    assert published.offline_keys_here() == []
    published.refresh()
    with pytest.raises(SettingError, match="targets key"):
        published.publish(bundles / "8")
    assert published.signed() == {7}


def test_freshness(client: httpx.Client, service: Service, published: PublishedBundles, clock: Clock) -> None:
    assert client.get("/readyz").status_code == 200
    clock.pass_by(days=1, seconds=1)
    stale = client.get("/readyz")
    assert stale.status_code == 503 and stale.json()["checks"]["bundles"] == "timestamp.json has expired"
    with listening(create_app(service)) as started:  # a start signs anew, before anybody is let in
        assert started.get("/readyz").status_code == 200


def test_a_bundle_that_devices_would_refuse(bundles: Path, tmp_path: Path) -> None:
    assert check_bundle(bundles / "7").model_version == 7
    shutil.copytree(bundles / "7", tmp_path / "bad")
    weights = tmp_path / "bad" / "ranker.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(BundleDamaged):
        check_bundle(tmp_path / "bad")
