"""New keys for the repository: devices follow, the audit log knows, and what is left where that of root is gone."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import bundle_samples
import httpx
import pytest
import repository_samples as sites
from server_samples import Clock, listening

from keyart.errors import SettingError, UpdateError
from keyart_server import audit_log
from keyart_server.app import create_app
from keyart_server.bundles import key_rotation
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings
from keyart_server.signing import tuf_keys
from keyart_server.signing.repository import Repository


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Files are files, whatever the database."""
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def publish(service: Service, tmp_path: Path) -> Callable[[int], None]:
    def published(version: int) -> None:
        service.bundles.publish(bundle_samples.sample_bundle(tmp_path / f"bundle-{version}", version))

    published(1)
    return published


def device(service: Service, tmp_path: Path, name: str) -> sites.Device:
    """One whose app was built now."""
    return sites.Device(tmp_path / name, service.data.tuf, (service.data.tuf / "root.json").read_bytes())


def logged(service: Service) -> list[tuple[str, str]]:
    with service.state.reading() as session:
        audit_log.verify(session)
        return [(entry.action, entry.details) for entry in audit_log.newest(session, 100)]


@pytest.mark.parametrize("roles", [[role] for role in tuf_keys.ROLES] + [list(tuf_keys.ROLES)], ids="+".join)
def test_devices_follow_over_a_rotation(service: Service, publish, tmp_path: Path, roles: list[str]) -> None:
    known, late = device(service, tmp_path, "known"), device(service, tmp_path, "late")
    assert known.update() is not None
    before = {role: tuf_keys.path_of(service.data.keys, role).read_bytes() for role in tuf_keys.ROLES}
    assert key_rotation.rotate(service, roles, "person:Robin") == 2
    after = {role: tuf_keys.path_of(service.data.keys, role).read_bytes() for role in tuf_keys.ROLES}
    assert {role for role in tuf_keys.ROLES if before[role] != after[role]} == set(roles)
    assert known.update() is None, "a device follows without a new bundle, too"
    publish(2)
    new = device(service, tmp_path, "new")
    assert new.root == (service.data.tuf / "metadata" / "2.root.json").read_bytes() != late.root
    for one in (known, late, new):
        assert one.update() is not None and one.version == 2
    assert [action for action, _ in logged(service)][:2] == ["keys.rotated", "keys.rotate"]
    service.bundles.refresh()


def test_who_found_an_old_key_signs_nothing(service: Service, publish, tmp_path: Path) -> None:
    stolen = tmp_path / "stolen"
    shutil.copytree(service.data.keys, stolen)
    key_rotation.rotate(service, tuf_keys.ROLES)
    for act in (Repository(service.data.tuf, stolen).refresh, Repository(service.data.tuf, stolen).check_keys):
        with pytest.raises(SettingError, match="is not the key of"):
            act()


def test_an_exposed_root_key_misleads_only_who_starts_from_the_old_root(service: Service, publish, tmp_path) -> None:
    """The thief signs a second 2.root.json: an app that ships the new root, or has followed, does not fall for it."""
    old = device(service, tmp_path, "old")
    followed = device(service, tmp_path, "followed")
    followed.update()
    theirs = tmp_path / "theirs"
    shutil.copytree(service.data.tuf, theirs / "site")
    shutil.copytree(service.data.keys, theirs / "keys")
    key_rotation.rotate(service, ["root"])
    followed.update()
    new = device(service, tmp_path, "new")
    thief = Repository.open(theirs / "site", theirs / "keys")
    thief.renew(["targets", "snapshot", "timestamp"])
    thief.publish(bundle_samples.sample_bundle(tmp_path / "evil", 66, seed=3))
    for one in (old, followed, new):
        one.site = theirs / "site"
    assert old.update() is not None and old.version == 66, "which is why the app has to be built again at once"
    for one in (followed, new):
        with pytest.raises(UpdateError):
            one.update()
        assert one.version != 66


def test_renewed_before_the_offline_roles_end(service: Service, publish, clock: Clock, tmp_path, caplog) -> None:
    known = device(service, tmp_path, "known")
    known.update()
    clock.pass_by(days=80)
    service.bundles.refresh()
    assert "targets expires in 9 days" in caplog.text
    caplog.clear()
    assert key_rotation.renew(service, "person:Robin") == 2
    service.bundles.refresh()
    assert "expires" not in caplog.text
    publish(2)
    assert [action for action, _ in logged(service)][:2] == ["keys.renewed", "keys.renew"]


def test_what_cannot_be_rotated(service: Service, publish, tmp_path: Path) -> None:
    for wrong in ([], ["mirror"], ["root", "mirror"]):
        with pytest.raises(SettingError, match="Name the roles"):
            key_rotation.rotate(service, wrong)
    before = logged(service)
    key = tuf_keys.path_of(service.data.keys, "root")
    key.rename(tmp_path / "root.pem")
    with pytest.raises(SettingError, match="offline keys"):
        key_rotation.rotate(service, ["timestamp"])
    assert service.bundles.newest() == 1 and len(before) + 1 == len(logged(service))


def test_killed_at_each_step(tmp_path: Path) -> None:
    """The audit log has the beginning whenever a key is new, and the same call again finishes."""
    settings = ServerSettings(tmp_path / "data")
    with open_service(settings) as service:
        service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "1", 1))
        known = device(service, tmp_path, "known")
    for deadly in range(1, 20):
        child = os.fork()
        if child == 0:
            _rotate_and_die(settings, deadly)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with open_service(settings) as service:
            actions = [action for action, _ in logged(service)]
            begun, ended = actions.count("keys.rotate"), actions.count("keys.rotated")
            roots = Repository.open(service.data.tuf, service.data.keys).root_version
            assert ended < roots <= 1 + begun or roots == 1
            known.update()
            key_rotation.rotate(service, tuf_keys.ROLES)
            known.update()
            assert known.version == 1
        if code == 0:
            assert deadly == 8
            return
        assert code == -signal.SIGKILL
    pytest.fail("it never ended")


def _rotate_and_die(settings: ServerSettings, deadly: int) -> None:
    """In a process of its own: killed at that step, of two writes of the log and five of the repository."""
    count = 0

    def step(_: str = "") -> None:
        nonlocal count
        count += 1
        if count == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        with open_service(settings) as service:
            append, make = audit_log.append, Repository.__init__

            def appended(*positional, **named):
                entry = append(*positional, **named)
                step()
                return entry

            def made(self, folder, keys, clock, _=None):
                make(self, folder, keys, clock, step)

            key_rotation.audit_log.append, Repository.__init__ = appended, made  # type: ignore[method-assign,assignment]
            key_rotation.rotate(service, tuf_keys.ROLES)
        os._exit(0)
    finally:
        os._exit(1)


def test_a_lost_root_key_means_a_new_repository_and_a_new_build_of_the_app(tmp_path: Path) -> None:
    """Publishing goes on until the root ends. Then: metadata aside, a new root, and trust in a new folder."""
    with open_service(ServerSettings(tmp_path / "data")) as service:
        service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "1", 1))
        known = device(service, tmp_path, "known")
        known.update()
        tuf_keys.path_of(service.data.keys, "root").unlink()
        service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "2", 2))
        assert known.update() is not None, "without it, publishing goes on"
        with pytest.raises(SettingError, match="offline keys"):
            key_rotation.renew(service)

        (service.data.tuf / "metadata").rename(tmp_path / "old-metadata")
        service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "3", 3))
        with pytest.raises(UpdateError):
            known.update()
        rebuilt = device(service, tmp_path, "rebuilt")
        shutil.copytree(known.home / "slots", rebuilt.home / "slots")
        assert rebuilt.update() is not None and rebuilt.version == 3, "its model and its profile stay"


@pytest.fixture
def client(service: Service, publish) -> Iterator[httpx.Client]:
    with listening(create_app(service)) as made:
        yield made


@pytest.fixture
def over_http(client: httpx.Client, service: Service, tmp_path: Path) -> tuple[sites.Device, list[tuple[str, int]]]:
    """A device, and what it fetches: paths with bytes, headers included."""
    fetched: list[tuple[str, int]] = []
    one = device(service, tmp_path, "device")

    def fetch(path: str) -> bytes:
        answer = client.get(f"/tuf/{path}")
        head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
        fetched.append((path, head + len(answer.content)))
        if answer.status_code == 404:
            raise FileNotFoundError(path)
        return answer.raise_for_status().content

    one.fetch = fetch  # type: ignore[method-assign]
    return one, fetched


def test_what_a_device_fetches(over_http, service: Service, publish, clock: Clock) -> None:
    """Nothing new: below 4 kB, headers included. A new bundle: its files, and one list of the bundles kept."""
    one, fetched = over_http
    one.update()
    for version in range(2, 25):
        publish(version)
    one.update()
    fetched.clear()
    assert one.update() is None
    assert [path for path, _ in fetched] == ["metadata/2.root.json", "metadata/timestamp.json"]
    assert sum(size for _, size in fetched) < 4_000
    clock.pass_by(hours=6)
    service.bundles.refresh()
    fetched.clear()
    assert one.update() is None and sum(size for _, size in fetched) < 4_000
    publish(25)
    fetched.clear()
    assert one.update() is not None
    about = sum(size for path, size in fetched if path.startswith("metadata/"))
    bundle = sum(path.stat().st_size for path in service.bundles.folder(25).iterdir())
    assert about < 40_000
    assert sum(size for _, size in fetched) < bundle + about + 6 * 1_500


def test_the_timestamp_is_asked_for_again_and_answers_304(
    client: httpx.Client, service: Service, clock: Clock
) -> None:
    first = client.get("/tuf/metadata/timestamp.json")
    again = client.get("/tuf/metadata/timestamp.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "public, max-age=60" and again.headers["etag"] == first.headers["etag"]
    clock.pass_by(hours=6)
    service.bundles.refresh()
    signed = client.get("/tuf/metadata/timestamp.json", headers={"If-None-Match": first.headers["etag"]})
    assert signed.status_code == 200 and signed.content != first.content
    key_rotation.rotate(service, ["root"])
    for path in ("metadata/2.root.json", "metadata/2.targets.json", "targets/1/manifest.json"):
        assert "immutable" in client.get(f"/tuf/{path}").headers["cache-control"]
    assert "immutable" not in client.get("/tuf/metadata/3.root.json").headers["cache-control"], (
        "it may come any minute"
    )
