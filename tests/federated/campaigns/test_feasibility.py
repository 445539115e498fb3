"""Whether a campaign can finish, and what its results will be worth, is said before it costs anything."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from keyart.errors import SettingError
from keyart_federated.campaigns import (
    PRESETS,
    CampaignFinding,
    DeployedModel,
    KnownFleet,
    RoundRequest,
    ask,
    assess,
    checked,
    plan,
    request_guard,
)
from keyart_federated.campaigns.campaign import Campaign, Kind
from keyart_federated.campaigns.feasibility import PURPOSES
from keyart_federated.campaigns.precision import TYPICAL_RATE, expected_errors
from keyart_federated.campaigns.requirements import GUARD, SURE, Requirement, requirements

AT = datetime(2026, 3, 1, tzinfo=UTC)
TEST_FLEET = PRESETS["test fleet"]
NAMED: dict[str, dict[str, Any]] = {"experiment": {"name": "faces"}, "evaluation": {"version": 1}}


def campaign(kind: Kind, epsilon: float = 4.0, rounds: int = 10, **settings: Any) -> Campaign:
    text = checked(kind, {**NAMED.get(kind, {}), **settings}, epsilon)
    return Campaign("5e" * 8, "Spring", kind, "draft", epsilon, None, rounds, AT, AT, text)


def of_preset(kind: Kind) -> Campaign:
    return campaign(kind, TEST_FLEET.epsilon, TEST_FLEET.rounds, **TEST_FLEET.settings_of(kind))


def about(found: tuple[CampaignFinding, ...], words: str) -> CampaignFinding:
    (one,) = [finding for finding in found if words in finding.sentence]
    return one


@pytest.mark.parametrize(
    "judged",
    [
        campaign("training"),
        campaign("training", wanted=9000, minimum_devices=700, low=0.5),
        campaign("statistics"),
        campaign("statistics", topic="trending"),
        campaign("statistics", topic="population", high=0.5),
        campaign("statistics", topic="co-watch", cohorts=1),
        campaign("experiment", devices=100_000),
        campaign("evaluation", rounds=1),
        of_preset("training"),
        of_preset("evaluation"),
    ],
)
def test_requirements_are_those_of_the_rounds(judged: Campaign, base: DeployedModel) -> None:
    """What is judged is what devices will be asked: the first request of each kind says so."""
    later = AT.replace(year=2027)
    request = ask(replace(judged, state="running"), None, 1, 0, base, later)
    assert isinstance(request, RoundRequest)
    needs = {need.purpose: need for need in requirements(judged, base)}
    purpose = request.offer.topic if request.offer.topic in needs else next(iter(needs))
    need = needs[purpose]
    assert (request.low, request.high) == need.ranges[0]
    assert (request.offer.minimum_devices, request.wanted) == (need.minimum, need.wanted)
    assert request.event == need.event
    if GUARD in needs:
        asked = request_guard(base.version, base, judged, 2, later, AT, cohort=needs[GUARD].cohorts - 1)
        assert (asked.low, asked.high) == needs[GUARD].ranges[-1]
        assert asked.offer.minimum_devices == needs[GUARD].minimum


TOPICS = ("rates", "trending", "population", "co-watch")


@pytest.mark.parametrize(
    "judged",
    [campaign("statistics", topic=topic) for topic in TOPICS]
    + [campaign(kind, rounds=1) for kind in ("training", "experiment", "evaluation")],
)
def test_every_kind_is_judged(judged: Campaign, base: DeployedModel) -> None:
    """A kind that is new needs an entry for each purpose of its plan, in `feasibility` and in `precision`."""
    found = assess(judged, base, KnownFleet(100_000, epsilon=8.0))
    subjects = {finding.subject for finding in found.findings}
    assert {"cohort", "privacy budget", "precision"} <= subjects and found.can_finish
    assert set(plan(judged, base)) <= set(PURPOSES)


def need(
    low: float = 0.0, high: float = 1.0, cohorts: int = 1, minimum: int = 50, installed: float = 1.0
) -> Requirement:
    planned = plan_of_one()
    return Requirement("rates", planned, low, high, cohorts, minimum, minimum, installed)


def plan_of_one() -> Any:
    from keyart_federated.accounting import Skellam
    from keyart_federated.campaigns import PlannedRounds

    return PlannedRounds(1, Skellam(1.0, 4096.0, 8), 1)


@pytest.mark.parametrize(
    "asked", [need(), need(0.1, 1.0, minimum=20), need(0.0, 0.1, 3), need(installed=0.01, cohorts=3)]
)
def test_the_fleet_that_is_needed_is_enough(asked: Requirement) -> None:
    """With so many devices a sum of simulated buckets reaches its minimum nearly always, with fewer it does not."""
    devices, rng = asked.needed(), np.random.default_rng(3)
    came = rng.binomial(devices, asked.sampled_share, 4000) >= asked.minimum
    assert came.mean() == pytest.approx(SURE, abs=0.03) or asked.sampled_share == 1
    assert asked.chance(devices) >= SURE - 0.01 and asked.chance(0.8 * devices) < SURE - 0.1
    assert asked.needed(0.5) > 1.7 * devices, "half of them do not answer"


def test_the_default_campaign_on_a_small_fleet(base: DeployedModel) -> None:
    found = assess(campaign("training"), base, KnownFleet(30, epsilon=8.0))
    assert found.verdict == "cannot finish" and not found.can_finish
    rounds = about(found.blocking, "training round")
    assert "about 27 of 30 devices can answer" in rounds.sentence and "at least 50 must" in rounds.sentence
    held_out = about(found.blocking, "held-out")
    assert held_out.numbers["expected"] == pytest.approx(1.0) and "decision of a person" in held_out.advice
    assert "370 devices" in about(found.blocking, "roll-out").advice
    assert about(found.findings, "first stage is 50 %").severity == "fine"
    assert [finding.severity for finding in found.findings] == sorted(
        (finding.severity for finding in found.findings), key=["blocking", "warning", "fine"].index
    )


@pytest.mark.parametrize("kind", TEST_FLEET.settings)
def test_the_preset_can_finish_on_a_test_fleet(kind: Kind, base: DeployedModel) -> None:
    found = assess(of_preset(kind), base, KnownFleet(30, epsilon=8.0, gateways=1))
    assert found.can_finish
    assert "Limits(minimum_devices=20)" in about(found.warnings, "decline a cohort").advice
    drowned = [finding for finding in found.warnings if finding.subject == "precision"]
    assert drowned and all("drowned by noise" in finding.sentence for finding in drowned)
    assert "noise" in TEST_FLEET.description


def test_the_preset_offers_no_experiment() -> None:
    with pytest.raises(SettingError, match="drowns an experiment"):
        TEST_FLEET.settings_of("experiment")


def test_gates_that_cannot_be_asked_stop_only_what_waits_for_them(base: DeployedModel) -> None:
    fleet, early = KnownFleet(5000, epsilon=8.0), [0.01, 1.0]
    assert about(assess(campaign("training", stages=early), base, fleet, False).blocking, "roll-out")
    assert assess(campaign("training"), base, fleet, False).can_finish, "the stages follow the fleet by default"
    goes_on = assess(campaign("training", unclear="go on", stages=early), base, fleet, False)
    assert goes_on.can_finish and "unjudged" in about(goes_on.warnings, "roll-out").advice
    no_gates = assess(campaign("training", gates=0.0), base, fleet, False)
    assert "held at 1 %" in about(no_gates.blocking, "No ε is set aside").sentence
    assert assess(campaign("training", gates=0.0, stages=[1.0]), base, fleet, False).verdict == "feasible"


def test_a_fleet_that_nobody_has_counted(base: DeployedModel) -> None:
    unknown = assess(campaign("training"), base, KnownFleet(0))
    assert unknown.verdict == "doubtful" and "1,900 devices" in unknown.warnings[0].sentence
    larger = assess(campaign("training"), base, KnownFleet(30, at_least=True), False)
    assert larger.can_finish and "more than 30 devices" in larger.warnings[0].sentence
    half = assess(campaign("statistics"), base, KnownFleet(80, answer_share=0.5), False)
    assert not half.can_finish and "about 40 of 80" in half.blocking[0].sentence
    silent = assess(campaign("statistics"), base, KnownFleet(80, gateways=0), False)
    assert "No gateway" in silent.warnings[0].sentence


def charges(judged: Campaign, base: DeployedModel) -> tuple[Any, ...]:
    counts: Counter[Any] = Counter()
    for one in requirements(judged, base):
        for low, high in one.ranges:
            counts[one.event, low, high] += one.planned.per_device
    return tuple(counts.items())


def test_the_budget(base: DeployedModel) -> None:
    judged, other = campaign("statistics"), charges(campaign("statistics", topic="population"), base)
    fits = about(assess(judged, base, KnownFleet(5000, epsilon=8.0, charged=other)).findings, "to 5.")
    assert fits.severity == "fine", "ε of two campaigns is less than the sum"
    found = assess(judged, base, KnownFleet(5000, epsilon=4.5, charged=other), False)
    (finding,) = found.blocking
    assert "would bring the fleet to ε 5." in finding.sentence and "ε 0.5" in finding.sentence
    least = finding.numbers["fits"]
    assert least is not None and 0 < least < 4
    again = replace(judged, epsilon=least, settings=judged.settings)
    assert assess(again, base, KnownFleet(5000, epsilon=4.5, charged=other), False).can_finish
    spent = assess(judged, base, KnownFleet(5000, epsilon=4.0, charged=other), False).blocking[0]
    assert "raise the budget" in spent.advice


def test_rounds_that_were_charged_do_not_count_twice(base: DeployedModel) -> None:
    judged = campaign("training", gates=0.0, stages=[1.0])
    own = charges(judged, base)
    found = assess(judged, base, KnownFleet(5000, epsilon=4.01, charged=own, own=own), False)
    assert found.can_finish and "to 4.00" in about(found.findings, "brings the fleet").sentence
    assert not assess(judged, base, KnownFleet(5000, epsilon=4.01, charged=own), False).can_finish


def test_more_devices_and_more_epsilon_help(base: DeployedModel) -> None:
    judged = campaign("statistics", wanted=4000, minimum_devices=50)
    errors = [expected_errors(judged, base, devices)[0].half_width for devices in (60, 500, 4000)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.1
    finding = about(assess(judged, base, KnownFleet(300)).warnings, "Rate of all")
    needed, epsilon = finding.numbers["devices_needed"], finding.numbers["epsilon_needed"]
    assert needed is not None and epsilon is not None and "drowned by noise" in finding.sentence
    better = replace(judged, epsilon=epsilon)
    assert not expected_errors(better, base, 300)[0].drowned and expected_errors(judged, base, 300)[0].drowned


def test_the_forecast_is_the_error_of_a_real_sum(base: DeployedModel) -> None:
    """Sums of simulated devices with the campaign's noise: their estimates differ as much as was forecast."""
    from keyart_federated.campaigns import rates, segments
    from keyart_federated.campaigns.noise import units_of

    judged, devices, rng = (
        campaign("statistics", rounds=1, wanted=400, minimum_devices=280),
        400,
        np.random.default_rng(7),
    )
    (forecast, _) = expected_errors(judged, base, devices)
    (asked,) = requirements(judged, base)
    layout, units = rates.layout(base), units_of(asked.event)
    variance = (asked.event.noise_multiplier * asked.event.l2) ** 2 / (0.45 * asked.minimum)
    told = []
    for _ in range(300):
        rate = np.clip(rng.normal(TYPICAL_RATE, 0.25, devices), -1, 1)
        z = np.zeros((3, len(layout.segments)))
        z[:, 0] = devices, rate.sum(), (rate**2).sum()
        total = z.ravel() * layout.weights * units + rng.normal(0, math.sqrt(variance * devices), layout.size)
        found = segments.estimate(np.rint(total).astype(np.int64), layout, units, devices, variance * devices)["all"]
        told.append(found.mean)
    # A confidence sequence is wider than ±1.96 standard errors, by about a quarter to a half.
    assert 1.1 < forecast.half_width / (1.96 * float(np.std(told))) < 2.0


def test_settings_that_no_noise_keeps_are_refused(base: DeployedModel) -> None:
    with pytest.raises(SettingError):
        assess(campaign("statistics", epsilon=1e-9), base, KnownFleet(100))


def test_settings_of_the_preset_are_valid() -> None:
    for kind, settings in TEST_FLEET.settings.items():
        assert json.loads(checked(kind, {**NAMED.get(kind, {}), **settings}, TEST_FLEET.epsilon))
