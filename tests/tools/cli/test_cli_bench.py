"""`keyart bench --quick`: every row is there, in the document, in the files and in the table."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from keyart_tools.performance import performance_run as bench_run
from keyart_tools.performance.device_timing import DETAILED
from keyart_tools.performance.measurement import Measurement, NotMeasured
from keyart_tools.performance.simulation_speed import PARTS

ENGINES = ("onnxruntime", "numpy")
ROWS = {
    "bare run, 20 candidates", "p99 of bare run", "import numpy", "import numpy, idle threads asleep",
    "building the catalogue, not counted above",
    "profile, 3 days × 20 impressions", "the head in it", "ranker.onnx + ranker.bin", "client updates",
    "device impressions", *(f"an update: {part}" for part in PARTS),
    *(f"{name}, {engine}{DETAILED}" for engine in ENGINES for name in ("choose", "choose_page 40 × 20", "observe")),
    *(
        name.format(engine)
        for engine in ENGINES
        for name in (
            "choose, {}", "p99 of choose, {}", "choose_page 40 × 20, {}", "observe, {}",
            "cold start, existing profile, {}", "cold start, fresh profile, {}",
        )
    ),
}  # fmt: skip
MEMORY = {f"memory above numpy's, {engine} engine" for engine in ENGINES}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory, keyart_command) -> tuple[Any, Path]:
    out = tmp_path_factory.mktemp("bench") / "new" / "folder"
    return keyart_command("bench", "--quick", "--out", out, "--json"), out


@pytest.fixture(scope="module")
def document(quick) -> dict[str, Any]:
    done, _ = quick
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def canned(monkeypatch: pytest.MonkeyPatch, **asked: object) -> list[tuple]:
    """A run that measures nothing; returns the calls that were made of it."""
    calls: list[tuple] = []
    rows = (
        Measurement("choosing", "choose, numpy", 130.0, "µs", 4.9, "bare run", 6.0),
        Measurement("size", "profile", 580_000.0, "bytes", reach=512_000),
        Measurement("simulation", "client updates", 500.0, "/s"),
    )
    absent = (NotMeasured("peers", "there is no .venv-bench here. `make bench` installs the peers."),)

    def run(*arguments: object) -> bench_run.PerformanceResult:
        calls.append(arguments)
        return bench_run.PerformanceResult(rows, absent, {"rows": []})

    monkeypatch.setattr(bench_run, "run", run)
    return calls


@pytest.mark.slow
def test_all_rows_are_there_and_finite(document: dict[str, Any]) -> None:
    rows = {row["name"]: row for row in document["rows"]}

    assert len(rows) == len(document["rows"])
    unmeasured = {entry["name"] for entry in document["absent"]}
    assert set(rows) - MEMORY == ROWS
    assert set(rows) >= MEMORY or "memory above numpy's" in unmeasured
    for row in document["rows"]:
        assert math.isfinite(row["figure"]) and row["figure"] >= 0, row
        assert row["ratio"] is None or (math.isfinite(row["ratio"]) and row["ratio"] > 0), row
        assert (row["ratio"] is None) is (row["against"] == ""), row


@pytest.mark.slow
def test_every_promise_has_its_bar_and_met_follows_from_it(document: dict[str, Any]) -> None:
    reaches = {row["name"]: row["reach"] for row in document["rows"] if row["reach"] is not None}
    expected = {
        "profile, 3 days × 20 impressions": 256_000,
        "the head in it": 32_000,
        "ranker.onnx + ranker.bin": 16_000,
    }
    for engine, start, memory in zip(ENGINES, (2.2, 1.6), (55.0, 30.0), strict=True):
        expected |= {
            f"choose, {engine}": 6.0, f"p99 of choose, {engine}": 4.0, f"choose_page 40 × 20, {engine}": 80.0,
            f"observe, {engine}": 20.0, f"cold start, existing profile, {engine}": start,
            f"memory above numpy's, {engine} engine": memory,
            f"choose, {engine}{DETAILED}": 5.0, f"choose_page 40 × 20, {engine}{DETAILED}": 80.0,
            f"observe, {engine}{DETAILED}": 8.0,
        }  # fmt: skip
    assert {name: reach for name, reach in expected.items() if name in reaches or name not in MEMORY} == reaches
    for row in document["rows"]:
        judged = row["figure"] if row["ratio"] is None else row["ratio"]
        assert row["met"] is (None if row["reach"] is None else judged <= row["reach"]), row


@pytest.mark.slow
def test_document_is_written_with_a_chart(quick, document: dict[str, Any]) -> None:
    _, out = quick

    assert sorted(path.name for path in out.iterdir()) == ["device.json", "device.png"]
    assert json.loads((out / "device.json").read_text(encoding="utf-8")) == document
    assert (out / "device.png").read_bytes().startswith(b"\x89PNG")
    assert document["format"] == "keyart-bench/1" and document["quick"] is True
    assert document["machine"]["cpus"] >= 1


@pytest.mark.slow
def test_a_quick_run_says_that_it_has_no_peers(document: dict[str, Any]) -> None:
    (reason,) = (entry["reason"] for entry in document["absent"] if entry["name"] == "peers")

    assert "quick" in reason and "make bench" in reason


@pytest.mark.slow
def test_nothing_but_the_document_is_printed_where_there_is_no_terminal(quick) -> None:
    assert quick[0].stderr == ""


def test_table_shows_bars_and_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keyart_command
) -> None:
    canned(monkeypatch)

    done = keyart_command("bench", "--out", tmp_path)

    assert done.exit_code == 0, done.output  # a promise that is not kept is no error
    lines = done.stdout.splitlines()
    (choose,) = (line for line in lines if "choose, numpy" in line)
    assert "4.9 × bare run" in choose and "≤ 6 ×" in choose and "yes" in choose
    (profile,) = (line for line in lines if line.startswith("│ profile"))
    assert "580.0 kB" in profile and "NO" in profile
    assert any("peers" in line and ".venv-bench" in line for line in lines)
    assert "1 of 2 targets met." in done.stdout and "device.png" in done.stdout


@pytest.mark.parametrize(("flags", "peers", "turns"), [([], True, 5), (["--quick"], False, 1)])
def test_peers_are_sought_where_the_command_runs(
    flags: list[str], peers: bool, turns: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keyart_command
) -> None:
    calls = canned(monkeypatch)
    monkeypatch.chdir(tmp_path)

    assert keyart_command("bench", *flags).exit_code == 0

    ((effort, out, peers_at, _),) = calls
    assert (effort.peers, effort.turns) == (peers, turns)
    assert out == Path("build/bench") and peers_at.resolve() == tmp_path


def test_a_bad_out_is_a_sentence_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyart_command
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(bench_run.device_timing, "world", lambda: pytest.fail("it measured"))

    for out, code in ((tmp_path / "file", 2), (tmp_path / "file" / "below", 1)):
        done = keyart_command("bench", "--quick", "--out", out)

        assert done.exit_code == code, done.output
        assert done.stdout == "" and "Traceback" not in done.stderr
        assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
        assert str(tmp_path / "file") in done.stderr


def test_unknown_options_are_wrong_usage(keyart_command) -> None:
    assert keyart_command("bench", "--slow").exit_code == 2
    assert keyart_command("bench", "extra").exit_code == 2


def test_the_module_is_the_command() -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "keyart_tools.performance", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Usage: keyart bench")
