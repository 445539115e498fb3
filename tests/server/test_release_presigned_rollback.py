"""Withdrawing while the targets key is away: a rollback that was signed together with the release goes out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import bundles as bundle_samples
from support import releases as release_samples
from support import repositories as sites
from support.releases import Device, first, rolled, standing
from support.server import Clock
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Metadata, MetaFile
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from keyart.errors import InputError, SettingError, UpdateError
from keyart_server.bundles import key_rotation
from keyart_server.releases import bundle_archive, publishing, release_store
from keyart_server.releases.rollback import ROLLBACK_GAP
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings
from keyart_server.signing import tuf_keys
from keyart_server.signing.repository import Repository

BACK = 8 + ROLLBACK_GAP


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    with open_service(ServerSettings(tmp_path / "data"), clock) as opened:
        yield opened


@pytest.fixture
def bring_key(service: Service, tmp_path: Path) -> Callable[[], Path]:
    """Models 7 and 8 are out, and the targets key has left the server; call it to bring the key back."""
    first(service)
    assert rolled(service).standing == "rolling"
    key = tuf_keys.path_of(service.data.keys, "targets")
    away = key.rename(tmp_path / "targets.pem")
    return lambda: away.rename(key)


def offered(service: Service) -> tuple[int | None, float]:
    with service.state.reading() as session:
        release = release_store.offered(session)
    return release["version"], release["share"]


def targets_version(service: Service) -> int:
    snapshot = max(service.data.tuf.glob("metadata/*.snapshot.json"), key=lambda path: int(path.name.split(".")[0]))
    return int(Metadata.from_file(str(snapshot)).signed.meta["targets.json"].version)


@pytest.mark.usefixtures("bring_key")
def test_devices_get_the_previous_weights(service: Service, tmp_path: Path) -> None:
    known, fresh = (Device.of(service, tmp_path / name, draw=0.0) for name in ("known", "fresh"))
    assert known.visit(service) == 8
    before = targets_version(service)
    withdrawn = publishing.withdraw(service, 8, "person:Robin")
    assert f"Model {BACK} restores the weights of model 7" in withdrawn.reason
    assert standing(service, BACK).standing == "released" and offered(service) == (BACK, 1.0)
    assert targets_version(service) == before + 1, "the version that was signed together with model 8"
    for device in (known, fresh):
        assert device.visit(service) == BACK
        assert device.weights == bundle_samples.weights_bytes(bundle_samples.weights(0))
    manifest = service.bundles.manifest(BACK)
    assert (manifest.parent, bundle_archive.weights_version(manifest)) == (8, 7)


class FolderFetcher(FetcherInterface):
    def _fetch(self, url: str) -> Iterator[bytes]:
        yield Path(url).read_bytes()


@pytest.mark.usefixtures("bring_key")
def test_a_stock_client_follows(service: Service, tmp_path: Path) -> None:
    """One that knew model 8 accepts the pre-signed metadata, since its version goes up."""
    tuf, home = service.data.tuf, tmp_path / "client"
    home.mkdir()

    def refreshed(root: bytes | None) -> Updater:
        updater = Updater(
            str(home), f"{tuf}/metadata/", str(home), f"{tuf}/targets/", FolderFetcher(), bootstrap=root
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FolderFetcher, "download_bytes", absent_is_404)
            updater.refresh()
        return updater

    assert refreshed((tuf / "root.json").read_bytes()).get_targetinfo(f"{BACK}/ranker.bin") is None
    publishing.withdraw(service, 8, "person:Robin")
    updater = refreshed(None)
    info = updater.get_targetinfo(f"{BACK}/ranker.bin")
    assert info is not None
    assert Path(updater.download_target(info)).read_bytes() == (service.bundles.folder(7) / "ranker.bin").read_bytes()


def absent_is_404(self: FetcherInterface, url: str, max_length: int) -> bytes:
    path = Path(url)
    if not path.exists():
        raise DownloadHTTPError(f"{url} is not there", 404)
    return path.read_bytes()[:max_length]


@pytest.mark.usefixtures("bring_key")
def test_the_online_keys_publish_nothing_else(service: Service, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="targets key"):
        service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "9", 9, seed=5))
    other = bundle_samples.sample_bundle(tmp_path / "other", BACK, 8, seed=5)
    with pytest.raises(SettingError, match="targets key"):
        service.bundles.publish(other)
    shutil.rmtree(service.data.tuf / "rollback" / "bundle")
    shutil.copytree(other, service.data.tuf / "rollback" / "bundle")
    assert service.bundles.rollback() is None, "its bytes are not those that were signed"
    with pytest.raises(SettingError, match="targets key"):
        service.bundles.publish(other)


def test_it_is_overtaken_by_the_next_release(service: Service, bring_key: Callable[[], Path], tmp_path: Path) -> None:
    """Its number is below that of the next targets.json, so devices that know that one refuse it."""
    kept = shutil.copytree(service.data.tuf / "rollback", tmp_path / "kept")
    bring_key()
    publishing.hold(service, 8, "person:Robin")
    publishing.submit(service, "person:Robin", release_samples.files(9, 7, 3), at_once=True)
    device = Device.of(service, tmp_path / "device")
    assert device.visit(service) == 9
    old = Metadata.from_file(str(kept / "targets.json")).signed.version
    assert targets_version(service) == old + 1, "the number of the rollback is used for nothing else"
    shutil.rmtree(service.data.tuf / "rollback")
    shutil.copytree(kept, service.data.tuf / "rollback")
    assert service.bundles.rollback() is None
    force_rollback(service)
    with pytest.raises(UpdateError, match="gone back"):
        device.update()
    assert device.version == 9


def force_rollback(service: Service) -> None:
    """Publish a rollback that is overtaken, as whoever holds the online keys could."""
    repository = Repository.open(service.data.tuf, service.data.keys)
    state = repository._load()
    data = (service.data.tuf / "rollback" / "targets.json").read_bytes()
    version = Metadata.from_bytes(data).signed.version
    (repository.metadata / f"{version}.targets.json").write_bytes(data)
    state.snapshot.signed.meta["targets.json"] = MetaFile.from_data(version, data, ["sha256"])
    repository._write_from("snapshot", state, repository._signers(state, "snapshot", "timestamp"))


@pytest.mark.usefixtures("bring_key")
def test_it_expires(service: Service, clock: Clock) -> None:
    clock.pass_by(days=91)
    assert service.bundles.rollback() is None
    publishing.withdraw(service, 8, "person:Robin")
    assert standing(service, 9).standing == "waiting" and "targets.pem" in standing(service, 9).reason


@pytest.mark.parametrize("roles", [[], ["targets"]])
def test_a_rotation_signs_it_again(service: Service, bring_key: Callable[[], Path], roles, tmp_path: Path) -> None:
    bring_key()
    device = Device.of(service, tmp_path / "device", draw=0.0)
    assert device.visit(service) == 8
    key_rotation.rotate(service, roles) if roles else key_rotation.renew(service)
    tuf_keys.path_of(service.data.keys, "targets").unlink()
    publishing.withdraw(service, 8, "person:Robin")
    assert device.visit(service) == BACK


def test_weights_that_were_withdrawn_meanwhile_are_not_restored(service: Service, tmp_path: Path) -> None:
    first(service, 6, seed=6)
    publishing.submit(service, "server", release_samples.files(7, 6, 7), at_once=True)
    publishing.submit(service, "server", release_samples.files(8, 6, 8), at_once=True)  # its rollback restores 7
    tuf_keys.path_of(service.data.keys, "targets").rename(tmp_path / "targets.pem")
    publishing.withdraw(service, 7, "person:Robin")
    publishing.withdraw(service, 8, "person:Robin")
    assert standing(service, 9).standing == "waiting" and offered(service) == (6, 1.0)


@pytest.mark.usefixtures("bring_key")
def test_candidates_since_do_not_take_its_version(service: Service) -> None:
    for number in range(1, 4):
        release_samples.candidate(service, 8 + number, 7, number=20 + number, seed=10 + number)
    publishing.withdraw(service, 8, "person:Robin")
    assert offered(service) == (BACK, 1.0)


@pytest.mark.usefixtures("bring_key")
def test_a_rollback_of_that_rollback_needs_the_key(service: Service) -> None:
    publishing.withdraw(service, 8, "person:Robin")
    with pytest.raises(InputError, match="no released model before"):
        publishing.withdraw(service, BACK, "person:Robin")


def test_killed_while_it_is_published(tmp_path: Path) -> None:
    """Before each write: devices have the old state or the new one, and the same call finishes."""
    made = sites.repository(tmp_path, 7)
    source = bundle_samples.sample_bundle(tmp_path / "8", 8, 7, seed=1)
    files = publishing.read_files(bundle_samples.sample_bundle(tmp_path / "back", BACK, 8))
    made.publish(source, rollback=files)
    tuf_keys.path_of(made.keys, "targets").unlink()
    for deadly in range(1, 5):
        steps: list[str] = []

        def step(name: str, deadly: int = deadly, steps: list[str] = steps) -> None:
            steps.append(name)
            if len(steps) == deadly:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Repository(made.folder, made.keys, step=step).publish(tmp_path / "back")
        device = sites.device(made, f"device-{deadly}")
        assert device.update() is not None and device.version == 8
    made.publish(tmp_path / "back")
    assert device.update() is not None and device.version == BACK
