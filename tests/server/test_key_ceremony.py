"""Keys that are created away from the server: thresholds, encryption, and what a single key is worth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import bundles as bundle_samples
from support import repositories as sites
from tuf.api.metadata import Metadata, MetaFile

from keyart.errors import BundleRefused, SettingError, UpdateError
from keyart_server.bundles import PublishedBundles
from keyart_server.clock import now
from keyart_server.data_folder import DataFolder
from keyart_server.signing import tuf_keys
from keyart_server.signing.key_ceremony import RoleKeys, create_offline_keys
from keyart_server.signing.repository import Repository
from keyart_tools.cli import main

SECRET = "correct horse battery staple"
ROLES = {"root": RoleKeys(2, 3), "targets": RoleKeys(2, 2)}


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    """A data folder after the ceremony, root 2 of 3 and targets 2 of 2; the offline keys are elsewhere."""
    made = DataFolder(tmp_path / "data")
    create_offline_keys(made, tmp_path / "offline", ROLES, SECRET)
    return made


def bring(data: DataFolder, tmp_path: Path, *names: str) -> None:
    for name in names:
        copy = data.keys / name
        copy.write_bytes((tmp_path / "offline" / name).read_bytes())
        copy.chmod(0o600)


def take_away(data: DataFolder) -> None:
    for path in (*data.keys.glob("root*.pem"), *data.keys.glob("targets*.pem")):
        path.unlink()


def device(data: DataFolder, tmp_path: Path, name: str = "device") -> sites.Device:
    return sites.Device(tmp_path / name, data.tuf, (data.tuf / "root.json").read_bytes())


def test_no_offline_key_is_in_the_data_folder(data: DataFolder, tmp_path: Path) -> None:
    assert {path.name for path in data.keys.iterdir()} == {"snapshot.pem", "timestamp.pem"}
    offline = sorted((tmp_path / "offline").iterdir())
    names = ["root-2.pem", "root-3.pem", "root.pem", "targets-2.pem", "targets.pem"]
    assert [path.name for path in offline] == names
    for path in offline:
        assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes() and path.stat().st_mode & 0o777 == 0o600
    root = Metadata.from_bytes((data.tuf / "root.json").read_bytes())
    roles = root.signed.roles
    assert {name: (role.threshold, len(role.keyids)) for name, role in roles.items()} == {
        "root": (2, 3), "targets": (2, 2), "snapshot": (1, 1), "timestamp": (1, 1)
    }  # fmt: skip
    assert len(root.signatures) == 3
    bundles = PublishedBundles(data, now)
    bundles.refresh()
    assert device(data, tmp_path).update() is None


def test_a_release_needs_both_targets_keys(data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundles, seven = PublishedBundles(data, now), bundle_samples.sample_bundle(tmp_path / "7", 7)
    with pytest.raises(SettingError, match="targets key"):
        bundles.publish(seven)
    monkeypatch.setenv(tuf_keys.PASSPHRASE_VARIABLE, SECRET)
    bring(data, tmp_path, "targets-2.pem")
    with pytest.raises(SettingError, match=r"2 keys of 'targets' must sign, and .* holds 1"):
        bundles.publish(seven)
    bring(data, tmp_path, "targets.pem")
    assert bundles.publish(seven) is not None
    assert device(data, tmp_path).update() is not None


@pytest.mark.parametrize(
    ("secret", "message"), [("", "is encrypted; set KEYART_KEY_PASSPHRASE"), ("wrong", "is not its passphrase")]
)
def test_an_encrypted_key_without_its_passphrase(
    data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str, message: str
) -> None:
    monkeypatch.setenv(tuf_keys.PASSPHRASE_VARIABLE, secret)
    bring(data, tmp_path, "targets.pem", "targets-2.pem")
    with pytest.raises(SettingError, match=message):
        PublishedBundles(data, now).publish(bundle_samples.sample_bundle(tmp_path / "7", 7))


def test_the_thief_of_one_targets_key_and_the_online_keys_publishes_nothing(
    data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metadata that one of two keys has signed, twice if need be, is refused."""
    monkeypatch.setenv(tuf_keys.PASSPHRASE_VARIABLE, SECRET)
    stolen = tuf_keys.read(tmp_path / "offline" / "targets.pem")
    online = {role: tuf_keys.read(data.keys / f"{role}.pem") for role in ("snapshot", "timestamp")}

    def forged(name: str, signer: Any, change: Callable[[Any], object]) -> bytes:
        metadata: Metadata[Any] = Metadata.from_bytes((data.tuf / "metadata" / name).read_bytes())
        metadata.signed.version = 2
        change(metadata.signed)
        metadata.signatures.clear()
        metadata.sign(signer, append=True)
        metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def described(content: bytes) -> MetaFile:
        return MetaFile.from_data(2, content, ["sha256"])

    targets = forged("1.targets.json", stolen, lambda signed: None)
    meta = {"targets.json": described(targets)}
    snapshot = forged("1.snapshot.json", online["snapshot"], lambda signed: signed.meta.update(meta))
    timestamp = forged(
        "timestamp.json", online["timestamp"], lambda signed: setattr(signed, "snapshot_meta", described(snapshot))
    )
    victim = device(data, tmp_path)
    victim.answers = {
        "metadata/timestamp.json": timestamp, "metadata/2.snapshot.json": snapshot, "metadata/2.targets.json": targets
    }  # fmt: skip
    with pytest.raises(UpdateError, match="not signed by the keys"):
        victim.update()


def test_two_of_three_root_keys_replace_all_keys(
    data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One root key is lost; devices follow, and the new keys are encrypted as the old ones were."""
    monkeypatch.setenv(tuf_keys.PASSPHRASE_VARIABLE, SECRET)
    bundles, known = PublishedBundles(data, now), device(data, tmp_path, "known")
    bring(data, tmp_path, "root.pem", "targets.pem", "targets-2.pem")
    bundles.publish(bundle_samples.sample_bundle(tmp_path / "7", 7))
    known.update()
    with pytest.raises(SettingError, match=r"2 keys of 'root' must sign"):
        bundles.renew()
    bring(data, tmp_path, "root-3.pem")
    before = {path.name: path.read_bytes() for path in (tmp_path / "offline").iterdir()}
    assert bundles.renew(tuf_keys.ROLES) == 2
    assert {path.name for path in data.keys.iterdir()} == {*before, "snapshot.pem", "timestamp.pem"}
    for name, old in before.items():
        assert (data.keys / name).read_bytes() != old and b"ENCRYPTED" in (data.keys / name).read_bytes()
    bundles.publish(bundle_samples.sample_bundle(tmp_path / "8", 8))
    for one in (known, device(data, tmp_path, "new")):
        assert one.update() is not None and one.version == 8
    stolen = tmp_path / "stolen"
    stolen.mkdir()
    for name, old in before.items():
        (stolen / name).write_bytes(old)
        (stolen / name).chmod(0o600)
    with pytest.raises(SettingError, match="is not the key of"):
        Repository(data.tuf, stolen).renew()
    take_away(data)
    bundles.refresh()


def test_nothing_is_overwritten(data: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="exists already"):
        create_offline_keys(DataFolder(tmp_path / "other"), tmp_path / "offline", ROLES, SECRET)
    with pytest.raises(BundleRefused, match="already holds a repository"):
        create_offline_keys(data, tmp_path / "offline2", ROLES, SECRET)
    assert not (tmp_path / "offline2").exists() and not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("offline", "roles", "secret", "message"),
    [
        ("data/keys", ROLES, SECRET, "inside the data folder"),
        ("offline", {"root": RoleKeys(3, 2)}, SECRET, "cannot sign"),
        ("offline", ROLES, "short", "at least 16 characters"),
    ],
)
def test_what_is_refused(tmp_path: Path, offline: str, roles: Any, secret: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        create_offline_keys(DataFolder(tmp_path / "data"), tmp_path / offline, roles, secret)
    assert not list(tmp_path.rglob("*.pem"))


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    offline, data = tmp_path / "offline", tmp_path / "data"
    command = ["keys", "create", "--offline", str(offline), "--data", str(data)]
    typed = CliRunner().invoke(main, command, input=f"{SECRET}\n{SECRET}\n")
    assert typed.exit_code == 0, typed.output
    assert SECRET not in typed.output and "root-3.pem" in typed.output and "root.json" in typed.output
    assert CliRunner().invoke(main, command, input=f"{SECRET}\n{SECRET}\n").exit_code == 1
    wrong = CliRunner().invoke(main, [*command, "--root", "3/2"])
    assert wrong.exit_code == 2 and "K/N" in wrong.output
    monkeypatch.setenv(tuf_keys.PASSPHRASE_VARIABLE, SECRET)
    other = [
        "keys", "create", "--offline", str(tmp_path / "o"), "--data", str(tmp_path / "d"), "--targets", "2/2",
        "--json",
    ]  # fmt: skip
    said = json.loads(CliRunner().invoke(main, other).stdout)
    assert [Path(path).name for path in said["offline"]] == [
        "root.pem", "root-2.pem", "root-3.pem", "targets.pem", "targets-2.pem"
    ]  # fmt: skip
    assert Path(said["root"]) == tmp_path / "d" / "tuf" / "root.json"
