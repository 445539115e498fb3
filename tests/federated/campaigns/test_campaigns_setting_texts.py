"""Settings from texts."""

from __future__ import annotations

import pytest

from keyart.errors import SettingError
from keyart_federated.campaigns import SETTINGS, checked
from keyart_federated.campaigns.setting_texts import parse_setting


@pytest.mark.parametrize(
    ("kind", "name", "text", "value"),
    [
        ("training", "minimum_devices", " 60 ", 60),
        ("training", "hours", "0.5", 0.5),
        ("training", "cohorts", "1", 1),
        ("training", "stages", "0.1, 1", [0.1, 1.0]),
        ("training", "purpose", "Better pictures = more fun.", "Better pictures = more fun."),
        ("statistics", "topic", "trending", "trending"),
        ("experiment", "arms", "control, warm", ["control", "warm"]),
        ("experiment", "metrics", "quality_plays", ["quality_plays"]),
        (
            "experiment", "metrics", '{"quality_plays": {"mean": 0.1, "deviation": 0.2}}',
            {"quality_plays": {"mean": 0.1, "deviation": 0.2}},
        ),
    ],
)  # fmt: skip
def test_each_by_its_type(kind, name, text, value):
    assert parse_setting(kind, name, text) == value
    needed = {"name": "e"} if kind == "experiment" else {"topic": "rates"} if kind == "statistics" else {}
    checked(kind, {**needed, name: value})


@pytest.mark.parametrize(
    ("kind", "name", "text", "sentence"),
    [
        ("training", "minimum_devices", "many", "minimum_devices is 'many'; it must be a whole number"),
        ("training", "minimum_devices", "", "must be a whole number"),
        ("training", "hours", "x" * 5000, "must be a number"),
        ("training", "stages", "0.1,all", "stages is 'all'; it must be a number"),
        ("training", "epsilom", "4", "no setting 'epsilom'. Settings are purpose, minimum_devices"),
        ("experiment", "metrics", "{", "metrics is not valid JSON"),
    ],
)
def test_a_wrong_text_is_named(kind, name, text, sentence):
    with pytest.raises(SettingError, match=sentence) as caught:
        parse_setting(kind, name, text)
    assert len(str(caught.value)) < 700


def test_every_setting_of_every_kind_has_a_text():
    for kind, settings in SETTINGS.items():
        for name, about in settings.model_fields.items():
            default = about.get_default()
            if default is not None and not about.is_required():
                text = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
                value = parse_setting(kind, name, text)
                assert (tuple(value) if isinstance(default, tuple) else value) == default, name
