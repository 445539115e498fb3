"""A server, a cache or a network that lies: no update is taken from it, and the old bundle serves on."""

from __future__ import annotations

import json
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from support import bundles as samples
from support import repositories as sites
from support.repositories import Device
from tuf.api.metadata import Metadata, MetaFile, TargetFile

from keyart.bundle.update import install_update
from keyart.errors import BundleError, BundleRefused, UpdateError
from keyart_server.signing import tuf_keys
from keyart_server.signing.repository import Repository


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model 1 is published; a device has it, and then model 2 is published. Copied for each test."""
    folder = tmp_path_factory.mktemp("prepared")
    made = sites.repository(folder, 1)
    sites.device(made).update()
    shutil.copytree(made.folder, folder / "before")
    sites.publish(made, 2)
    return folder


@pytest.fixture
def site(prepared: Path, tmp_path: Path) -> Repository:
    shutil.copytree(prepared, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Repository(tmp_path / "site", tmp_path / "keys")


@pytest.fixture
def victim(site: Repository) -> Device:
    return sites.device(site)


def refused(victim: Device, message: str, error: type[BundleError] = UpdateError) -> None:
    """The update fails with words, model 1 serves on, and nothing half-way is left."""
    with pytest.raises(error, match=message):
        victim.update()
    assert victim.version == 1
    assert not (victim.home / "tuf" / "downloads").exists()
    assert not (victim.slots.folder / ".staging").exists()


def heals(victim: Device) -> None:
    victim.answers.clear()
    manifest = victim.update()
    assert manifest is not None
    assert manifest.model_version == victim.version == 2
    assert victim.update() is None


def forge(site: Repository, name: str, change: Callable[[Any], None], *signers: CryptoSigner) -> bytes:
    """Metadata file `name`, changed, and signed by whom the attacker has."""
    metadata: Metadata[Any] = Metadata.from_bytes((site.metadata / name).read_bytes())
    change(metadata.signed)
    metadata.signatures.clear()
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def key(site: Repository, role: str) -> CryptoSigner:
    return tuf_keys.read(tuf_keys.path_of(site.keys, role))


def test_without_an_attacker(site: Repository, victim: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_connection(*arguments: object) -> None:
        raise AssertionError("the SDK opened a connection")

    monkeypatch.setattr(socket.socket, "connect", no_connection)
    monkeypatch.setattr(socket, "getaddrinfo", no_connection)
    heals(victim)
    assert "targets/2/manifest.json" in victim.asked


def test_nothing_published_is_nothing_new(tmp_path: Path) -> None:
    device = sites.device(sites.repository(tmp_path))
    assert device.update() is None
    assert device.version is None


# Forged


def test_a_timestamp_signed_by_a_stranger(site: Repository, victim: Device) -> None:
    bad = forge(site, "timestamp.json", lambda signed: None, CryptoSigner.generate_ed25519())
    victim.answers["metadata/timestamp.json"] = bad
    refused(victim, "not signed by the keys")
    heals(victim)


def test_a_timestamp_that_nobody_signed(site: Repository, victim: Device) -> None:
    victim.answers["metadata/timestamp.json"] = forge(site, "timestamp.json", lambda signed: None)
    refused(victim, "not signed by the keys")


def test_a_timestamp_signed_by_the_key_of_another_role(site: Repository, victim: Device) -> None:
    bad = forge(site, "timestamp.json", lambda signed: None, key(site, "targets"))
    victim.answers["metadata/timestamp.json"] = bad
    refused(victim, "not signed by the keys")


def test_a_whole_repository_of_strangers(tmp_path: Path, victim: Device) -> None:
    other = sites.repository(tmp_path / "other", 2)
    victim.site = other.folder
    refused(victim, "not signed by the keys")


def test_a_root_that_names_the_attacker_and_is_signed_by_him_alone(site: Repository, victim: Device) -> None:
    mallory = CryptoSigner.generate_ed25519()

    def takeover(root: Any) -> None:
        root.version = 2
        for role in tuf_keys.ROLES:
            root.revoke_key(root.roles[role].keyids[0], role)
            root.add_key(mallory.public_key, role)

    victim.answers["metadata/2.root.json"] = forge(site, "1.root.json", takeover, mallory)
    refused(victim, "not signed by the keys")
    heals(victim)


def test_a_root_that_lowers_nothing_but_skips_a_version(site: Repository, victim: Device) -> None:
    bad = forge(site, "1.root.json", lambda root: setattr(root, "version", 3), key(site, "root"))
    victim.answers["metadata/2.root.json"] = bad
    refused(victim, "gone back|version")


def test_the_online_keys_alone_publish_nothing(site: Repository, victim: Device) -> None:
    """Who breaks into the server has snapshot and timestamp; targets stay offline."""
    mallory = key(site, "snapshot")
    evil = b"evil"

    def add(targets: Any) -> None:
        targets.version = 9
        targets.targets["9/manifest.json"] = TargetFile.from_data("9/manifest.json", evil)

    targets = forge(site, "3.targets.json", add, mallory)

    def point(snapshot: Any) -> None:
        snapshot.version = 9
        snapshot.meta["targets.json"] = MetaFile.from_data(9, targets, ["sha256"])

    snapshot = forge(site, "3.snapshot.json", point, mallory)

    def announce(timestamp: Any) -> None:
        timestamp.version = 9
        timestamp.snapshot_meta = MetaFile.from_data(9, snapshot, ["sha256"])

    victim.answers = {
        "metadata/timestamp.json": forge(site, "timestamp.json", announce, key(site, "timestamp")),
        "metadata/9.snapshot.json": snapshot,
        "metadata/9.targets.json": targets,
        "targets/9/manifest.json": evil,
    }
    refused(victim, "not signed by the keys")


# Old


def test_rollback_to_an_old_timestamp(tmp_path: Path, site: Repository, victim: Device) -> None:
    heals(victim)
    victim.answers["metadata/timestamp.json"] = (tmp_path / "before/metadata/timestamp.json").read_bytes()
    with pytest.raises(UpdateError, match="gone back to an older state"):
        victim.update()
    assert victim.version == 2


def test_rollback_of_a_device_that_lost_its_memory(tmp_path: Path, site: Repository, victim: Device) -> None:
    heals(victim)
    shutil.rmtree(victim.home / "tuf")
    victim.site = tmp_path / "before"
    with pytest.raises(BundleRefused, match="only go forward"):
        victim.update()
    assert victim.version == 2


def test_rollback_to_an_empty_repository(tmp_path: Path, victim: Device) -> None:
    shutil.rmtree(victim.home / "tuf")
    empty = sites.repository(tmp_path / "empty")
    victim.site, victim.root = empty.folder, empty.trusted_root
    refused(victim, "no model", BundleRefused)


def test_freeze_by_an_expired_timestamp(tmp_path: Path) -> None:
    made = sites.repository(tmp_path, 1, 2, clock=sites.days_ago(3))
    device = sites.device(made)
    with pytest.raises(UpdateError, match=r"expired.*refresh"):
        device.update()
    assert device.version is None
    Repository.open(made.folder, tmp_path / "keys").refresh()
    assert device.update() is not None


@pytest.mark.parametrize(("role", "days"), [("snapshot", 8), ("targets", 91), ("root", 366)])
def test_expired(tmp_path: Path, role: str, days: int) -> None:
    made = sites.repository(tmp_path, 1, clock=sites.days_ago(days))
    fresh = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    device = sites.device(made)

    def wait(signed: Any) -> None:
        signed.expires = fresh
        signed.version += 1

    device.answers["metadata/timestamp.json"] = forge(made, "timestamp.json", wait, key(made, "timestamp"))
    if role != "snapshot":
        Repository.open(made.folder, tmp_path / "keys").refresh()
        del device.answers["metadata/timestamp.json"]
    with pytest.raises(UpdateError, match=f"(?i){role}.*expired"):
        device.update()


# Mixed


def test_an_old_snapshot_under_a_new_timestamp(site: Repository, victim: Device) -> None:
    victim.answers["metadata/3.snapshot.json"] = (site.metadata / "2.snapshot.json").read_bytes()
    refused(victim, "bytes differ")
    heals(victim)


def test_old_targets_under_a_new_snapshot(site: Repository, victim: Device) -> None:
    victim.answers["metadata/3.targets.json"] = (site.metadata / "2.targets.json").read_bytes()
    refused(victim, "bytes differ")
    heals(victim)


@pytest.mark.parametrize("name", ["manifest.json", "ranker.bin", "vectors.json"])
def test_a_file_of_the_old_bundle_in_the_new_one(tmp_path: Path, name: str) -> None:
    made = sites.repository(tmp_path, 1)
    victim = sites.device(made)
    victim.update()
    sites.publish(made, 2, seed=1)
    victim.answers[f"targets/2/{name}"] = (made.bundles / "1" / name).read_bytes()
    refused(victim, "bytes differ|more bytes than")
    heals(victim)


# Endless, absent, nonsense


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("metadata/2.root.json", 600_000),
        ("metadata/timestamp.json", 40_000),
        ("metadata/3.snapshot.json", 40_000),
        ("metadata/3.targets.json", 40_000),
        ("targets/2/manifest.json", 40_000),
        ("targets/2/ranker.bin", 40_000),
    ],
)
def test_endless_data(victim: Device, path: str, most: int) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 4096
            yield b"{" * 4096

    victim.answers[path] = endless()
    refused(victim, "more bytes than")
    assert taken < most
    heals(victim)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"null",
        b"[" * 16_000,
        b"\xff" * 100,
        "text",
        7,
        ConnectionError("no route"),
        KeyError("x"),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "path",
    ["metadata/2.root.json", "metadata/timestamp.json", "metadata/3.targets.json", "targets/2/ranker.bin"],
)
def test_nonsense(victim: Device, path: str, answer: Any) -> None:
    victim.answers[path] = answer
    refused(victim, "No update: .*The installed bundle still serves")
    heals(victim)


@pytest.mark.parametrize("path", ["metadata/timestamp.json", "metadata/3.snapshot.json", "targets/2/train.onnx"])
def test_a_file_that_is_not_there(victim: Device, path: str) -> None:
    victim.answers[path] = FileNotFoundError(path)
    refused(victim, "the repository has no")
    heals(victim)


def test_the_trusted_root_is_damaged(victim: Device) -> None:
    victim.root = victim.root.replace(b'"version":1', b'"version":2')
    refused(victim, "not signed by the keys")


# Signed, and hostile all the same: the key of targets in wrong hands


def sign_targets(site: Repository, victim: Device, change: Callable[[dict[str, TargetFile]], None]) -> None:
    """A repository state with changed targets, all of it signed by the right keys."""
    targets = forge(
        site, "3.targets.json", lambda s: (change(s.targets), setattr(s, "version", 4)), key(site, "targets")
    )

    def point(snapshot: Any) -> None:
        snapshot.version = 4
        snapshot.meta["targets.json"] = MetaFile.from_data(4, targets, ["sha256"])

    snapshot = forge(site, "3.snapshot.json", point, key(site, "snapshot"))

    def announce(timestamp: Any) -> None:
        timestamp.version += 1
        timestamp.snapshot_meta = MetaFile.from_data(4, snapshot, ["sha256"])

    victim.answers |= {
        "metadata/4.targets.json": targets,
        "metadata/4.snapshot.json": snapshot,
        "metadata/timestamp.json": forge(site, "timestamp.json", announce, key(site, "timestamp")),
    }


def serve(victim: Device, targets: dict[str, TargetFile], path: str, data: bytes) -> None:
    targets[path] = TargetFile.from_data(path, data)
    victim.answers[f"targets/{path}"] = data


@pytest.mark.parametrize("name", ["../../../escape", "/etc/escape", "a/b", "..", "C:\\x", "x\0y"])
def test_a_signed_path_that_leads_out(site: Repository, victim: Device, tmp_path: Path, name: str) -> None:
    sign_targets(site, victim, lambda targets: serve(victim, targets, f"2/{name}", b"evil"))
    refused(victim, "only plain names", BundleRefused)
    assert f"targets/2/{name}" not in victim.asked
    assert not list(tmp_path.rglob("*escape*"))


def test_a_signed_file_of_ten_gigabytes(site: Repository, victim: Device) -> None:
    def inflate(targets: dict[str, TargetFile]) -> None:
        targets["2/ranker.bin"].length = 10**10

    sign_targets(site, victim, inflate)
    refused(victim, "more than the 8,000,000", BundleRefused)
    assert not any(path.startswith("targets/") for path in victim.asked), "nothing was fetched"


def test_a_signed_bundle_that_breaks_a_rule(site: Repository, victim: Device, tmp_path: Path) -> None:
    bad = samples.resealed((site.bundles / "2" / "manifest.json").read_bytes(), opset=21)
    sign_targets(site, victim, lambda targets: serve(victim, targets, "2/manifest.json", bad))
    refused(victim, "opset 21", BundleRefused)


def test_a_signed_bundle_under_the_number_of_another(site: Repository, victim: Device) -> None:
    def renumber(targets: dict[str, TargetFile]) -> None:
        for path in (site.bundles / "2").iterdir():
            serve(victim, targets, f"3/{path.name}", path.read_bytes())

    sign_targets(site, victim, renumber)
    refused(victim, "published as 3 says it is 2", BundleRefused)


def test_a_signed_bundle_without_a_file(site: Repository, victim: Device) -> None:
    sign_targets(site, victim, lambda targets: targets.pop("2/train.onnx") and None)
    refused(victim, "lacks train.onnx", BundleError)


def test_a_model_that_scores_differently_on_this_device(victim: Device) -> None:
    victim.canary = lambda folder, manifest: samples.run_of(samples.weights(7))
    refused(victim, "off by|another artwork", BundleRefused)
    victim.canary = sites.canary
    heals(victim)


@pytest.mark.parametrize("error", [RuntimeError("bad model"), MemoryError(), ImportError("no engine")])
def test_a_model_that_does_not_load_on_this_device(victim: Device, error: Exception) -> None:
    def canary(folder: Path, manifest: object) -> Any:
        raise error

    victim.canary = canary
    refused(victim, "cannot be loaded on this device", BundleRefused)


# Flipped


def test_a_flipped_byte_anywhere(site: Repository, victim: Device, tmp_path: Path) -> None:
    """One bit at some places of every file that an update fetches; the device is as before each time."""
    heals_from = tmp_path / "snapshot-of-device"
    shutil.copytree(victim.home, heals_from)
    probe = Device(tmp_path / "probe", site.folder, victim.root)
    shutil.copytree(heals_from, probe.home)
    probe.update()
    paths = sorted(path for path in set(probe.asked) if sites.stored(site.folder, path).exists())
    assert len(paths) == 3 + 6
    rng = random.Random(3)
    for path in paths:
        good = sites.stored(site.folder, path).read_bytes()
        places = {0, len(good) - 1, *(rng.randrange(len(good)) for _ in range(5))}
        for at in places:
            flip(victim, heals_from, path, good, at, 1 << rng.randrange(8))


def test_a_flipped_bit_anywhere_in_the_timestamp(site: Repository, victim: Device, tmp_path: Path) -> None:
    """No other file vouches for its bytes: the bits are those that JSON or hex may forgive."""
    heals_from = tmp_path / "snapshot-of-device"
    shutil.copytree(victim.home, heals_from)
    path = "metadata/timestamp.json"
    good = (site.folder / path).read_bytes()
    for at in range(0, len(good), 5):
        flip(victim, heals_from, path, good, at, 0x20 if at % 2 else 0x10)
    signature = json.loads(good)["signatures"][0]["sig"]
    letter = next(at for at, digit in enumerate(signature) if digit.isalpha())
    flip(victim, heals_from, path, good, good.index(signature.encode()) + letter, 0x20)  # a capital letter
    flip(victim, heals_from, path, good, good.index(b"T", good.index(b'"expires"')), 0x20)  # a small one


def flip(victim: Device, start: Path, path: str, good: bytes, at: int, mask: int) -> None:
    bad = bytearray(good)
    bad[at] ^= mask
    shutil.rmtree(victim.home)
    shutil.copytree(start, victim.home, symlinks=True)
    victim.answers = {path: bytes(bad)}
    with pytest.raises(BundleError):
        victim.update()
    slot = victim.slots.current()
    assert slot is not None
    assert json.loads((slot / "manifest.json").read_bytes())["model_version"] == 1, (path, at, mask)


# Killed, and without python-tuf

UPDATER = """
import os, signal, sys
from pathlib import Path
from keyart.bundle import Slots
from keyart.bundle.update import install_update
home, site, deadly = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
count = 0
def tick(name):
    global count
    count += 1
    if count == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
def fetch(path):
    tick(path)
    return (site / path).read_bytes()
root = (site / "metadata/1.root.json").read_bytes()
install_update(Slots(home / "slots", step=tick), home / "tuf", fetch, root=root, canary=None)
"""


@pytest.mark.slow
def test_killed_at_each_fetch_and_each_step(site: Repository, victim: Device, tmp_path: Path) -> None:
    start = tmp_path / "snapshot-of-device"
    shutil.copytree(victim.home, start, symlinks=True)
    for deadly in (1, 2, 3, 4, 5, 10, 12, 18, 19, 20, 21, 22):
        shutil.rmtree(victim.home)
        shutil.copytree(start, victim.home, symlinks=True)
        command = [sys.executable, "-c", UPDATER, str(victim.home), str(site.folder), str(deadly)]
        done = subprocess.run(command, check=False, capture_output=True)
        assert done.returncode == (-signal.SIGKILL if deadly < 22 else 0), done.stderr
        assert victim.version == (2 if deadly >= 21 else 1)
        victim.update()
        assert victim.version == 2
        assert not (victim.home / "tuf" / "downloads").exists()


def test_without_the_extra_the_error_names_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['tuf'] = None\n"
        "from keyart.bundle import Slots\nfrom keyart.bundle.update import install_update\n"
        "from keyart.errors import UpdateError\n"
        "try:\n    install_update(Slots('slots'), 'tuf', lambda path: b'', root=b'', canary=None)\n"
        "except UpdateError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "keyart[update]" in done.stdout


def test_a_folder_that_cannot_be_written(victim: Device, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UpdateError, match="installed bundle still serves"):
        install_update(victim.slots, tmp_path / "file" / "tuf", victim.fetch, root=victim.root, canary=None)
    assert victim.version == 1
