"""What the pages make of what is known: words, charts, stages, what needs a person. No server, no database."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from support import dashboard as dashboard_samples

import keyart_server
from keyart.errors import SettingError
from keyart.secagg import Stage
from keyart_federated.accounting import Skellam
from keyart_federated.campaigns import SETTINGS, checked, setting_texts
from keyart_federated.campaigns.campaign import MOVES, STANDINGS
from keyart_federated.campaigns.rollout_plan import RolloutPlan
from keyart_server.budget import Budget, Charge, epsilon_by_campaign
from keyart_server.budget.forecast import Forecast
from keyart_server.campaigns import KINDS, Action, Campaign, Kind
from keyart_server.dashboard import campaign_kinds, formatting, lineage, settings_form
from keyart_server.dashboard.alerts import Alert, Snapshot, alerts
from keyart_server.dashboard.budget_chart import budget_chart
from keyart_server.dashboard.pages.audit_page import NOUNS
from keyart_server.dashboard.pages.releases_page import STEPS, STEPS_BY_STATUS
from keyart_server.dashboard.queries import Failure
from keyart_server.dashboard.round_progress import round_progress
from keyart_server.dashboard.status_icons import STATUS_ICONS as SHAPES
from keyart_server.releases import RELEASE_STATUSES as RELEASES
from keyart_server.releases import Gate, Release
from keyart_server.releases.release import MOVES as RELEASE_MOVES
from keyart_server.rounds import Round, RoundStatus
from keyart_server.rounds.round_result import Rate, parse_result

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def campaign(state: str = "running", name: str = "Spring") -> Campaign:
    return Campaign("c" * 16, name, "training", state, None, None, 10, AT, AT)  # type: ignore[arg-type]


def a_round(standing: str, **changes: Any) -> Round:
    answered = {Stage.KEYS: 900, Stage.SHARE: 890, Stage.MASKED: 850, Stage.UNMASK: 849}
    base = Round("r" * 64, "c" * 16, 3, "training", "done", 0.0, 1.0, 1000, 3600.0, AT, AT, answered, "", {})
    return replace(base, **{"standing": standing, **changes})


def release(version: int, standing: str = "released", base: int | None = None, **changes: Any) -> Release:
    made = Release(version, None, 0, base, "released", 1.0, "d", RolloutPlan(), (), "", AT, AT)
    return replace(made, **{"standing": standing, **changes})


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (formatting.number(None), "–"),
        (formatting.number(float("nan")), "–"),
        (formatting.number(12_345), "12,345"),
        (formatting.number(-2.0), "−2"),
        (formatting.number(-1234.5, 2), "−1,234"),
        (formatting.number(0.123456), "0.1235"),
        (formatting.percent(0.1), "10 %"),
        (formatting.percent(0.0125), "1.25 %"),
        (formatting.percent(None), "–"),
        (formatting.epsilon(5.599), "5.60"),
        (formatting.difference(-0.00115), "−0.0011"),
        (formatting.difference(0.5), "+0.5000"),
        (formatting.counted(1, "round"), "1 round"),
        (formatting.counted(2000, "round"), "2,000 rounds"),
        (formatting.relative_time(AT - 3 * HOUR, AT), "3 hours ago"),
        (formatting.relative_time(AT + 49 * HOUR, AT), "in 2 days"),
        (formatting.relative_time(AT, AT), "just now"),
        (formatting.relative_time(AT + timedelta(seconds=59), AT), "in a moment"),
        (formatting.date_time("2026-05-01T14:30:00+02:00"), "1 May 2026, 12:30 UTC"),
    ],
)
def test_words(told: str, said: str) -> None:
    assert told == said


def test_every_standing_has_its_shape() -> None:
    gates, verdicts = (
        ("passed", "unclear", "failed"),
        ("better", "worse", "no difference", "not yet", "guard", "mismatch"),
    )
    known = {*STANDINGS, *RELEASES, *get_args(RoundStatus), *gates, *verdicts}
    assert known <= set(SHAPES)


def test_every_noun_of_the_audit_log_can_be_chosen() -> None:
    sources = "".join(path.read_text() for path in Path(keyart_server.__file__).parent.rglob("*.py"))
    nouns = set(re.findall(r'audit_log\.append\(\s*session, (?:[^"]{0,60}"server")?[^"]{0,60}"([a-z]+)\.', sources))
    assert {"round", "campaign", "person", "token", "budget", "release"} <= nouns <= set(NOUNS)


def test_what_can_be_done_where_it_stands() -> None:
    """The buttons are the moves, both of campaigns and of releases."""
    for state in STANDINGS:
        asked: set[Action] = {action for action, (sources, _) in MOVES.items() if state in sources} - {"finish"}
        assert {action for action, _ in campaign_kinds.actions(campaign(state))} == asked
    for standing in RELEASES:
        possible = {
            action for action, (sources, _) in RELEASE_MOVES.items() if standing in sources and action in STEPS
        }
        possible |= {"promote"} if standing == "waiting" else set()  # `publishing.promote` publishes it
        assert set(STEPS_BY_STATUS.get(standing, ())) == possible, standing
    assert set(campaign_kinds.KIND_TEXTS) == set(KINDS)


def test_stages_of_a_round() -> None:
    def told(of: Round, came: dict[Stage, int] | None = None) -> list[tuple[str, int, int]]:
        return [(step.where, step.devices, step.lost) for step in round_progress(of, came or {}).steps]

    open_at = {Stage.SHARE: 600}
    going = a_round("share", answered={Stage.KEYS: 900, Stage.SHARE: 0, Stage.MASKED: 0, Stage.UNMASK: 0})
    assert told(going, open_at) == [("over", 900, 0), ("now", 600, 0), ("coming", 0, 0), ("coming", 0, 0)]
    assert round_progress(going, open_at).closes == AT + HOUR and round_progress(going, open_at).steps[1].share == 0.6
    assert told(a_round("done")) == [("over", 900, 0), ("over", 890, 10), ("over", 850, 40), ("over", 849, 1)]
    assert round_progress(a_round("done"), {}).closes is None
    failed = a_round("failed", answered={Stage.KEYS: 900, Stage.SHARE: 412, Stage.MASKED: 0, Stage.UNMASK: 0})
    assert [step[0] for step in told(failed)] == ["over", "over", "coming", "coming"]
    assert round_progress(a_round("keys", wanted=10), {Stage.KEYS: 99}).steps[0].share == 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_round_told(kind: Kind) -> None:
    told = parse_result(json.loads(json.dumps(dashboard_samples.told(kind, 20))))
    assert told.shows
    if kind == "training":
        assert told.rest["version"] == 14 and told.main_rate is None
    if kind == "statistics":
        assert told.main_rate == told.rates["all"] and "tablet" not in told.rates and len(told.rates) == 4
    if kind == "experiment":
        assert [one.label for one in told.differences] == [
            "quality plays a picture", "plays given up", "quality plays a picture: tv",
        ]  # fmt: skip
        first = told.differences[0]
        assert first.texts[0] == "+1.10 pp" and first.rate.mean == 0.011 and first.tone in ("good", "still")
        assert told.verdicts[0].arm == "larger faces"
    if kind == "evaluation":
        assert list(told.rates) == ["model 7"]


def test_what_noise_drowns_is_not_left_out() -> None:
    segments = {
        "all": {"rate": None, "low": None, "high": None},
        "tv": {"rate": 0.12, "low": 0.04, "high": 0.2},
        "phone": {"rate": 0.12, "low": 0.1, "high": 0.14},
    }
    told = parse_result({"used": True, "segments": segments})
    assert told.shows and told.main_segment == told.segments[0]
    assert [(one.segment, one.drowned) for one in told.segments] == [("all", True), ("tv", True), ("phone", False)]
    assert parse_result({"used": True}).main_segment is None


def test_less_that_is_given_up_is_better() -> None:
    course = {"b": {"difference": -0.05, "low": -0.06, "high": -0.04}}
    (one,) = parse_result({"metrics": {"abandonment": course}}).differences
    assert one.tone == "good" and one.texts == ("−5.00 pp", "−6.00 pp", "−4.00 pp")
    (one,) = parse_result({"metrics": {"quality_plays": course}}).differences
    assert one.tone == "bad"


def test_what_was_of_no_use_says_why() -> None:
    told = parse_result({"used": False, "reason": "The noise drowns it."})
    assert told.rest == {"reason": "The noise drowns it."} and told.shows
    assert not parse_result({"segments": {"all": [0.1, 0.01, 600.0]}}).shows, "what judges a release stands there"


def paid(campaign_id: str, spent: float, at: datetime) -> Charge:
    return Charge(campaign_id, 1, Skellam(20.0, 64.0, 8), spent, at)


def test_a_chart_of_what_was_spent() -> None:
    budget = Budget(8.0, 1e-6, 5.0)
    charges = [
        paid("a", 5.0 * (n + 1) / 2000, AT - timedelta(days=30) + n * timedelta(minutes=20)) for n in range(2000)
    ]
    ahead = Forecast(0.1, AT + timedelta(days=30), 0.01)
    chart = budget_chart(charges, budget, ahead, AT)
    spent, forecast = chart.series
    assert spent.points[-1] == (AT.timestamp(), 5.0) and forecast.points[1] == (
        (AT + timedelta(days=30)).timestamp(),
        8,
    )
    assert chart.limits[0].value == 8.0 and "31 May 2026" in chart.summary
    far = budget_chart(charges, budget, replace(ahead, exhausted_at=AT + timedelta(days=3000)), AT)
    assert far.series[1].points[1][0] == pytest.approx((AT + timedelta(days=30)).timestamp()), "as far ahead as back"
    assert far.series[1].points[1][1] == pytest.approx(5.03)
    never = budget_chart(charges[:1], budget, Forecast(0.0, None, 0.0), AT)
    assert len(never.series) == 1 and budget_chart([], budget, ahead, AT).is_empty


def test_what_each_campaign_has_cost() -> None:
    charges = [paid("a", 1.0, AT), paid("b", 1.5, AT), paid("a", 1.75, AT)]
    assert epsilon_by_campaign(charges) == {"a": 1.25, "b": 0.5}


QUIET = Snapshot(
    AT, {"c" * 16: campaign()}, (), (), (release(8), release(7)), Budget(8.0, 1e-6, 1.0), Forecast(0.0, None, 0.1),
    {"main": AT}, AT + timedelta(days=1), "", True, {},
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "word", "grave", "said"),
    [
        ({"releases": (release(9, "held", reason="It fell."), *QUIET.releases)}, "Release held", True, "It fell."),
        ({"releases": (release(9, "waiting", reason="A key."), *QUIET.releases)}, "Release waiting", True, "Model 9"),
        ({"damage": "timestamp.json cannot be read."}, "Bundles damaged", True, "timestamp.json"),
        ({"expires": AT}, "Signature", True, "has expired"),
        ({"expires": AT + 11 * HOUR}, "Signature", True, "in 11 hours"),
        ({"budget": Budget(8.0, 1e-6, 7.95)}, "Budget spent", True, "ε 0.05 of 8 is left"),
        ({"ahead": Forecast(0.5, AT + timedelta(days=13), 0.1)}, "Budget", False, "in 13 days"),
        ({"catalog": False}, "No catalogue", True, "Upload one"),
        ({"releases": ()}, "No model", True, "Upload a bundle"),
        ({"going_on": (a_round("keys"),), "gateways": {}}, "No gateway", True, "5 minutes"),
        ({"going_on": (a_round("keys"),), "gateways": {"a": AT - HOUR}}, "No gateway", True, "5 minutes"),
        ({"gateways": {"main": AT, "west": AT - HOUR}}, "Gateway silent", False, "west last reported 1 hour ago"),
        ({"halted": {"c" * 16: "It cannot."}}, "Campaign paused", True, "Spring: It cannot."),
        ({"failed": (Failure("c" * 16, 4, "Too few."),) * 2}, "Rounds failed", False, "2 rounds"),
    ],
)  # fmt: skip
def test_what_needs_a_person(changes: dict[str, Any], word: str, grave: bool, said: str) -> None:
    assert alerts(QUIET) == []
    (alert,) = alerts(replace(QUIET, **changes))
    assert (alert.title, alert.urgent) == (word, grave) and said in alert.sentence and alert.link.startswith("/")


def test_what_needs_nobody() -> None:
    stopped = {"c" * 16: campaign("stopped")}
    for changes in (
        {"campaigns": stopped, "failed": (Failure("c" * 16, 4, "Too few."),)},
        {"campaigns": stopped, "catalog": False, "releases": ()},
        {"campaigns": stopped, "ahead": Forecast(0.5, AT + timedelta(days=3), 0.1)},
        {"gateways": {"main": AT, "gone": AT - 25 * HOUR}},
        {"expires": None},
        {"expires": AT + 13 * HOUR},
    ):
        assert alerts(replace(QUIET, **changes)) == []  # type: ignore[arg-type]


def test_the_gravest_comes_first() -> None:
    found = alerts(replace(QUIET, gateways={"main": AT, "west": AT - HOUR}, damage="It is broken.", catalog=False))
    assert [alert.urgent for alert in found] == [True, True, False] and all(
        isinstance(alert, Alert) for alert in found
    )


def test_a_lineage() -> None:
    releases = [
        release(12, "candidate", base=11, share=0.0),
        release(11, "rolling", base=10, share=0.1),
        release(10, base=9),
        release(9, "withdrawn", base=7),
        release(8, "refused", base=7, share=0.0),
        release(7),
    ]
    assert lineage.newest_offered(releases) == releases[1]
    assert lineage.ancestors(releases) == {11, 10, 9, 7}
    assert lineage.ancestors([release(3, base=4), release(4, base=3)]) == {3, 4}, "a ring ends"
    assert lineage.newest_offered(releases[:1]) is None and lineage.ancestors([]) == frozenset()
    assert [(wave.reached, wave.now) for wave in lineage.rollout_stages(releases[1])] == [
        (True, False),
        (True, True),
        (False, False),
    ]


def test_what_a_gate_measured() -> None:
    gate = Gate("quality all", "passed", "…", {"mean": 0.01, "low": -0.01, "high": 0.03})
    assert lineage.gain_over_base(release(8, gates=(gate,))) == Rate(0.01, -0.01, 0.03)
    assert lineage.gain_over_base(release(8)) is None
    assert lineage.difference(replace(gate, numbers={"mean": None, "low": None, "high": None})) is None
    assert lineage.difference(Gate("size", "passed", "…", {"bytes": 7.0})) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_has_every_setting_that_a_line_can_hold(kind: Kind) -> None:
    form = settings_form.settings_form(kind)
    names = [field.name.removeprefix(settings_form.PREFIX) for field in (*form.main, *form.more)]
    assert sorted(names) == sorted(SETTINGS[kind].model_fields)
    assert set(settings_form.MAIN_SETTINGS[kind]) <= set(SETTINGS[kind].model_fields)
    needed = {field.name: "8" for field in (*form.main, *form.more) if field.required}
    sent = {field.name: field.default for field in (*form.main, *form.more)} | needed
    told = {name.removeprefix(settings_form.PREFIX): value for name, value in needed.items()}
    told |= {"version": 8} if "version" in told else {}
    settings, errors = settings_form.parse_settings(kind, sent)
    assert errors == {} and checked(kind, settings) == checked(kind, told)
    assert settings_form.parse_settings(kind, dict.fromkeys(sent, " ")) == ({}, {})


def test_numbers_of_a_form() -> None:
    assert (
        setting_texts.parse_number("days", " 7 ", int) == 7
        and setting_texts.parse_number("ε", "1e-3", float) == 0.001
    )
    for text in ("", "seven", "1.5", "9" * 5000):
        with pytest.raises(SettingError, match=r"days is .* whole number"):
            setting_texts.parse_number("days", text, int)
