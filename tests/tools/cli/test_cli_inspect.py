"""`keyart inspect`: every kind as a table and as JSON, two of a kind side by side, and mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from support.training import fitted, log, world

import keyart
from keyart.bundle import Slots, verify


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory, keyart_command) -> Path:
    folder = tmp_path_factory.mktemp("inspected")
    fitted().file.save(folder / "model.npz")
    log().save(folder / "log.jsonl")
    world().catalog.save(folder / "catalog.json")
    Image.new("RGB", (64, 48), "red").save(folder / "picture.jpg")
    keyart_command("export", folder / "model.npz", "--out", folder / "bundle")
    keyart_command("export", folder / "model.npz", "--out", folder / "next", "--parent", folder / "bundle")
    keys = keyart.PassphraseKey("open sesame")
    with keyart.Personalizer.open(folder / "profile.db", catalog=world().catalog, keys=keys) as art:
        art.consent.grant("personalization")
    (folder / "passphrase.txt").write_text("open sesame\n")
    (folder / "empty").mkdir()
    (folder / "random").write_bytes(bytes(range(256)))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("model.npz", "model", "evaluation only"),
        ("log.jsonl", "log", "pictures shown"),
        ("catalog.json", "catalog", "Kinds of tags"),
        ("picture.jpg", "picture", "JPEG"),
        ("bundle", "bundle", "ranker.onnx"),
        ("profile.db", "profile", "profiles"),
    ],
)
def test_each_kind(things: Path, name: str, kind: str, said: str, keyart_command) -> None:
    assert json.loads(keyart_command("inspect", things / name, "--json").stdout)["kind"] == kind
    assert said in keyart_command("inspect", things / name).stdout


def test_a_log_with_broken_rows(things: Path, tmp_path: Path, keyart_command) -> None:
    log().save(tmp_path / "log.csv")
    with (tmp_path / "log.csv").open("a") as file:
        file.write("one cell\n")
    done = keyart_command("inspect", tmp_path / "log.csv", "--json")
    document = json.loads(done.stdout)
    assert done.exit_code == 1 and document["kind"] == "log"
    assert document["broken_rows"] == 1 and document["decisions"] == log().decisions
    lines = len((tmp_path / "log.csv").read_text().splitlines())
    assert document["first_broken_rows"][0].startswith(f"line {lines}: the row has 1 cells")


def test_a_table_without_the_header_of_a_log(tmp_path: Path, keyart_command) -> None:
    (tmp_path / "log.csv").write_text("viewer,propensity\na,1\n")
    done = keyart_command("inspect", tmp_path / "log.csv")
    assert done.exit_code == 1 and "has no header" in done.stderr and "keyart-log/1" in done.stderr


def test_a_profile_with_its_passphrase(things: Path, keyart_command) -> None:
    done = keyart_command("inspect", things / "profile.db", "--passphrase-file", things / "passphrase.txt", "--json")

    document = json.loads(done.stdout)
    assert document["consent"]["personalization"] is True and document["views"] == 0
    assert "sesame" not in done.output


@pytest.mark.slow
def test_two_bundles(things: Path, keyart_command) -> None:
    on = ["--log", things / "log.jsonl", "--catalog", things / "catalog.json", "--slates", "120"]
    done = keyart_command("inspect", things / "bundle", things / "next", *on, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)

    assert document["manifest"]["parent"] == [None, 1]
    assert document["judged"]["same_winner"] == 1 and document["judged"]["judged_by"] == "log"
    assert "same winner" in keyart_command("inspect", things / "bundle", things / "next", *on).stdout
    synthetic = ["--world", "synthetic", "--viewers", "10", "--titles", "4", "--slates", "20"]
    assert keyart_command("inspect", things / "bundle", things / "next", *synthetic).exit_code == 0


def test_two_catalogues(things: Path, tmp_path: Path, keyart_command) -> None:
    keyart.Catalog.from_titles(world().catalog.titles[1:]).save(tmp_path / "less.json")

    shown = keyart_command("inspect", things / "catalog.json", tmp_path / "less.json").stdout
    assert "1 t0" in shown and "3 t0/x, t0/y, t0/z" in shown


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["empty"], 1),
        (["random"], 1),
        (["nowhere"], 1),
        (["bundle", "catalog.json"], 2),
        (["model.npz", "model.npz"], 2),
        (["bundle", "nowhere"], 1),
        (["bundle", "--world", "synthetic"], 2),
        (["catalog.json", "catalog.json", "--world", "synthetic", "--viewers", "4", "--slates", "4"], 2),
        (["bundle", "next", "--log", "log.jsonl"], 2),
        (["bundle", "--title", "t1"], 2),
        (["bundle", "--passphrase-file", "passphrase.txt"], 2),
        (["profile.db", "--passphrase-file", "nowhere"], 1),
        (["profile.db", "--passphrase-file", "random"], 1),
        (["profile.db", "--passphrase-file", "catalog.json"], 1),
        (["profile.db", "--passphrase-file", "passphrase.txt", "--profile", "kids"], 1),
    ],
)
def test_wrong_use(
    things: Path, arguments: list[str], code: int, keyart_command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(things)
    done = keyart_command("inspect", *arguments)

    assert done.exit_code == code, done.output
    assert done.stdout == "" and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")


def test_a_flipped_byte_in_a_bundle(things: Path, tmp_path: Path, keyart_command) -> None:
    for name in sorted(path.name for path in (things / "bundle").iterdir()):
        folder = tmp_path / name
        shutil.copytree(things / "bundle", folder)
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 3] ^= 1
        (folder / name).write_bytes(data)
        for command in ("inspect", "verify", "quantize"):
            assert keyart_command(command, folder).exit_code == 1, (command, name)


def test_verify_takes_a_folder_of_installed_bundles(things: Path, tmp_path: Path, keyart_command) -> None:
    Slots(tmp_path / "slots").install(things / "bundle", verify)

    assert keyart_command("verify", tmp_path / "slots").exit_code == 0
    assert keyart_command("inspect", tmp_path / "slots").exit_code == 0
    assert keyart_command("verify", things / "empty").exit_code == 1
