"""`keyart doctor`: exit codes, JSON and the table, on this machine as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import keyart
from keyart_tools.doctor import CHECKS

STATES = {"ok", "warning", "problem"}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the person who runs the tests is judged."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "FLWR_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


@pytest.fixture
def profile(own_home: Path) -> Path:
    catalog = keyart.Catalog.from_titles([keyart.Title("t", artworks=[keyart.Artwork("t/a"), keyart.Artwork("t/b")])])
    with keyart.Personalizer.open(
        own_home / "profile.db", catalog=catalog, keys=keyart.PassphraseKey("a passphrase")
    ):
        pass
    return own_home / "profile.db"


def test_everything_in_order(keyart_command, profile: Path, shipped: Path) -> None:
    done = keyart_command("doctor", "--profile", profile, "--bundle", shipped / "bundle", "--json")
    document = json.loads(done.stdout)
    names = [finding["name"] for finding in document["findings"]]

    assert done.exit_code == 0, done.output
    assert document["problems"] == 0 and done.stderr == ""
    assert len(names) == len(set(names)) == len(CHECKS) - 1  # no Flower app here
    assert {finding["state"] for finding in document["findings"]} <= STATES
    assert all((finding["state"] == "ok") != bool(finding["remedy"]) for finding in document["findings"])
    assert document["warnings"] == sum(finding["state"] == "warning" for finding in document["findings"])


def test_a_problem_has_a_remedy_and_exit_code_1(keyart_command, profile: Path) -> None:
    profile.chmod(0o644)

    done = keyart_command("doctor", "--profile", profile)

    assert done.exit_code == 1
    assert "problem" in done.stdout and "→ chmod 600" in done.stdout
    assert done.stderr == f"1 of {len(CHECKS) - 2} checks found a problem.\n"
    assert json.loads(keyart_command("doctor", "--profile", profile, "--json").stdout)["problems"] == 1


@pytest.mark.parametrize("option", ["--profile", "--bundle"])
@pytest.mark.parametrize("what", ["nowhere", "folder", "random"])
def test_what_is_no_profile_or_bundle(option: str, what: str, keyart_command, own_home: Path) -> None:
    (own_home / "folder").mkdir()
    (own_home / "random").write_bytes(os.urandom(3000))

    done = keyart_command("doctor", option, own_home / what)

    assert done.exit_code == 1
    assert "Traceback" not in done.output and done.stderr.count("\n") == 1


def test_a_terminal_that_cannot_write_everything(own_home: Path) -> None:
    """The doctor itself has to come through, and to say it."""
    done = subprocess.run(
        [sys.executable, "-c", "from keyart_tools.cli import main; main(['doctor'], prog_name='keyart')"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "PYTHONUTF8=1" in done.stdout
