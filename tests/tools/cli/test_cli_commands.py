"""What the commands answer when all is well."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"], ["simulate", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys, contextlib\n"
        "from keyart_tools.cli import main\n"
        "with contextlib.suppress(SystemExit):\n"
        f"    main({arguments!r}, prog_name='keyart')\n"
        "heavy = {'numpy', 'flwr', 'onnx', 'onnxruntime', 'matplotlib', 'cryptography', 'tuf', 'jinja2', 'rich'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_verify_whole_bundle(shipped: Path, keyart_command) -> None:
    for engine in ("auto", "numpy"):
        done = keyart_command("verify", shipped / "bundle", "--engine", engine, "--json")
        assert done.exit_code == 0, done.output
        document = json.loads(done.stdout)
        assert document["whole"] is True
        assert document["vectors_reproduced"] >= 8
    assert "verified" in keyart_command("verify", shipped / "bundle").stdout


def test_verify_refuses_a_flipped_byte_in_any_file(shipped: Path, tmp_path: Path, keyart_command) -> None:
    names = sorted(path.name for path in (shipped / "bundle").iterdir())
    assert len(names) == 7
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        for other in names:
            data = bytearray((shipped / "bundle" / other).read_bytes())
            if other == name:
                data[len(data) // 2] ^= 1
            (folder / other).write_bytes(data)

        done = keyart_command("verify", folder)

        assert done.exit_code == 1, name
        assert done.stdout == "" and done.stderr.startswith("Error: ")
        assert len(done.stderr.strip().splitlines()) == 1


def test_inspect_bundle(shipped: Path, keyart_command) -> None:
    document = json.loads(keyart_command("inspect", shipped / "bundle", "--json").stdout)

    assert document["kind"] == "bundle"
    assert document["model_version"] >= 1
    assert "genre/taste" in document["weights"]["matches"]
    assert set(document["weights"]["play_by_tag"]) == set(document["weights"]["keep_by_tag"])
    shown = keyart_command("inspect", shipped / "bundle").stdout
    assert "ranker.onnx" in shown and document["digest"][:20] in shown


def test_inspect_catalogue_and_title(shipped: Path, keyart_command) -> None:
    document = json.loads(keyart_command("inspect", shipped / "catalog.json", "--json").stdout)
    assert (document["titles"], document["artworks"]) == (5, 20)
    assert not document["tag_kinds"]["genre"]["open"]
    assert "genre" in keyart_command("inspect", shipped / "catalog.json").stdout

    title = json.loads(keyart_command("inspect", shipped / "catalog.json", "--title", "s0001", "--json").stdout)
    assert [artwork["id"] for artwork in title["artworks"]] == [f"s0001/0{n}" for n in range(4)]
    assert "s0001/03" in keyart_command("inspect", shipped / "catalog.json", "--title", "s0001").stdout


def test_simulate_as_json_and_as_table(tmp_path: Path, keyart_command) -> None:
    small = ["simulate", "--viewers", "10", "--titles", "4", "--rounds", "2", "--steps", "2", "--seed", "3"]

    done = keyart_command(*small, "--out", tmp_path / "bundle", "--plot", tmp_path / "plot.png", "--json")
    document = json.loads(done.stdout)
    assert (document["devices"], document["rounds"], document["seed"]) == (10, 2, 3)
    assert document["bundle"] == str(tmp_path / "bundle")
    assert (tmp_path / "plot.png").stat().st_size > 1000
    assert keyart_command("verify", tmp_path / "bundle").exit_code == 0

    again = json.loads(keyart_command(*small, "--json").stdout)
    assert again["bundle"] is None
    assert again["capture"] == document["capture"]
    table = keyart_command(*small, "--no-head", "--learner", "none").stdout
    assert "last quarter capture" in table and "synthetic: 10 devices" in table


def test_simulate_a_world_of_ones_own(own_worlds: Path, keyart_command) -> None:
    arguments = ["simulate", "--world", "my_worlds:small", "--rounds", "2", "--steps", "2", "--json"]

    assert json.loads(keyart_command(*arguments).stdout)["devices"] == 8
    assert json.loads(keyart_command(*arguments, "--viewers", "5", "--seed", "2").stdout)["devices"] == 5


def test_progress_is_for_terminals_only(keyart_command) -> None:
    done = keyart_command("simulate", "--viewers", "4", "--titles", "3", "--rounds", "1", "--steps", "1")

    assert done.exit_code == 0
    assert done.stderr == ""
