"""Starts of processes: what they inherit, what is counted, and what a failing one says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from keyart.errors import KeyartError
from keyart_tools.performance import cold_start
from keyart_tools.performance.cold_start import NUMPY_ASLEEP, ProcessStart


@pytest.fixture(scope="module")
def starts(lived_in: Path, household_bundle: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("starts") / "here"
    told: list[int] = []
    found = cold_start.measure_starts(lived_in, household_bundle, folder, 1, lambda: told.append(1))
    assert len(told) == 2  # the warm-up, too
    return found


@pytest.mark.slow
def test_every_kind_of_start_is_measured(starts) -> None:
    assert set(starts) == {
        "numpy alone",
        NUMPY_ASLEEP,
        *(f"{state} profile, {engine}" for state in ("existing", "fresh") for engine in ("numpy", "onnxruntime")),
    }
    for name, (start,) in starts.items():
        assert start.cpu_ms > 0, name
        assert (start.apart_ms > 0) is ("profile" in name), name
        assert start.resident_kib is None or start.resident_kib > 5_000, name


def test_each_start_gets_its_own_copy_of_the_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "profile.db").write_bytes(b"lived in")
    spoiling = (
        "import json, pathlib, sys\nprofile, bundle, engine, fresh = sys.argv[1:]\n"
        "file = pathlib.Path(profile)\n"
        "assert file.exists() is (fresh == 'existing') and (not file.exists() or file.read_bytes() == b'lived in')\n"
        "file.write_bytes(b'spoilt')\nprint(json.dumps({'cpu': 0.1, 'apart': 0.0, 'resident': 1}))"
    )
    monkeypatch.setattr(cold_start, "KEYART", spoiling)

    cold_start.measure_starts(tmp_path / "profile", tmp_path, tmp_path / "here", 1, lambda: None)

    assert (tmp_path / "profile" / "profile.db").read_bytes() == b"lived in"


def test_ratios_are_made_against_numpy_alone() -> None:
    starts = {
        "numpy alone": [ProcessStart(100.0, 0.0, 20_000)],
        NUMPY_ASLEEP: [ProcessStart(60.0, 0.0, 20_000)],
        "existing profile, numpy": [ProcessStart(cpu, 3.0, 20_000 + 10 * 1024) for cpu in (150.0, 900.0, 120.0)],
        "existing profile, onnxruntime": [ProcessStart(230.0, 3.0, 20_000 + 50 * 1024)],
        "fresh profile, numpy": [ProcessStart(140.0, 3.0, 30_000)],
        "fresh profile, onnxruntime": [ProcessStart(200.0, 3.0, 30_000)],
    }

    rows, absent = cold_start.rows(starts)

    by_name = {row.name: row for row in rows}
    assert by_name["import numpy, idle threads asleep"].ratio == 0.6
    assert by_name["cold start, existing profile, numpy"].ratio == 1.5  # of the median
    assert by_name["cold start, existing profile, numpy"].met is True
    assert by_name["cold start, existing profile, onnxruntime"].met is False
    assert by_name["cold start, fresh profile, numpy"].met is None
    assert by_name["memory above numpy's, numpy engine"].figure == 10.0
    assert by_name["memory above numpy's, numpy engine"].met is True
    assert by_name["memory above numpy's, onnxruntime engine"].met is True
    assert absent == []


@pytest.mark.parametrize(("engine", "bar_mib"), [("numpy", 30), ("onnxruntime", 55)])
def test_each_engine_has_a_bar_of_its_own_for_memory(engine: str, bar_mib: int) -> None:
    starts = {name: [ProcessStart(100.0, 0.0, 20_000)] for name in ("numpy alone", NUMPY_ASLEEP)}
    for state in ("existing", "fresh"):
        for name in ("numpy", "onnxruntime"):
            starts[f"{state} profile, {name}"] = [ProcessStart(100.0, 3.0, 20_000 + (bar_mib + 1) * 1024)]

    rows, _ = cold_start.rows(starts)

    (row,) = [row for row in rows if row.name == f"memory above numpy's, {engine} engine"]
    assert (row.reach, row.met) == (bar_mib, False)


def test_a_system_that_does_not_tell_its_memory_is_said() -> None:
    starts = {
        name: [ProcessStart(100.0, 1.0, None)]
        for name in (
            "numpy alone", NUMPY_ASLEEP, "existing profile, numpy", "existing profile, onnxruntime",
            "fresh profile, numpy", "fresh profile, onnxruntime",
        )
    }  # fmt: skip

    rows, absent = cold_start.rows(starts)

    assert not any(row.group == "memory" for row in rows)
    assert ["/proc/self/status" in entry.reason for entry in absent] == [True]


def test_children_start_as_an_app_would(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in cold_start.NOT_INHERITED:
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(
        cold_start,
        "NUMPY",
        "import json, os\ntimeout = os.environ.pop('OPENBLAS_THREAD_TIMEOUT', '')\n"
        f"assert not set({cold_start.NOT_INHERITED!r}) & set(os.environ), sorted(os.environ)\n"
        f"assert os.environ['PYTHONPYCACHEPREFIX'] == {str(tmp_path / 'here' / 'bytecode')!r}\n"
        "print(json.dumps({'cpu': 0.1 if timeout == '' else 0.2, 'apart': 0.0, 'resident': 1}))",
    )
    monkeypatch.setattr(cold_start, "MAX_START_RATIO", {})

    found = cold_start.measure_starts(tmp_path, tmp_path, tmp_path / "here", 2, lambda: None)

    assert [start.cpu_ms for start in found["numpy alone"]] == [100.0, 100.0]
    assert [start.cpu_ms for start in found[NUMPY_ASLEEP]] == [200.0, 200.0]  # the one variable that it adds


def test_a_start_that_fails_says_how(lived_in: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyartError, match="BundleMissing") as caught:
        cold_start.measure_starts(lived_in, tmp_path / "no bundle", tmp_path / "here", 1, lambda: None)

    assert "\n" not in str(caught.value) and sys.executable not in str(caught.value)
