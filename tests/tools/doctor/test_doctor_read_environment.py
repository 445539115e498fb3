"""What the doctor reads off a real machine: real profiles, keys, bundles, processes and settings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import keyart
from keyart.bundle import Slots
from keyart_federated.datasets.download import file_sha256
from keyart_server.signing.tuf_keys import create
from keyart_tools.doctor import read
from keyart_tools.doctor.installed_packages import installation
from keyart_tools.doctor.read_environment import (
    bundle_at,
    engine_in,
    flower_in,
    folder_at,
    keys_in,
    machine_at,
    models_in,
    profile_at,
)
from keyart_tools.models import MODELS
from keyart_tools.models.cache import FORMAT

NOW = datetime.now(UTC)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home and a working folder, both empty."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    return tmp_path


def test_reading_everything_writes_nothing(place: Path, shipped_bundle: Path) -> None:
    home, work = place / "home", place / "work"

    found = read({"TZ": "Mars/Olympus", "A": "b"}, home, home / "settings", work, NOW, "ascii", None, shipped_bundle)

    assert list(home.iterdir()) == list(work.iterdir()) == []
    assert found.cache.path == home / ".cache" / "keyart" and found.here.path == work
    assert (found.variables, found.machine.zone_known, found.machine.encoding) == ({}, False, "ascii")
    assert found.profile is None and found.bundle is not None and found.engine.error is None
    assert found.flower.config == home / ".flwr" / "config.toml"


def test_variables_that_move_folders(place: Path) -> None:
    moved = {name: str(place / name) for name in ("XDG_CACHE_HOME", "FLWR_HOME")}
    create(place / "settings" / "credentials" / "signing.key")

    found = read({**moved, "FLWR_DISABLE_UPDATE_CHECK": "1"}, place, place / "settings", place / "work", NOW, "utf-8")

    assert found.cache.path == place / "XDG_CACHE_HOME" / "keyart"
    assert [key.path.name for key in found.keys] == ["signing.key"]
    assert found.flower.config == place / "FLWR_HOME" / "config.toml"
    assert found.variables == {"FLWR_DISABLE_UPDATE_CHECK": "1"}


def test_packages_are_those_of_the_metadata() -> None:
    found = installation()

    assert found.versions["numpy"] == __import__("numpy").__version__
    assert found.python_range == ">=3.11" and found.python[:2] == sys.version_info[:2]
    assert set(found.missing) == {"", "server", "tagging", "otel", "keyring"}
    assert not any(found.missing[extra] for extra in ("", "server"))
    assert found.misfits == ()


def test_packages_that_are_missing_or_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of metadata is all that an installation is to this check."""
    wants = {
        "keyart": ["numpy", "third; extra == 'keyring'", "keyart-tools[tagging]==20.0; extra == 'tagging'"],
        "keyart-tools": [
            "keyart==20.0",
            "rich>=13",
            "absent>=1; sys_platform != 'nowhere'",
            "other; extra == 'tagging'",
        ],
        "numpy": [],
        "rich": ["pygments<1", "keyart-tools"],  # a ring
        "pygments": [],
    }
    for name, requires in wants.items():
        folder = tmp_path / f"{name.replace('-', '_')}-20.0.dist-info"
        folder.mkdir()
        lines = [f"Name: {name}", "Version: 20.0", "Requires-Python: >=3.11"]
        lines += ["Provides-Extra: tagging", "Provides-Extra: keyring"]
        (folder / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {line}" for line in requires)]) + "\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    found = installation()

    assert found.missing == {"": ("absent",), "keyring": ("third",), "tagging": ("other",)}
    assert found.misfits == ("rich takes pygments<1, and 20.0 is installed",)


def test_a_bundle_is_verified_on_the_engines_that_are_there(
    place: Path, shipped_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_bundle() -> dict[str, int]:
        home, work = place / "home", place / "work"
        found = read({}, home, home / "settings", work, NOW, "utf-8", None, shipped_bundle)
        assert found.bundle is not None and found.bundle.error is None
        return dict(found.bundle.reproduced)

    assert set(read_bundle()) == {"numpy", "onnxruntime"}
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert set(read_bundle()) == {"numpy"}


def test_a_profile_and_who_may_read_it(place: Path) -> None:
    path = place / "profile.db"
    catalog = keyart.Catalog.from_titles([keyart.Title("t", artworks=[keyart.Artwork("t/a"), keyart.Artwork("t/b")])])
    with keyart.Personalizer.open(path, catalog=catalog, keys=keyart.PassphraseKey("a passphrase")):
        while_open = profile_at(path)
    before = path.read_bytes()
    assert while_open.kind == "profile"
    assert [file.mode for file in while_open.files] == [0o600] * len(while_open.files)

    path.chmod(0o644)
    found = profile_at(path)

    assert [(file.path, file.mode) for file in found.files] == [(path, 0o644)]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("nothing", None, "missing"),
        ("text", b"hello", "other"),
        ("random", bytes(range(256)) * 16, "other"),
        ("foreign", b"SQLite format 3\0" + bytes(84), "other"),
    ],
)
def test_files_that_are_no_profile(place: Path, name: str, content: bytes | None, kind: str) -> None:
    path = place / name
    if content is not None:
        path.write_bytes(content)

    assert profile_at(path).kind == kind
    assert profile_at(place).kind == "other"


def test_private_keys_and_no_certificates(place: Path) -> None:
    settings = place / "home" / "signing"
    create(settings / "mine.pem")
    (settings / "chain.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n")
    create(place / "work" / "keys" / "root.pem")
    (place / "work" / "keys" / "root.pem").chmod(0o604)

    assert [(key.path.name, key.mode) for key in keys_in(place / "home", place / "work")] == [
        ("mine.pem", 0o600),
        ("root.pem", 0o604),
    ]


def test_cache_its_size_and_its_place(place: Path) -> None:
    cache = place / "elsewhere" / "keyart" / "models"
    cache.mkdir(parents=True)
    (cache / "a.onnx").write_bytes(bytes(3000))

    found = folder_at(place / "elsewhere" / "keyart")

    assert (found.used, found.writable) == (3000, True) and found.free > 0
    assert folder_at(place / "not" / "yet" / "there").writable
    (place / "file").write_text("in the way")
    assert not folder_at(place / "file" / "keyart").writable


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_cache_that_may_not_be_written(place: Path) -> None:
    (place / "home").chmod(0o500)
    assert not folder_at(place / "home" / "keyart").writable
    (place / "home").chmod(0o700)


@pytest.mark.parametrize(
    ("zone", "known"),
    [("", True), ("Europe/Paris", True), ("CET-1CEST", True), (":UTC", True), ("Mars/Olympus", False)],
)
def test_zones(zone: str, known: bool) -> None:
    machine = machine_at({"TZ": zone}, NOW, "utf-8")

    assert machine.zone_known is known
    assert machine.newest_file < NOW
    assert (machine.zone, machine.cores) == (NOW.tzname(), os.cpu_count())


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="Linux alone tells")
def test_memory_that_could_be_had() -> None:
    kilobytes = dict(line.split()[:2] for line in Path("/proc/meminfo").read_text().splitlines())

    assert machine_at({}, NOW, "utf-8").memory == pytest.approx(1024 * int(kilobytes["MemAvailable:"]), rel=0.5)


def test_whole_and_damaged_bundles(shipped_bundle: Path, place: Path) -> None:
    whole = bundle_at(shipped_bundle)
    assert whole.error is None and whole.model_version
    assert set(whole.reproduced) == {"onnxruntime", "numpy"}
    assert min(whole.reproduced.values()) >= 8 and whole.created is not None and whole.created.tzinfo is not None

    Slots(place / "slots").install(shipped_bundle, lambda folder: None)
    assert bundle_at(place / "slots").error is None

    shutil.copytree(shipped_bundle, place / "damaged")
    weights = bytearray((place / "damaged" / "ranker.bin").read_bytes())
    weights[40] ^= 1
    (place / "damaged" / "ranker.bin").write_bytes(weights)
    for folder in (place / "damaged", place / "work", place / "nowhere"):
        broken = bundle_at(folder)
        assert broken.error and "\n" not in broken.error


def test_flowers_settings(place: Path) -> None:
    home = place / "home"
    assert flower_in(home, place / "work").connections == {}
    (home / "config.toml").write_text('[superlink]\ndefault = "local"\n[superlink.local]\naddress = ":local:"\n')
    found = flower_in(home, place / "work")
    assert (found.connections, found.default) == ({"local": ":local:"}, "local")
    for text in ("[superlink", "superlink = 3", "\x00"):
        (home / "config.toml").write_text(text)
        assert flower_in(home, place / "work").connections is None


def test_a_flower_app_in_the_working_folder(place: Path) -> None:
    from keyart_federated.flower import write_app

    home = place / "home"
    assert flower_in(home, place / "work").app is None
    app = write_app(place / "app", "a:server", "a:client", config={})
    (app / "numbers.json").write_text("1" * 20_000)
    (app / "film.mp4").write_bytes(bytes(50_000))

    found = flower_in(home, app)

    assert found.app is not None and found.app_licence
    assert 20_000 < found.app_bytes < 40_000
    for text in ("[tool.flwr]\napp = 3", "[tool", "tool = 3"):
        (place / "work" / "pyproject.toml").write_text(text)
        assert flower_in(home, place / "work").app is None


@pytest.fixture
def running(place: Path) -> Iterator[list[str]]:
    """A process that is called as Flower's SuperLink is, and only waits."""
    program = place / "flower-superlink"
    program.write_text("import time\ntime.sleep(60)\n")
    words = [sys.executable, str(program), "--host", "0.0.0.0"]
    with subprocess.Popen(words) as process:
        yield words
        process.kill()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are looked for on Linux alone")
def test_superlinks_that_run_here(running: list[str], place: Path) -> None:
    for _ in range(50):
        if tuple(running) in flower_in(place, place).superlinks:
            return
        time.sleep(0.1)
    pytest.fail("not found")


def test_onnxruntime_is_imported_with_its_telemetry_off(place: Path) -> None:
    """In a fresh process, and without the variables that would hide it."""
    home = place / "home"
    program = f"""
import sys
from pathlib import Path
from keyart_tools.doctor.read_environment import engine_in
engine = engine_in(Path({str(home)!r}) / ".cache")
print("onnxruntime" in sys.modules, engine.error, len(engine.wrote), len(engine.traces))
"""
    variables = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**variables, "HOME": str(home)},
    )

    assert done.stdout.split() == ["True", "None", "0", "0"]
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize(
    ("module", "error", "wrote"),
    [
        ("from pathlib import Path\nPath({!r}).mkdir(parents=True)\nPath({!r}, 'deviceid').touch()", "None", "1"),
        ("raise ImportError('libgomp.so.1')", "libgomp.so.1", "0"),
    ],
)
def test_an_onnxruntime_that_writes_or_cannot_be_imported(place: Path, module: str, error: str, wrote: str) -> None:
    folder = place / "Microsoft" / "DeveloperTools" / ".onnxruntime"
    (place / "onnxruntime.py").write_text(module.format(str(folder), str(folder)))
    program = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(place)!r})
from keyart_tools.doctor.read_environment import engine_in
engine = engine_in(Path({str(place)!r}))
print(engine.error, len(engine.wrote), len(engine.traces))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [error, wrote, "0"]


def test_what_other_programs_left(place: Path) -> None:
    folder = place / "Microsoft" / "DeveloperTools" / ".onnxruntime"  # where onnxruntime 1.32 writes it
    folder.mkdir(parents=True)
    (folder / "deviceid").write_text("0")

    assert engine_in(place).traces == (folder / "deviceid",)


def test_models_that_are_missing_changed_and_whole(place: Path) -> None:
    folder = place / "models"
    assert set(models_in(folder).values()) == {"missing"}

    (folder / "faces").mkdir(parents=True)
    assert models_in(folder)["faces"] == "changed"
    faces = MODELS["faces"]
    (folder / "faces" / "model.onnx").write_bytes(b"a graph")
    record = {
        "format": FORMAT,
        "name": "faces",
        "licence": faces.licence,
        "packages": {source.requirement: source.sha256 for source in faces.sources},
        "files": {"model.onnx": file_sha256(folder / "faces" / "model.onnx")},
    }
    (folder / "faces" / "record.json").write_text(json.dumps(record))
    assert models_in(folder)["faces"] == "whole"

    (folder / "faces" / "model.onnx").write_bytes(b"A graph")
    assert models_in(folder)["faces"] == "changed"
