"""Settings of campaigns: defaults, errors that name the setting, and one way to write them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.campaign_readers import START, campaign, epsilon

from keyart.errors import FederatedError, SettingError
from keyart_federated.campaigns import checked, state_codec
from keyart_federated.campaigns.experiment import ExperimentSettings
from keyart_federated.campaigns.noise import Part, split
from keyart_federated.campaigns.round_offer import early, until
from keyart_federated.campaigns.settings import settings_of
from keyart_federated.campaigns.statistics import StatisticsSettings
from keyart_federated.campaigns.training import TrainingSettings

WRONG = [
    ("training", {"minimum_devices": 1}, "minimum_devices"),
    ("training", {"minimum_devices": "50"}, "minimum_devices"),
    ("training", {"wanted": 49}, "wanted"),
    ("training", {"cohorts": 4}, "odd"),
    ("training", {"cohorts": 5, "wanted": 200}, "250 or more, 50 for each"),
    ("training", {"threshold_permille": 500}, "threshold_permille"),
    ("training", {"patience": 86_401.0}, "patience"),
    ("training", {"patience": float("nan")}, "finite"),
    ("training", {"low": 0.05}, "low"),
    ("training", {"low": 0.5, "high": 0.5}, "low must be below high"),
    ("training", {"low": 0.9, "high": 0.5}, "low must be below high"),
    ("training", {"purpose": ""}, "purpose"),
    ("training", {"purpose": "two\nlines"}, "one line"),
    ("training", {"decisions": 0}, "decisions"),
    ("training", {"gates": 0.95}, "gates"),
    ("training", {"stages": [0.1, 0.01, 1.0]}, "rise"),
    ("training", {"unclear": "perhaps"}, "unclear"),
    ("training", {"topic": "rates"}, "topic"),
    ("statistics", {"topic": "together"}, "topic"),
    ("statistics", {"window": 0}, "window"),
    ("experiment", {}, "name"),
    ("experiment", {"name": "a/b"}, "without a slash"),
    ("experiment", {"name": "a", "arms": ["one"]}, "2 to"),
    ("experiment", {"name": "a", "metrics": ["clicks"]}, "clicks"),
    ("experiment", {"name": "a", "metrics": {"take_rate": {"mean": 0.2}}}, "deviation"),
    ("experiment", {"name": "a", "devices": 300}, "too few"),
    ("experiment", {"name": "a", "devices": 4000, "minimum_devices": 400}, "minimum_devices"),
    ("experiment", {"name": "a", "group": "religion", "groups": ["x"]}, "religion"),
    ("evaluation", {}, "version"),
    ("evaluation", {"version": -1}, "version"),
]


@pytest.mark.parametrize(("kind", "settings", "named"), WRONG)
def test_a_wrong_setting_is_named(kind, settings, named):
    with pytest.raises(SettingError, match=named):
        checked(kind, settings)


def test_what_is_not_told_is_written_down_too():
    """So that a new default of a later version changes no campaign that is there."""
    text = checked("training", {"wanted": 200})
    told = json.loads(text)
    assert told["wanted"] == 200 and told["minimum_devices"] == 50 and told["low"] == 0.1
    assert text == checked("training", told)  # canonical: again the same
    assert told["cohorts"] == 3 and json.loads(checked("training", {"wanted": 149}))["cohorts"] == 1


def test_a_campaign_without_settings_has_the_defaults():
    assert settings_of(replace(campaign("training"), settings="{}"), TrainingSettings) == TrainingSettings()


def test_devices_that_are_held_out_do_not_train():
    assert TrainingSettings().low == 0.1 and StatisticsSettings().low == 0.0


def test_settings_that_no_version_wrote_are_refused_when_they_are_read():
    with pytest.raises(SettingError, match="wantd"):
        settings_of(replace(campaign("training"), settings='{"wantd": 5}'), TrainingSettings)


def test_stages_come_from_a_form_as_texts():
    found = settings_of(campaign("training", {"stages": ["0.05", "1"]}), TrainingSettings)
    assert found.rollout.stages == (0.05, 1.0)


def test_metrics_are_names_or_what_is_known():
    known = {"quality_plays": {"mean": 0.3, "deviation": 0.2}}
    one = campaign("experiment", {"name": "a", "metrics": known, "devices": 5000})
    experiment = settings_of(one, ExperimentSettings).experiment(4.0, 1e-6)
    assert experiment.metrics["quality_plays"].mean == 0.3


@pytest.mark.parametrize("budget", [0.5, 4.0, 20.0])
def test_all_parts_together_cost_epsilon_and_hardly_less(budget):
    parts = Part(0.1, 1, 400), Part(0.6, 7, 2000), Part(0.3, 30, 27)
    events = split(campaign("training", epsilon=budget), *parts)
    spent = epsilon(event for event, part in zip(events, parts, strict=True) for _ in range(part.times))
    assert 0.999 * budget < spent <= budget


@pytest.mark.parametrize("parts", [(Part(0.2, 1, 100), Part(0.8, 1, 100)), (Part(0.5, 4, 100), Part(0.5, 1, 100))])
def test_a_sum_that_more_of_the_budget_pays_for_has_less_noise(parts):
    less, more = split(campaign("training"), *parts)
    assert less.noise_multiplier == pytest.approx(2 * more.noise_multiplier)


def test_a_budget_that_no_noise_keeps_is_refused():
    with pytest.raises(SettingError, match="larger ε"):
        split(campaign("training", epsilon=1e-7), Part(1.0, 10, 100))


def test_memory_comes_back_and_nothing_else_does():
    assert state_codec.unpack(None) == state_codec.unpack(b"") == ({}, b"")
    kept = state_codec.pack({"at": 5, "name": "ü"}, b"\x00\xff")
    assert state_codec.unpack(kept) == ({"at": 5, "name": "ü"}, b"\x00\xff")
    for broken in (b"x", b"KAW2" + kept[4:], kept[:12], b"KAW1\xff\xff\xff\xff{}"):
        with pytest.raises(FederatedError, match="cannot be read"):
            state_codec.unpack(broken)


def test_the_next_round_waits_for_its_hour():
    settings = TrainingSettings(hours=2.0)
    begun = {"at": START.timestamp() - 7199}
    waits = early(begun, settings, START)
    assert waits is not None and waits.reason == "The next round begins on 2026-03-02 09:00 UTC."
    assert early({"at": START.timestamp() - 7200}, settings, START) is None and early({}, settings, START) is None
    assert until(START.timestamp(), START, "It") is None
