"""The whole demo on a tiny made-up world, through the command."""

from __future__ import annotations

import filecmp
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from keyart.bundle import Slots
from keyart.errors import DataUnavailable
from keyart_tools.cli import main

TINY = ["--viewers", "30", "--titles", "14", "--rounds", "2", "--steps", "4", "--seed", "1"]


@dataclass(frozen=True)
class Shown:
    result: Result
    folder: Path

    @property
    def report(self) -> dict:
        return json.loads((self.folder / "report.json").read_text(encoding="utf-8"))


def demo(folder: Path, *arguments: str) -> Shown:
    result = CliRunner().invoke(main, ["demo", *TINY, "--out", str(folder), *arguments])
    return Shown(result, folder)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return demo(tmp_path_factory.mktemp("demo") / "demo", "--world", "synthetic")


def test_writes_everything_and_prints_the_table(shown: Shown) -> None:
    assert shown.result.exit_code == 0, shown.result.output
    names = {path.name for path in shown.folder.iterdir()}
    assert names >= {"report.json", "learning.png", "index.html", "bundle"}
    assert "work" not in names
    for policy in ("random", "best fixed artwork", "central", "federated", "federated + head", "oracle"):
        assert policy in shown.result.stdout
    assert str(shown.folder / "index.html") in shown.result.stdout
    assert "Traceback" not in shown.result.stderr


def test_report_has_the_promised_keys(shown: Shown) -> None:
    report = shown.report
    assert (report["world"], report["fallback"]) == ("synthetic", None)
    assert (report["devices"], report["rounds"], report["steps_per_round"], report["seed"]) == (30, 2, 4, 1)
    for part in (report, report["whole_run"]):
        for name in ("capture", "capture_federated_only", "capture_central", "best_fixed_capture"):
            assert -1 < part[name] <= 1
        low, high = part["interval"]
        assert low <= part["capture"] <= high
    assert report["client_updates"] == 60 and report["client_updates_per_second"] > 0
    assert report["propensities_ok"] is True
    assert report["seconds"]["total"] > 0
    assert list(report["policies"]) == [
        "random", "best fixed artwork", "central", "federated", "federated + head", "oracle",
    ]  # fmt: skip


def test_values_and_captures_say_the_same(shown: Shown) -> None:
    """Capture is (value − random) / (oracle − random), in the whole run and in its last quarter."""
    policies = shown.report["policies"]
    for pick in (lambda entry: entry, lambda entry: entry["whole_run"]):
        random, oracle = (pick(policies[name])["value"] for name in ("random", "oracle"))
        assert random < oracle
        for name, entry in policies.items():
            figures = pick(entry)
            share = (figures["value"] - random) / (oracle - random)
            assert figures["capture"] == pytest.approx(share, abs=1e-6), name


def test_bundle_is_the_one_that_was_published_and_installed(shown: Shown) -> None:
    bundle = shown.folder / shown.report["bundle"]
    version = shown.report["model_version"]
    slot = Slots(shown.folder / "device" / "slots").current()

    assert CliRunner().invoke(main, ["verify", str(bundle)]).exit_code == 0
    assert slot is not None
    for other in (slot, shown.folder / "tuf" / "bundles" / str(version)):
        same, different, errors = filecmp.cmpfiles(
            bundle, other, [path.name for path in bundle.iterdir()], shallow=False
        )
        assert len(same) == 7 and not different and not errors
    assert (shown.folder / "tuf" / "metadata" / "timestamp.json").exists()


def test_page_shows_three_viewers_and_says_what_is_made_up(shown: Shown) -> None:
    page = (shown.folder / "index.html").read_text(encoding="utf-8")
    viewers = shown.report["viewers"]
    assert len(set(viewers)) == 3
    for viewer in viewers:
        assert viewer in page
    assert "Everything in this world is made up" in page
    assert "evening, TV" in page and "morning, phone" in page


@pytest.mark.slow
def test_same_seed_same_page_and_figures(shown: Shown, tmp_path: Path) -> None:
    again = demo(tmp_path / "again", "--world", "synthetic", "--json")

    assert again.result.exit_code == 0, again.result.output
    assert json.loads(again.result.stdout) == again.report
    assert again.report["policies"] == shown.report["policies"]
    assert again.report["viewers"] == shown.report["viewers"]
    assert (again.folder / "index.html").read_bytes() == (shown.folder / "index.html").read_bytes()


def test_says_aloud_when_the_data_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(cache: object = None) -> None:
        raise DataUnavailable("There is no network.")

    monkeypatch.setattr("keyart_federated.worlds.movielens.movielens_world.fetch", no_network)

    fallen = demo(tmp_path / "demo", "--world", "movielens")

    assert fallen.result.exit_code == 0, fallen.result.output
    assert "the synthetic world is used instead" in fallen.result.stderr
    assert fallen.report["world"] == "synthetic"
    assert "There is no network." in fallen.report["fallback"]
    assert "Everything in this world is made up" in (tmp_path / "demo" / "index.html").read_text(encoding="utf-8")


def test_leaves_other_peoples_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "id").write_text("mine")
    (tmp_path / "thesis.tex").write_text("mine, too")

    refused = demo(tmp_path, "--world", "synthetic")

    assert refused.result.exit_code == 1
    assert "thesis.tex" in refused.result.stderr
    assert (tmp_path / "keys" / "id").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="signals as on Unix")
# While the other process starts, and while it works.
@pytest.mark.parametrize("delay", [0.3, pytest.param(3.0, marks=pytest.mark.slow)])
def test_ctrl_c_ends_both_processes_quietly(tmp_path: Path, delay: float) -> None:
    # A shell starts what it runs in the background with SIGINT ignored, and that is inherited.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from keyart_tools.cli import main; main(prog_name='keyart')"
    )
    large = ["--world", "synthetic", "--rounds", "500", "--steps", "1", "--viewers", "50", "--titles", "10"]
    running = subprocess.Popen(
        [sys.executable, "-c", program, "demo", *large, "--out", str(tmp_path / "demo")],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert running.stderr is not None
        said = ""
        while "measure expected rewards" not in said:
            said = running.stderr.readline()
            assert said, "the demo ended too early"
        time.sleep(delay)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to every process of the group
        rest = running.communicate(timeout=30)[1]
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()

    assert running.returncode == 130
    assert "Traceback" not in rest and "Error" not in rest
