"""Peers run in a Python of their own; one that is missing is said and never stops the others."""

from __future__ import annotations

import ast
import json
import sys
import types
from pathlib import Path

import pytest

from keyart_federated.worlds import SyntheticWorld
from keyart_tools.performance import baseline_comparison, baseline_libraries
from keyart_tools.performance.baseline_comparison import BARE, BaselineComparison, prepare_comparison
from keyart_tools.performance.device_timing import ENGINES, TimedDevice
from keyart_tools.performance.measurement import NotMeasured

ROOT = Path(__file__).parents[3]
CARRIED = ("interleaved_timing.py", "ranker_baseline.py", "baseline_libraries.py")


@pytest.fixture(scope="module")
def small_world() -> SyntheticWorld:
    return SyntheticWorld(viewers=1, titles=6, artworks=5, impressions=1, history_views=30)


@pytest.fixture
def slates(small_world: SyntheticWorld) -> list[baseline_libraries.TimedSlate]:
    document = baseline_comparison.slates_of(small_world)
    return [baseline_libraries.TimedSlate(document["viewer"], pictures) for pictures in document["slates"]]


def measured_device(choose: float, observe: float, bare: float) -> TimedDevice:
    device = TimedDevice({}, None, lambda: None, None)
    for samples, us in ((device.choose, choose), (device.page, 40 * choose), (device.observe, observe)):
        samples.update({name: [us] for name in ENGINES} | {BARE: [bare]})
    return device


def timed(name: str, predict: float, learn: float | None = None, bare: float | None = None) -> dict:
    times = {"predict": predict, "predict + learn": learn, "bare": bare}
    kept = {step: us for step, us in times.items() if us is not None}
    return {"name": name, "version": "1", "note": "", "microseconds": kept}


def test_without_the_venv_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    missing = prepare_comparison(True, tmp_path, None, tmp_path, tmp_path)

    assert isinstance(missing, NotMeasured)
    assert ".venv-bench" in missing.reason and "make bench" in missing.reason


def test_a_quick_run_leaves_the_peers_out(tmp_path: Path) -> None:
    (tmp_path / ".venv-bench" / "bin").mkdir(parents=True)
    (tmp_path / ".venv-bench" / "bin" / "python").touch()

    missing = prepare_comparison(False, tmp_path, None, tmp_path, tmp_path)

    assert isinstance(missing, NotMeasured) and "quick" in missing.reason


def test_what_is_carried_to_the_peers_needs_no_keyart() -> None:
    for name in CARRIED:
        tree = ast.parse((Path(baseline_comparison.__file__).with_name(name)).read_text(encoding="utf-8"))
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {
            f"{'.' * node.level}{node.module}" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        }
        ours = {f".{carried.removesuffix('.py')}" for carried in CARRIED}
        foreign = {module for module in imported - ours if module.partition(".")[0] not in sys.stdlib_module_names}
        assert foreign <= {"numpy", "onnxruntime"}, name


def test_peers_that_are_not_installed_are_named_with_a_reason(
    small_world: SyntheticWorld, household_bundle: Path, tmp_path: Path
) -> None:
    """This Python has none of them: the process runs, and tells so of each."""
    entry = BaselineComparison.prepared(Path(sys.executable), small_world, household_bundle, tmp_path / "peers")

    entry.turn(1)
    rows, absent = entry.rows(measured_device(100, 100, 20))

    assert rows == []
    assert {one.name for one in absent} == set(baseline_libraries.BASELINES)
    assert all("No module named" in one.reason and "constraints-bench.txt" in one.reason for one in absent)


@pytest.mark.parametrize("program", ["raise SystemExit('no luck')", "print('not JSON')", "pass"])
def test_a_process_that_tells_nothing_is_an_absence(program: str, tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "__init__.py").touch()
    (tmp_path / "bench" / "peers.py").write_text(program, encoding="utf-8")
    entry = BaselineComparison(Path(sys.executable), tmp_path / "slates", tmp_path, tmp_path)

    entry.turn(1)

    (absent,) = entry.rows(measured_device(100, 100, 20))[1]
    assert absent.name == "all peers" and len(absent.reason) > 3


def test_a_python_that_cannot_be_started_is_an_absence(tmp_path: Path) -> None:
    entry = BaselineComparison(tmp_path / "gone", tmp_path, tmp_path, tmp_path)

    entry.turn(1)

    assert [one.name for one in entry.rows(measured_device(100, 100, 20))[1]] == ["all peers"]


def test_ratios_are_medians_over_turns_each_with_its_own_bare_run() -> None:
    turns = [{"peers": [timed("river", 10 * bare, bare=bare)], "absent": []} for bare in (20.0, 40.0, 90.0)]

    ((figure, ratio, _),) = baseline_comparison.medians(turns, 1.0).values()

    assert (figure, ratio) == (400.0, 10.0)


def test_without_onnxruntime_there_ours_stands_in() -> None:
    turns = [{"peers": [timed("river", 50.0)], "absent": []}]

    ((_, ratio, _),) = baseline_comparison.medians(turns, 25.0).values()

    assert ratio == 2.0


def test_keyart_is_compared_with_the_standard_in_bare_runs_of_each_side() -> None:
    turns = [{"peers": [timed("VowpalWabbit", 60.0, 120.0, 10.0)], "absent": []}]  # 6 and 12 bare runs
    device = measured_device(choose=90, observe=180, bare=30)  # 3 and 6

    rows = {
        row.name: row
        for row in baseline_comparison.against_standard(device, baseline_comparison.medians(turns, 30.0))
    }

    assert rows["choose against VowpalWabbit, numpy"].ratio == pytest.approx(0.5)
    assert rows["observe against VowpalWabbit, numpy"].ratio == pytest.approx(0.5)
    assert rows["observe against VowpalWabbit, numpy"].met is True
    assert rows["choose + observe against VowpalWabbit, onnxruntime"].ratio == pytest.approx(0.75)
    assert [name for name, row in rows.items() if row.met is not None] == [
        f"observe against VowpalWabbit, {engine}" for engine in ENGINES
    ]


def test_a_standard_that_is_missing_makes_no_comparison() -> None:
    turns = [{"peers": [timed("river", 50.0, 60.0, 10.0)], "absent": []}]

    assert (
        baseline_comparison.against_standard(measured_device(1, 1, 1), baseline_comparison.medians(turns, 1.0)) == []
    )


def test_slates_are_those_of_the_catalogue(small_world: SyntheticWorld) -> None:
    document = json.loads(json.dumps(baseline_comparison.slates_of(small_world)))

    assert len(document["slates"]) == 6 and {len(slate) for slate in document["slates"]} == {5}
    shown = {tuple(sorted(picture)) for slate in document["slates"] for picture in slate}
    assert shown == {tuple(sorted(a.tags)) for title in small_world.catalog for a in title.artworks}
    tags = {tag: weight for tag, weight in document["viewer"].items() if not tag.startswith(("device:", "daypart:"))}
    assert sum(tags.values()) == pytest.approx(1) and len(document["viewer"]) == len(tags) + 2


def test_vowpal_wabbit_gets_its_own_text(
    slates: list[baseline_libraries.TimedSlate], monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[list[str]] = []

    class Workspace:
        def __init__(self, settings: str) -> None:
            assert settings == "--cb_explore_adf --squarecb -q UA --quiet"

        def predict(self, examples: object) -> list[float]:
            return [0.0, 0.0, 1.0, 0.0, 0.0]

        def learn(self, lines: list[str]) -> None:
            taught.append(lines)

        def parse(self, lines: list[str]) -> list[str]:
            return lines

        def finish_example(self, examples: object) -> None: ...

    module = types.ModuleType("vowpalwabbit")
    module.Workspace = Workspace
    monkeypatch.setitem(sys.modules, "vowpalwabbit", module)
    written, parsed = baseline_libraries.vowpal_wabbit(slates)

    action = written.predict(slates[0])
    written.learn(slates[0], action, 1.0)

    assert action == 2 and parsed.learn is None and parsed.predict(slates[1]) == 2
    (lines,) = taught
    assert lines[0].startswith("shared |U cast=") and len(lines) == 6
    assert lines[3].startswith("0:-1:1 |A genre=")  # action : cost : probability, on the line of the picture shown
    assert all(line.startswith("|A ") and "|" not in line[1:] for line in (lines[1], lines[2], lines[4], lines[5]))


def test_one_peer_that_fails_leaves_the_others(
    slates: list[baseline_libraries.TimedSlate], monkeypatch: pytest.MonkeyPatch
) -> None:
    def steady(_: list[baseline_libraries.TimedSlate]):
        yield baseline_libraries.TimedBaseline("Steady", "", lambda slate: 0, lambda slate, action, reward: None)

    def broken(_: list[baseline_libraries.TimedSlate]):
        raise RuntimeError("no luck")
        yield

    monkeypatch.setattr(baseline_libraries, "version", lambda _: "2")
    monkeypatch.setattr(baseline_libraries, "BASELINES", {"Broken": ("broken", broken), "Steady": ("steady", steady)})

    found = baseline_libraries.measure(slates, lambda: None, 3)

    assert [peer["name"] for peer in found["peers"]] == ["Steady"]
    assert set(found["peers"][0]["microseconds"]) == {"predict", "predict + learn", "bare"}
    assert [one["name"] for one in found["absent"]] == ["Broken"] and "no luck" in found["absent"][0]["reason"]


@pytest.mark.service
def test_the_peers_themselves(small_world: SyntheticWorld, household_bundle: Path, tmp_path: Path) -> None:
    python = baseline_comparison.interpreter(ROOT)
    if python is None or not (ROOT / ".venv-bench" / "installed").exists():
        pytest.skip("no .venv-bench in this checkout: `make bench` makes it")
    entry = BaselineComparison.prepared(python, small_world, household_bundle, tmp_path / "peers")

    entry.turn(3)
    rows, absent = entry.rows(measured_device(100, 100, 20))

    assert absent == []
    assert {row.name.partition(":")[0].split()[0] for row in rows if row.against == BARE} == {
        "VowpalWabbit,", "VowpalWabbit", "MABWiser", "Open", "river",
    }  # fmt: skip
    assert all(row.figure > 0 and row.ratio > 0 for row in rows)
