"""Every example runs."""

import json
import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
TRIED = {
    "embed.py",
    "fleet_size.py",
    "off_policy.py",
    "poisoned_fleet.py",
    "private_fleets.py",
    "served_world.py",
    "simulate_my_world.py",
    "visiting_devices.py",
}


def test_all_examples_are_tried():
    assert {path.name for path in EXAMPLES.glob("*.py")} == TRIED


def test_an_evening_in_the_app(tmp_path):
    pictures = runpy.run_path(str(EXAMPLES / "embed.py"))["evening"](tmp_path)
    assert len(pictures) == 4
    assert (tmp_path / "profile.db").is_file()


def test_advertisements_fit_the_programme_and_keep_their_caps(tmp_path):
    example = runpy.run_path(str(EXAMPLES / "ads/ad_break.py"))
    breaks = example["evening"](tmp_path)
    assert [programme for programme, _, _ in breaks] == list(example["PROGRAMMES"])
    shown = [decision.title_id for _, decision, _ in breaks]
    assert all(shown.count(campaign) <= example["FrequencyCaps"]().most for campaign in shown)
    assert shown[0] == "alpine-tea" and shown[2] == "night-radio"
    assert "asked" not in "".join(reason for _, _, reason in breaks)  # nobody asks for an advertisement
    page = example["page"](breaks)
    assert page.count("<figure>") == len(breaks) and "src=" not in page
    caps, at = example["FrequencyCaps"](most=1), datetime(2026, 3, 2, 20, tzinfo=UTC)
    caps.count("a", at)
    assert not caps.allows("a", at + timedelta(hours=23)) and caps.allows("a", at + timedelta(hours=24))


@pytest.mark.parametrize("name", sorted(TRIED))
def test_importing_an_example_does_nothing(name, capsys, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)  # an example may use another one, as when it is run
    runpy.run_path(str(EXAMPLES / name))
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.parametrize("notebook", sorted((EXAMPLES / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_run_from_top_to_bottom(notebook, monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)  # figures belong to the machine that ran it
    names: dict[str, object] = {"__name__": "notebook"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    told = capsys.readouterr().out
    assert "capture" in told and "the true value is" in told and "ε =" in told
    reports = names["reports"]
    assert reports["model and personal head"].capture > 0.2
    for name in ("IPS", "SNIPS"):
        assert name in told


@pytest.mark.slow
def test_my_world_teaches_the_rounds_something(capsys):
    example = runpy.run_path(str(EXAMPLES / "simulate_my_world.py"))
    report = example["main"]()
    assert report.random_value < report.policy_value < report.oracle_value
    assert report.capture_by_round[-1] > report.capture_by_round[0] + 0.2
    assert report.propensities_ok
    assert "policy_value" in capsys.readouterr().out


@pytest.mark.slow
def test_fleets_of_several_sizes(tmp_path, capsys):
    example = runpy.run_path(str(EXAMPLES / "fleet_size.py"))
    reports = example["main"](sizes=(20, 40), titles=6, rounds=2, steps=4)
    assert [report.devices for report in reports] == [20, 40]
    example["draw"](reports, str(tmp_path / "fleet.png"))
    assert (tmp_path / "fleet.png").read_bytes().startswith(b"\x89PNG")
    assert "40 devices: capture" in capsys.readouterr().out


@pytest.mark.slow
def test_private_fleets_of_several_sizes(tmp_path, capsys):
    example = runpy.run_path(str(EXAMPLES / "private_fleets.py"))
    runs = example["main"](sizes=(20, 40), epsilons=(2.0, 8.0, None), titles=6, rounds=2, steps=4)
    assert [(run["devices"], run["epsilon"]) for run in runs][:3] == [(0, None), (20, 2.0), (20, 8.0)]
    assert len(runs) == 7
    example["draw"](runs, str(tmp_path / "privacy.png"))
    assert (tmp_path / "privacy.png").read_bytes().startswith(b"\x89PNG")
    assert "40 devices, without privacy: capture" in capsys.readouterr().out


@pytest.mark.slow
def test_a_poisoned_fleet(capsys):
    example = runpy.run_path(str(EXAMPLES / "poisoned_fleet.py"))
    found = example["main"](20, 6, 2, seeds=(0,), share=0.1, attacks=("none", "beyond"), asked=2)
    assert set(found) == {(attack, guarded) for attack in ("none", "beyond") for guarded in (False, True)}
    assert capsys.readouterr().out.count("taken by") == 2


def test_devices_that_lie():
    example = runpy.run_path(str(EXAMPLES / "poisoned_fleet.py"))
    offer = SimpleNamespace(kind="training", numbers=np.ones(3000))
    vectors = np.random.default_rng(0).normal(0, 60, (20, 3007)).astype(np.int64)
    for attack, length in example["ATTACKS"].items():
        world = example["PoisonedWorld"](attack, 0.1, viewers=20, titles=6, impressions=5, seed=0)
        sent = world.tamper(offer, vectors, np.arange(20))
        changed = (sent != vectors).any(axis=1)
        assert changed.sum() == (2 if attack != "none" else 0)
        assert (sent[:, 3000:] == vectors[:, 3000:]).all()
        longest = np.sqrt((sent**2).sum(axis=1))[changed]
        assert (longest <= max(1, length) * 4096).all() and (longest > 0.97 * length * 4096).all()
