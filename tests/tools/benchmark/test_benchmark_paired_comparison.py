"""Policies compared on one world: each as if it had been alone, and differences pair by pair."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.worlds import StyleWorld

from keyart.errors import SettingError
from keyart_federated import simulate
from keyart_federated.metrics import WorldTruth
from keyart_tools.benchmark.paired_comparison import COMPARABLE, LADDER, TOLD, RecordingWorld, compare, draw, policies


@pytest.fixture(scope="module")
def world() -> StyleWorld:
    return StyleWorld(devices=16)


def silent(done: int, of: int) -> None:
    """No progress."""


def test_each_as_if_alone(world: StyleWorld) -> None:
    told: list[tuple[int, int]] = []
    lines = compare(world, ["keyart", "central", "random"], 4, 3, 5, lambda done, of: told.append((done, of)))

    alone = simulate(world, 4, 3, seed=5, learner="central")
    assert lines[1].figures["capture"].value == pytest.approx(alone.capture)
    assert lines[1].capture_by_round == pytest.approx(alone.capture_by_round)
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_differences_are_paired(world: StyleWorld) -> None:
    first, second, oracle = compare(world, ["random", "keyart", "oracle"], 4, 3, 0, silent)

    assert first.apart == {}
    assert oracle.figures["capture"].value == pytest.approx(1.0)
    for line in (second, oracle):
        apart = line.apart["capture"]
        assert apart.value == pytest.approx(line.figures["capture"].value - first.figures["capture"].value)
        assert apart.low < apart.value < apart.high
    same = compare(world, ["zero-shot + head", "keyart"], 4, 3, 0, silent)
    assert same[1].apart["policy_value"].value == pytest.approx(
        same[1].figures["policy_value"].value - same[0].figures["policy_value"].value
    )


def test_the_witness_sees_what_the_simulation_shows(world: StyleWorld) -> None:
    witness = RecordingWorld(world, 8)
    report = simulate(witness, 4, 2, truth=WorldTruth.measure(world, 8))

    assert (witness.shown > 0).any()
    assert report.policy_value == pytest.approx(simulate(world, 4, 2).policy_value)


def test_ladder() -> None:
    lines = {line.policy: line for line in compare(StyleWorld(devices=60), policies("ladder"), 5, 2, 0, silent)}

    assert tuple(lines) == LADDER
    first = {name: line.capture_by_round[0] for name, line in lines.items()}
    assert first["keyart"] == first["central"] == first["zero-shot + head"]  # nothing is learned together yet
    assert first["told model"] > first["keyart"] + 0.1
    assert len({first[name] for name in TOLD}) > 1


def test_names() -> None:
    assert policies("federated, central,No-Head,e-greedy") == ("keyart", "central", "no head", "ε-greedy")
    assert policies("none,uniform") == ("zero-shot + head", "random")
    assert set(policies(",".join(COMPARABLE))) == set(COMPARABLE)
    for wrong in ("federated", "federated,keyart", "federated,mars", "", ","):
        with pytest.raises(SettingError):
            policies(wrong)


def test_plot(world: StyleWorld, tmp_path: Path) -> None:
    draw(compare(world, ["random", "best fixed"], 2, 2, 0, silent), "a world", tmp_path / "plot.svg")

    text = (tmp_path / "plot.svg").read_text()
    assert len(text) > 10_000
