"""The signed repository: forward only, keys apart, a kill leaves the old or the new state."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import bundles as samples
from support import repositories as sites

from keyart.errors import BundleDamaged, BundleMissing, BundleRefused, SettingError
from keyart_server.signing import tuf_keys
from keyart_server.signing.repository import VERSIONS_KEPT, Repository


def test_published_files_are_the_bundle_byte_for_byte(tmp_path: Path) -> None:
    made = sites.repository(tmp_path, 7)
    for path in (tmp_path / "bundle-7-0").iterdir():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert (made.targets / "7" / f"{digest}.{path.name}").read_bytes() == path.read_bytes()
        assert (made.bundles / "7" / path.name).read_bytes() == path.read_bytes()
    assert len(list(made.targets.glob("7/*"))) == len(list(made.bundles.glob("7/*"))) == 6
    names = {path.name for path in (made.folder / "metadata").iterdir()}
    expected = {
        "1.root.json",
        "timestamp.json",
        *(f"{n}.{r}.json" for n in (1, 2) for r in ("snapshot", "targets")),
    }
    assert names == expected
    assert made.newest == 7
    assert Repository.open(made.folder, tmp_path / "keys").newest == 7


def test_keys_are_private_and_apart(tmp_path: Path) -> None:
    sites.repository(tmp_path)
    keys = tmp_path / "keys"
    assert {path.name for path in keys.iterdir()} == {f"{role}.pem" for role in tuf_keys.ROLES}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in keys.iterdir())
    assert keys.stat().st_mode & 0o777 == 0o700
    assert len({path.read_bytes() for path in keys.iterdir()}) == 4


@pytest.mark.parametrize("secret", ["BEGIN", "PRIVATE"])
def test_no_key_is_among_what_is_served(tmp_path: Path, secret: str) -> None:
    made = sites.repository(tmp_path, 1)
    assert not any(secret.encode() in path.read_bytes() for path in made.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("version", [1, 4, 5])
def test_forward_only(tmp_path: Path, version: int) -> None:
    made = sites.repository(tmp_path, 5)
    with pytest.raises(BundleRefused, match="only go forward"):
        sites.publish(made, version, seed=1)
    assert made.newest == 5


def test_what_devices_would_refuse_is_not_published(tmp_path: Path) -> None:
    made = sites.repository(tmp_path, 1)
    bad = samples.sample_bundle(tmp_path / "bad", 2)
    path = bad / "manifest.json"
    path.write_bytes(samples.resealed(path.read_bytes(), opset=21))
    before = (made.folder / "metadata" / "timestamp.json").read_bytes()
    with pytest.raises(BundleRefused, match="opset 21"):
        made.publish(bad)
    with pytest.raises(BundleRefused, match=r"off by|another artwork"):
        made.publish(samples.sample_bundle(tmp_path / "b3", 3), run=samples.run_of(samples.weights(1)))
    assert (made.folder / "metadata" / "timestamp.json").read_bytes() == before
    assert {path.name for path in made.targets.iterdir()} == {path.name for path in made.bundles.iterdir()} == {"1"}


def test_online_keys_refresh_but_do_not_publish(tmp_path: Path) -> None:
    made = sites.repository(tmp_path, 1)
    for role in ("root", "targets"):
        tuf_keys.path_of(tmp_path / "keys", role).rename(tmp_path / f"{role}.pem")
    made.refresh()
    with pytest.raises(SettingError, match="offline keys"):
        sites.publish(made, 2)
    with pytest.raises(SettingError, match="offline keys"):
        made.renew()
    assert made.newest == 1


@pytest.mark.parametrize("damage", ["open to others", "another key", "no key"])
def test_keys_that_cannot_be_used(tmp_path: Path, damage: str) -> None:
    made = sites.repository(tmp_path)
    path = tuf_keys.path_of(tmp_path / "keys", "targets")
    if damage == "open to others":
        path.chmod(0o644)
    elif damage == "another key":
        path.unlink()
        tuf_keys.create(path)
    else:
        path.write_text("hello")
    with pytest.raises(SettingError, match=r"chmod 600|not the key of|not a private key"):
        sites.publish(made, 1)


def test_only_one_repository_a_folder(tmp_path: Path) -> None:
    sites.repository(tmp_path)
    with pytest.raises(BundleRefused, match="already"):
        Repository.create(tmp_path / "site", tmp_path / "keys")
    with pytest.raises(BundleMissing, match=r"Repository\.create"):
        Repository.open(tmp_path / "nowhere", tmp_path / "keys")


@pytest.mark.parametrize("name", ["1.root.json", "2.targets.json", "2.snapshot.json", "timestamp.json"])
def test_nothing_is_signed_on_top_of_damage(tmp_path: Path, name: str) -> None:
    made = sites.repository(tmp_path, 1)
    path = made.folder / "metadata" / name
    path.write_bytes(path.read_bytes().replace(b'"sig":"', b'"sig":"0'))
    with pytest.raises(BundleDamaged, match="restore"):
        made.refresh()


def test_refresh_keeps_devices_going(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = sites.repository(tmp_path, 1, clock=sites.days_ago(5))
    Repository(made.folder, tmp_path / "keys", clock=sites.days_ago(5)).refresh()
    names = {path.name for path in (made.folder / "metadata").iterdir()}
    assert "3.snapshot.json" not in names, "a snapshot with most of its life left is not signed anew"
    Repository.open(made.folder, tmp_path / "keys").refresh()
    assert sites.device(made).update() is not None
    assert not caplog.records


def test_refresh_warns_before_offline_roles_expire(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = sites.repository(tmp_path, 1, clock=sites.days_ago(80))
    with caplog.at_level(logging.WARNING, "keyart.server"):
        Repository.open(made.folder, tmp_path / "keys").refresh()
    assert "targets expires" in caplog.text
    assert "root expires" not in caplog.text


def test_old_bundles_leave_the_list_and_stay_on_disk(tmp_path: Path) -> None:
    made = sites.repository(tmp_path, *range(1, VERSIONS_KEPT + 3))
    newest = max((made.folder / "metadata").glob("*.targets.json"), key=lambda p: int(p.name.split(".")[0]))
    listed = {path.split("/")[0] for path in json.loads(newest.read_bytes())["signed"]["targets"]}
    assert listed == {str(version) for version in range(3, VERSIONS_KEPT + 3)}
    assert (made.bundles / "1" / "manifest.json").exists() and len(list(made.targets.glob("1/*"))) == 6


def test_a_repository_of_before_gets_digests_in_its_names(tmp_path: Path) -> None:
    """keyart 0.1 served targets by their plain names; a kill in the middle of the change is made good."""
    made = sites.repository(tmp_path, 1, 2)
    after = {path.relative_to(made.folder) for path in made.folder.rglob("*")}
    shutil.rmtree(made.targets)
    made.bundles.rename(made.targets)
    (made.folder / ".bundles").mkdir()
    (made.targets / "2").rename(made.folder / ".bundles" / "2")
    reopened = Repository.open(made.folder, tmp_path / "keys")
    assert {path.relative_to(made.folder) for path in made.folder.rglob("*")} == after
    assert sites.device(reopened).update() is not None
    sites.publish(reopened, 3)


@pytest.mark.parametrize("role", tuf_keys.ROLES)
def test_a_replaced_key_is_followed_and_the_old_one_is_worth_nothing(tmp_path: Path, role: str) -> None:
    made = sites.repository(tmp_path, 1)
    device = sites.device(made)
    device.update()
    stolen = tmp_path / "stolen"
    shutil.copytree(tmp_path / "keys", stolen)
    made.renew(replace=[role])
    sites.publish(made, 2)
    assert device.update() is not None
    assert sites.device(made, "new device").update() is not None
    assert not list((tmp_path / "keys").glob("*.next.pem"))
    with pytest.raises(SettingError, match="is not the key of"):
        Repository(made.folder, stolen).renew()


def test_renewing_all_keys_again_and_again(tmp_path: Path) -> None:
    made = sites.repository(tmp_path, 1)
    device = sites.device(made)
    for version in (2, 3):
        made.renew(replace=tuf_keys.ROLES)
        sites.publish(made, version)
        assert device.update() is not None
    made.renew()
    assert sites.device(made, "new device").update() is not None
    with pytest.raises(SettingError, match="no role 'mirror'"):
        made.renew(replace=["mirror"])


KILLER = """
import os, signal, sys
from pathlib import Path
from keyart_server.signing.repository import Repository
site, keys, action, deadly, bundle = sys.argv[1:]
count = 0
def step(name):
    global count
    count += 1
    if count == int(deadly):
        os.kill(os.getpid(), signal.SIGKILL)
made = Repository(Path(site), Path(keys), step=step)
if action == "publish":
    made.publish(bundle)
elif action == "refresh":
    made.refresh()
else:
    made.renew(replace=["root", "targets", "snapshot", "timestamp"])
"""


KILLED = ["refresh", *(pytest.param(action, marks=pytest.mark.slow) for action in ("publish", "renew"))]


@pytest.mark.parametrize("action", KILLED)
def test_killed_before_each_write(tmp_path: Path, action: str) -> None:
    """A device that knew the old state, and one that knows nothing, both go on; so does the operator."""
    samples.sample_bundle(tmp_path / "next", 2, 1)
    made = sites.repository(tmp_path / "start", 1)
    steps = {"publish": 4, "refresh": 1, "renew": 5}[action]
    for deadly in range(1, steps + 2):
        here = tmp_path / f"kill{deadly}"
        shutil.copytree(tmp_path / "start", here)
        made = Repository.open(here / "site", here / "keys")
        known = sites.device(made)
        known.update()
        arguments = [here / "site", here / "keys", action, str(deadly), tmp_path / "next"]
        done = subprocess.run([sys.executable, "-c", KILLER, *map(str, arguments)], check=False)
        assert done.returncode == (-signal.SIGKILL if deadly <= steps else 0), "the steps are not those tested"
        known.update()
        fresh = sites.device(made, "fresh")
        fresh.update()
        assert known.version == fresh.version == (2 if action == "publish" and deadly > steps else 1)
        again = Repository.open(here / "site", here / "keys")
        if again.newest == 1:
            again.publish(tmp_path / "next")
        again.refresh()
        again.renew(replace=["timestamp"])
        known.update()
        fresh.update()
        assert known.version == fresh.version == 2


def test_a_half_published_version_is_burned_if_its_bytes_change(tmp_path: Path) -> None:
    made = sites.repository(tmp_path, 1)
    shutil.copytree(samples.sample_bundle(tmp_path / "b2", 2), made.bundles / "2")
    with pytest.raises(BundleRefused, match="partly published"):
        made.publish(samples.sample_bundle(tmp_path / "other", 2, seed=1))
    assert made.publish(tmp_path / "b2").model_version == 2


def test_create_can_be_killed_too(tmp_path: Path) -> None:
    made = sites.repository(tmp_path)
    (made.folder / "metadata" / "timestamp.json").unlink()  # the last file that create writes
    root = made.trusted_root
    again = Repository.create(made.folder, tmp_path / "keys")
    sites.publish(again, 1)
    assert json.loads(root)["signed"]["keys"] == json.loads(again.trusted_root)["signed"]["keys"]
    assert sites.device(again).update() is not None
