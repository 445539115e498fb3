"""Every example runs."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
TRIED = {"embed.py", "fleet_size.py", "simulate_my_world.py"}


def test_all_examples_are_tried():
    assert {path.name for path in EXAMPLES.glob("*.py")} == TRIED


def test_an_evening_in_the_app(tmp_path):
    pictures = runpy.run_path(str(EXAMPLES / "embed.py"))["evening"](tmp_path)
    assert len(pictures) == 4
    assert (tmp_path / "profile.db").is_file()


@pytest.mark.parametrize("name", sorted(TRIED))
def test_importing_an_example_does_nothing(name, capsys):
    runpy.run_path(str(EXAMPLES / name))
    assert capsys.readouterr().out == ""


def test_my_world_teaches_the_rounds_something(capsys):
    example = runpy.run_path(str(EXAMPLES / "simulate_my_world.py"))
    report = example["main"]()
    assert report.random_value < report.policy_value < report.oracle_value
    assert report.capture_by_round[-1] > report.capture_by_round[0]
    assert report.propensities_ok
    assert "policy_value" in capsys.readouterr().out


def test_fleets_of_several_sizes(tmp_path, capsys):
    example = runpy.run_path(str(EXAMPLES / "fleet_size.py"))
    reports = example["main"](sizes=(20, 40), titles=6, rounds=2, steps=4)
    assert [report.devices for report in reports] == [20, 40]
    example["draw"](reports, str(tmp_path / "fleet.png"))
    assert (tmp_path / "fleet.png").read_bytes().startswith(b"\x89PNG")
    assert "40 devices: capture" in capsys.readouterr().out
