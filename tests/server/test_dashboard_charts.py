"""Charts of the pages: what of the rounds they show, and that nothing is shown that was not measured."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import dashboard as dashboard_samples

from keyart.errors import SettingError
from keyart.secagg import Stage
from keyart_federated.accounting import Skellam
from keyart_federated.campaigns import checked
from keyart_federated.campaigns.rollout_plan import RolloutPlan
from keyart_federated.charts import Chart, render
from keyart_server.budget import Charge
from keyart_server.campaigns import Campaign
from keyart_server.dashboard.campaign_charts import campaign_charts, comparison_charts
from keyart_server.dashboard.experiment_view import experiment_check, experiment_view
from keyart_server.dashboard.release_charts import gate_charts, steps_of
from keyart_server.dashboard.round_measures import Run, runs
from keyart_server.dashboard.settings_form import parse_settings
from keyart_server.releases.gate import Gate
from keyart_server.releases.release import Release
from keyart_server.rounds import Round

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
A, B = "a" * 16, "b" * 16


def round_of(number: int, campaign_id: str = A, topic: str = "training", **changes: Any) -> Round:
    counts = dict(zip(Stage, (1000, 950, 900, 890), strict=True))
    about = {"standing": "done", "answered": counts, "result": dashboard_samples.told(topic, number), **changes}
    if topic not in dashboard_samples.SETTINGS:
        about["result"] = changes["result"]
    return Round(
        f"{campaign_id} {number}", campaign_id, number, topic, low=0.0, high=1.0, wanted=1000, patience=60.0,
        opened=AT, changed=AT + timedelta(hours=number), failure="", **about,
    )  # fmt: skip


def charge(number: int, spent: float, campaign_id: str = A) -> Charge:
    return Charge(campaign_id, number, Skellam(20.0, 64.0, 8), spent, AT)


def release(version: int, number: int, gates: tuple[Gate, ...] = ()) -> Release:
    return Release(version, A, number, version - 1, "rolling", 0.1, "", RolloutPlan(), gates, "", AT, AT)


def quality(mean: float | None) -> Gate:
    numbers = {
        "mean": mean,
        "low": None if mean is None else mean - 0.01,
        "high": None if mean is None else mean + 0.01,
    }
    return Gate("quality all", "passed", "", numbers)


def one_run(rounds: list[Round], charges: list[Charge] = [], releases: list[Release] = []) -> Run:  # noqa: B006
    (run,) = runs({A: "Spring"}, rounds, charges, releases)
    return run


def titled(charts: list[Chart]) -> dict[str, Chart]:
    for place, chart in enumerate(charts):
        assert "nan" not in render(chart, f"c{place}").lower()
    return {chart.title: chart for chart in charts}


def test_a_training_campaign_over_its_rounds() -> None:
    rounds = [round_of(number) for number in (3, 1, 2)]
    charges = [charge(1, 1.0), charge(1, 1.5, B), charge(2, 2.0), charge(3, 2.25)]
    made = [release(12, 2, (quality(0.02),)), release(13, 3, (quality(None),)), release(11, 1, (quality(-0.01),))]
    charts = titled(campaign_charts(one_run(rounds, charges, made), "training", "", 0.02))
    assert list(charts) == [
        "Reward on devices", "Gain over the model before", "Update norm", "Clipped updates", "Cohort by stage",
        "Dropout by stage", "ε added",
    ]  # fmt: skip
    (reward,) = charts["Reward on devices"].series
    told = dashboard_samples.told("training", 2)["reward"]
    assert reward.points[1] == (2.0, told["mean"]) and reward.intervals[1] == (told["low"], told["high"])
    gain = charts["Gain over the model before"]
    assert gain.series[0].points == ((1, -0.01), (2, 0.02)) and gain.series[0].intervals[1] == pytest.approx(
        (0.01, 0.03)
    )
    assert [limit.value for limit in gain.limits] == [0.0, -0.02]
    assert [series.points[0][1] for series in charts["Cohort by stage"].series] == [1000, 950, 900, 890]
    assert [series.points[0][1] for series in charts["Dropout by stage"].series] == [
        pytest.approx(share) for share in (50 / 1000, 50 / 950, 10 / 900)
    ]
    assert charts["ε added"].series[0].points == ((1, 1.0), (2, 1.5), (3, 1.75)), "without what others added"


def test_what_was_not_measured_is_not_drawn() -> None:
    assert campaign_charts(one_run([round_of(1, standing="masked", result={})]), "training", "", 0.02) == []
    unusable = round_of(1, result={"used": False, "reason": "The noise drowns it."})
    nobody = round_of(2, standing="failed", result={}, answered=dict.fromkeys(Stage, 0))
    judged = round_of(3, topic="/compare 7", result={"segments": {}})
    old = round_of(4, result={"used": True, "quality_plays": 0.3, "step": True})
    assert campaign_charts(one_run([unusable]), "training", "", 0.02) == []
    charts = titled(campaign_charts(one_run([unusable, nobody, judged, old]), "training", "", 0.02))
    assert charts["Reward on devices"].series[0].points == ((4, 0.3),), "of an older keyart, without an interval"
    assert charts["Update norm"].is_empty and charts["Gain over the model before"].is_empty
    assert [x for x, _ in charts["Cohort by stage"].series[0].points] == [1, 2, 4], "no round that judges a release"
    assert math.isnan(charts["Dropout by stage"].series[0].points[1][1]), "of nobody, nobody was lost"


def test_campaigns_beside_each_other() -> None:
    rounds = [round_of(number) for number in (1, 2)] + [round_of(number, B) for number in (1, 2, 3)]
    charges = [charge(1, 1.0), charge(1, 1.5, B), charge(2, 2.0), charge(2, 2.25, B)]
    compared = runs({B: "Spring", A: "Spring"}, rounds, charges)
    by_round = titled(comparison_charts(compared, by_epsilon=False))
    assert [series.name for series in by_round["Reward on devices"].series] == ["Spring (1)", "Spring (2)"]
    assert [len(series.points) for series in by_round["Update norm"].series] == [3, 2]
    assert "Rate" not in by_round and "Gain over the model before" not in by_round, "neither has one"
    by_epsilon = titled(comparison_charts(compared, by_epsilon=True))
    first, second = by_epsilon["Reward on devices"].series
    assert [x for x, _ in first.finite] == [0.5, 0.75] and [x for x, _ in second.finite] == [1.0, 1.5]
    assert "ε added" not in by_epsilon and comparison_charts([], by_epsilon=False) == []


def experiment(state: str = "running", **settings: Any) -> Campaign:
    about = {"name": "faces", "arms": ["as now", "larger faces"], "devices": 40_000, **settings}
    return Campaign(
        A, "Faces", "experiment", state, None, None, 8, AT, AT + timedelta(days=15), checked("experiment", about)  # type: ignore[arg-type]
    )  # fmt: skip


def test_an_experiment_over_its_days() -> None:
    looks = [round_of(number, topic="experiment") for number in (1, 2, 3)]
    view = experiment_view(experiment(), looks)
    charts = titled(list(view.charts))
    effect = charts["Quality plays a picture"]
    assert [x for x, _ in effect.series[0].points] == [7, 9, 11] and effect.series[0].points[0][1] == 0.011 / 0.31
    assert "Relative" in effect.y.label and "relative" in looks[0].result["metrics"]["quality_plays"]["larger faces"]
    assert effect.series[1].mark == "stripe" and effect.series[1].intervals[0] == (-0.02, 0.02)
    sizes = charts["Arm sizes"].series
    assert [(one.name, one.points[-1][1]) for one in sizes] == [("as now", 1830.0), ("larger faces", 1806.0)]
    difference, chance = charts["Sample-ratio mismatch"].series
    assert difference.points[-1] == (11, -24.0) and chance.intervals[-1][1] == pytest.approx(90 * math.sqrt(3))
    assert view.mismatches == (
        (False, "“larger faces” has 24 devices fewer than the control arm; chance and noise explain up to 156."),
    )
    assert "at the present pace" in view.forecast
    assert view.plan is not None and view.plan.ends == AT + timedelta(days=21) and 0 < view.plan.effect < 0.2


def test_a_chart_is_relative_or_absolute() -> None:
    looks = [round_of(number, topic="experiment") for number in (1, 2)]
    result = json.loads(json.dumps(looks[0].result))
    del result["metrics"]["quality_plays"]["larger faces"]["relative"]  # where the control's mean is about 0
    view = experiment_view(experiment(), [replace(looks[0], result=result), looks[1]])
    effect = titled(list(view.charts))["Quality plays a picture"]
    assert "Absolute" in effect.y.label and effect.series[0].points == ((7, 0.011), (9, 0.011))
    assert "pp" in effect.summary and " %" not in effect.summary and len(effect.series) == 1


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("running", "About 9 more days at the present pace"),
        ("paused", "The campaign is paused"),
        ("stopped", "The experiment was stopped on 16 May 2026."),
        ("done", "The experiment ended on 16 May 2026."),
    ],
)
def test_a_forecast_is_for_an_experiment_that_goes_on(state: str, said: str) -> None:
    text = experiment_view(experiment(state), [round_of(1, topic="experiment")]).forecast
    assert said in text and ("more days" in text) == (state in ("running", "paused"))


def test_an_experiment_before_its_first_look() -> None:
    view = experiment_view(experiment("draft"), [])
    assert view.charts == () and view.mismatches == () and "8 May 2026" in view.forecast


def test_settings_of_another_version_hide_the_plan_and_not_the_result() -> None:
    looks = [round_of(1, topic="experiment")]
    unknown = experiment_view(replace(experiment(), settings='{"of": "later"}'), looks)
    assert unknown.plan is None and unknown.charts == () and unknown.mismatches and "present pace" in unknown.forecast
    nothing = {"quality_plays": {"mean": 0.0, "deviation": 0.1}, "abandonment": {"mean": 0.4, "deviation": 0.2}}
    no_ratio = experiment_view(experiment(metrics=nothing), looks)
    assert no_ratio.plan is None and len(no_ratio.charts) == 4, "no effect is a share of a mean of 0"


def test_what_an_experiment_could_find_is_known_before_it_is_created() -> None:
    values = {"settings": experiment().settings, "epsilon": 1.0}
    small, large = (
        experiment_check({**values, "settings": experiment(devices=devices).settings}, AT)
        for devices in (40_000, 400_000)
    )
    assert large.effect < small.effect and large.finds_margin and not small.finds_margin
    assert small.effect > small.effect_without_noise and small.devices_per_look == 5000
    assert (small.first_look, small.ends) == (AT + timedelta(days=7), AT + timedelta(days=21))
    with pytest.raises(SettingError, match="too few"):
        experiment_check({**values, "epsilon": 0.01}, AT)


def test_a_start_is_a_date_and_not_a_number_of_seconds() -> None:
    def start(text: str) -> Any:
        return parse_settings("experiment", {"settings.start": text})[0].get("start")

    assert (
        start("2026-05-01 12:00")
        == start("2026-05-01T14:00+02:00")
        == int(AT.timestamp())
        == start(str(start("2026-05-01 12:00")))
    )
    assert start("") is None and start("2026-05-01") == int(AT.timestamp()) - 12 * 3600
    (error,) = parse_settings("experiment", {"settings.start": "tomorrow"})[1].values()
    assert "date and time in UTC" in error


def judged(number: int, topic: str, mean: float | None, cohort: str = "") -> Round:
    segments = {"all": [mean, 0.002, 300.0], "tv": [mean, None, 0.0]}
    return round_of(number, topic=topic + cohort, result={"segments": segments})


def test_gates_over_a_roll_out() -> None:
    rounds = [
        judged(1, "/compare 7", 0.01),
        *(
            judged(2 + place, f"/guard 7 0.01 0 {group}", mean)
            for place, (group, mean) in enumerate((("new", 0.3), ("old", 0.31)))
        ),
        judged(4, "/guard 7 0.01 1 new", 0.32),  # the old one is not in yet
        *(
            judged(5 + place, f"/guard 7 0.1 0 {group}", mean)
            for place, (group, mean) in enumerate((("new", 0.33), ("old", 0.3)))
        ),
        judged(7, "/guard 77 0.1 0 new", 9.0),
    ]
    steps = steps_of(release(7, 1), rounds)
    assert [name for name, _ in steps] == ["held-out", "1 % early", "10 % early"]
    (chart,) = gate_charts(release(7, 1), steps)
    points, (low, high) = chart.series[0].points, chart.series[0].intervals[1]
    assert [y for _, y in points] == pytest.approx([0.01, -0.01, 0.03]) and chart.title == "All devices"
    assert (low, high) == pytest.approx((-0.01 - 1.96 * 0.002 * 2**0.5, -0.01 + 1.96 * 0.002 * 2**0.5), abs=1e-4)
    assert [limit.value for limit in chart.limits] == [0.0, -0.02], "tv is drowned by noise, and has no curve"
    assert "1 % early" in render(chart, "a") and gate_charts(release(7, 1), []) == []


def test_gates_judge_the_median_of_sub_cohorts() -> None:
    rounds = [judged(place, "/compare 7", mean, f" {place}/3") for place, mean in enumerate((0.01, 0.02, 9.0), 1)]
    (chart,) = gate_charts(release(7, 1), steps_of(release(7, 1), rounds))
    assert chart.series[0].points == ((0.0, 0.02),)
