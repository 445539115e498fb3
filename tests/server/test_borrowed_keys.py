"""Offline keys are on the server only while they sign: publishing, rotation and renewal with a medium."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import bundles as bundle_samples
from support import repositories as sites

from keyart.errors import SettingError
from keyart_server.signing.borrowed_keys import borrowed_keys
from keyart_tools.cli import main

ONLINE = {"offers.pem", "sealing.pem", "snapshot.pem", "timestamp.pem"}


def keyart(*words: object) -> dict[str, object]:
    done = CliRunner().invoke(main, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def keys_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.pem")}


@pytest.fixture
def offline(tmp_path: Path) -> Path:
    """The medium after the ceremony, beside a data folder."""
    data = tmp_path / "data"
    keyart("keys", "create", "--offline", tmp_path / "medium", "--data", data, "--no-passphrase")
    return tmp_path / "medium"


def test_a_first_bundle_is_published_with_a_medium(offline: Path, tmp_path: Path) -> None:
    data, before = tmp_path / "data", keys_in(offline)
    bundle = bundle_samples.sample_bundle(tmp_path / "7", 7)

    words = ("publish", "--data", data, "--bundle", bundle, "--offline", offline)
    assert keyart(*words) == {"version": 7, "published": True}
    assert keyart(*words) == {"version": 7, "published": False}

    assert set(keys_in(data / "keys")) == ONLINE and keys_in(offline) == before
    device = sites.Device(tmp_path / "device", data / "tuf", (data / "tuf" / "root.json").read_bytes())
    assert device.update().model_version == 7


def test_rotated_keys_go_to_the_medium(offline: Path, tmp_path: Path) -> None:
    data, before = tmp_path / "data", keys_in(offline)
    rotated = keyart("keys", "rotate", "targets", "snapshot", "--data", data, "--offline", offline)
    after = keys_in(offline)

    assert rotated == {"root": 2, "rotated": ["snapshot", "targets"]}
    assert set(after) == set(before) and {name for name in after if after[name] != before[name]} == {"targets.pem"}
    assert set(keys_in(data / "keys")) == ONLINE
    assert all(path.stat().st_mode & 0o077 == 0 for path in offline.glob("*.pem"))
    assert keyart("keys", "renew", "--data", data, "--offline", offline) == {"root": 3, "rotated": []}


def test_keys_are_taken_back_after_an_error(offline: Path, tmp_path: Path) -> None:
    keys = tmp_path / "data" / "keys"
    with pytest.raises(ZeroDivisionError), borrowed_keys(keys, offline):
        assert (keys / "targets.pem").exists()
        raise ZeroDivisionError
    assert not list(keys.glob("root*.pem")) and not list(keys.glob("targets*.pem"))


def test_a_key_that_the_medium_does_not_take_stays(offline: Path, tmp_path: Path) -> None:
    keys = tmp_path / "data" / "keys"
    with pytest.raises(SettingError, match="move it to a safe place"), borrowed_keys(keys, offline):
        (keys / "root.pem").write_bytes(b"replaced")
        for path in offline.glob("*.pem"):
            path.unlink()
        offline.rmdir()
    assert (keys / "root.pem").read_bytes() == b"replaced"


def test_a_medium_without_keys_is_refused(offline: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for words in (("keys", "renew"), ("publish", "--bundle", bundle_samples.sample_bundle(tmp_path / "7", 7))):
        done = CliRunner().invoke(
            main, [*map(str, words), "--data", str(tmp_path / "data"), "--offline", str(tmp_path / "empty")]
        )
        assert done.exit_code == 1 and "holds no key of" in done.output
