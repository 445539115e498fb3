"""`keyart privacy`: the accountant's answer, the plan, and a no where learning together cannot pay."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from keyart.errors import KeyartError, SettingError
from keyart_federated.accounting import noise_for, skellam_epsilon
from keyart_tools.privacy import MeasuredRun, measured_runs, plan, predict, read
from keyart_tools.privacy.campaign_plan import effective_devices

# Placeholders, no measurements: round figures that are easy to interpolate.
PLACEHOLDERS = [
    {"devices": 0, "epsilon": None, "whole": 0.40, "last_quarter": 0.45, "seeds": 1},
    {"devices": 100, "epsilon": None, "whole": 0.20, "last_quarter": 0.25, "seeds": 1},
    {"devices": 10_000, "epsilon": None, "whole": 0.60, "last_quarter": 0.65, "seeds": 1},
]
ASKED = {"delta": 1e-6, "rounds": 10, "dimension": 1000}


@pytest.fixture
def placeholders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[MeasuredRun, ...]:
    file = tmp_path / "measured.json"
    file.write_text(json.dumps(PLACEHOLDERS), "utf-8")
    monkeypatch.setattr(measured_runs, "FILE", file)
    return read()


@pytest.fixture
def nothing_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "measured.json").write_text("[]", "utf-8")
    monkeypatch.setattr(measured_runs, "FILE", tmp_path / "measured.json")


def test_epsilon(keyart_command) -> None:
    asked = ("privacy", "epsilon", "--noise", "1", "--rate", "0.01", "--rounds", "1000", "--delta", "1e-6")
    assert keyart_command(*asked).stdout == "ε = 2.437 at δ = 1e-06\n"
    document = json.loads(keyart_command(*asked, "--json").stdout)
    assert document["epsilon"] == pytest.approx(2.4367, abs=1e-3)
    skellam = keyart_command(*asked, "--l2", "50", "--dimension", "9", "--json")
    assert json.loads(skellam.stdout)["epsilon"] == skellam_epsilon(1, 50, 9, 1000, 1e-6, 0.01)
    none = keyart_command("privacy", "epsilon", "--noise", "0", "--rounds", "1", "--json")
    assert json.loads(none.stdout) == {"epsilon": None, "delta": 1e-6}
    assert "inf" in keyart_command("privacy", "epsilon", "--noise", "0", "--rounds", "1").stdout


@pytest.mark.parametrize(
    "wrong",
    [
        ("epsilon", "--rounds", "1"),
        ("epsilon", "--noise", "-1", "--rounds", "1"),
        ("epsilon", "--noise", "1", "--rounds", "1", "--delta", "1"),
        ("epsilon", "--noise", "1", "--rounds", "1", "--l2", "5"),
        ("plan",),
        ("plan", "--dimension", "10", "--devices", "0"),
        ("plan", "--dimension", "10", "--epsilon", "0"),
    ],
)
def test_wrong_use(keyart_command, wrong) -> None:
    assert keyart_command("privacy", *wrong).exit_code == 2


def test_delta_that_is_too_large_for_the_fleet(keyart_command) -> None:
    done = keyart_command("privacy", "plan", "--dimension", "10", "--devices", "2000", "--delta", "0.001")
    assert done.exit_code == 1
    assert "one over 2,000 devices" in done.stderr and len(done.stderr.splitlines()) == 1


def test_plan_without_measurements(keyart_command, nothing_measured, tmp_path: Path) -> None:
    asked = ("privacy", "plan", "--dimension", "3000", "--devices", "2000", "--rounds", "5", "--epsilon", "8")
    done = keyart_command(*asked)
    assert done.exit_code == 0 and "2,000" in done.stdout and "capture" not in done.stdout
    assert "No measured runs" in done.stderr
    document = json.loads(keyart_command(*asked, "--json").stdout)
    (row,) = document["rows"]
    noise = noise_for(8, 1e-6, 5)
    assert row["noise_multiplier"] == noise and row["mean_noise"] == noise / 2000
    assert row["tau"] == pytest.approx(noise**2 * 3000 / 2000)
    assert row["share"] == pytest.approx(1 / (1 + row["tau"]))
    assert row["upload_bytes"] == 12_000
    assert not {"whole", "last_quarter", "pays"} & set(row) and "alone" not in document
    drawn = keyart_command(*asked, "--plot", tmp_path / "no.png")
    assert drawn.exit_code == 1 and "no measured runs" in drawn.stderr and not (tmp_path / "no.png").exists()


def test_plan_says_no_where_it_cannot_pay(keyart_command, placeholders, tmp_path: Path) -> None:
    asked = ("privacy", "plan", "--dimension", "1000", "--devices", "200", "--devices", "10000", "--rounds", "10")
    done = keyart_command(*asked, "--plot", tmp_path / "capture.png")
    assert done.exit_code == 0, done.output
    (sentence,) = [line for line in done.stdout.splitlines() if line.startswith("Not worthwhile:")]
    assert "200 devices" in sentence and "0.400" in sentence
    assert (tmp_path / "capture.png").stat().st_size > 5000
    small, large = json.loads(keyart_command(*asked, "--json").stdout)["rows"]
    assert (small["pays"], large["pays"]) == (False, True)
    assert done.stderr == ""


def test_the_campaign_keeps_half_from_half_devices_on() -> None:
    made = plan([1000], [10], 2.0, 1e-6, 1000)
    (row,) = plan([made.half_devices], [10], 2.0, 1e-6, 1000).rows
    assert row.campaign_share == pytest.approx(0.5, abs=1e-3) and row.campaign_share >= 0.5


def test_steps_of_integers_cost_noise_and_width() -> None:
    (fine,), (coarse,) = (plan([10_000], [10], 2.0, 1e-6, 1000, l2).rows for l2 in (2.0**20, 4.0))
    assert (fine.upload_bytes, coarse.upload_bytes) == (8000, 4000)
    assert fine.noise_multiplier < coarse.noise_multiplier


def test_prediction_is_interpolated_in_the_logarithm_and_held_at_the_ends(placeholders) -> None:
    assert predict(1000, None, runs=placeholders, **ASKED) == pytest.approx((0.4, 0.45))
    assert predict(10**6, None, runs=placeholders, **ASKED) == pytest.approx((0.6, 0.65))
    assert predict(3, 1.0, runs=placeholders, **ASKED) == pytest.approx((0.2, 0.25))
    found = [predict(5000, e, runs=placeholders, **ASKED) for e in (0.5, 2.0, 8.0, None)]
    assert [one[0] for one in found] == sorted({one[0] for one in found})
    assert predict(1000, None, runs=placeholders[:1], **ASKED) is None
    with pytest.raises(SettingError):
        predict(1000, 0.0, runs=placeholders, **ASKED)


def test_noisy_runs_count_as_fewer_devices() -> None:
    noisy = MeasuredRun(5000, 2.0, 0.3, 0.35, 2, rounds=10, dimension=1000)
    here = effective_devices(5000, 2.0, 1e-6, 10, 1000)
    assert here < 5000
    runs = (
        noisy,
        MeasuredRun(5000, 2.0, 0.6, 0.65, 1, rounds=10, dimension=1000),
        MeasuredRun(50_000, None, 0.7, 0.8, 1),
    )
    assert predict(5000, 2.0, runs=runs, **ASKED) == pytest.approx((0.4, 0.45))  # weighted by seeds
    between = predict(round(math.sqrt(here * 50_000)), None, runs=runs, **ASKED)
    assert between == pytest.approx((0.55, 0.625), abs=1e-3)


def test_shipped_measurements_are_whole() -> None:
    assert isinstance(read(), tuple)


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[1]",
        "not json",
        json.dumps([{"devices": 1}]),
        json.dumps([PLACEHOLDERS[1] | {"more": 1}]),
        json.dumps([PLACEHOLDERS[1] | {"whole": math.nan}]),
        json.dumps([PLACEHOLDERS[1] | {"whole": "much"}]),
        json.dumps([PLACEHOLDERS[1] | {"epsilon": 0}]),
        json.dumps([PLACEHOLDERS[1] | {"devices": -1}]),
        json.dumps([PLACEHOLDERS[1] | {"seeds": 0}]),
    ],
)
def test_measurements_that_are_none(tmp_path: Path, content) -> None:
    (tmp_path / "m.json").write_text(content, "utf-8")
    with pytest.raises(KeyartError, match="measured runs"):
        read(tmp_path / "m.json")
