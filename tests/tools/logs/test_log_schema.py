"""The schema of a log: values by kind and range, and the page that describes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keyart_tools.logs.log_schema import FIELDS, checked

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "decision-logs.md"


def test_the_page_has_every_field_with_its_kind_and_rows() -> None:
    table = re.findall(
        r"^\| `(\w+)` \| ([\w ]+) \| ([\w–]+) \| ([\w–]+) \| \S.* \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert table == [
        (field.name, field.kind, field.views or "–", field.decisions or "–") for field in FIELDS.values()
    ]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("viewer", " v1 ", "v1"),
        ("viewer", "  ", None),
        ("slot", "3", 3),
        ("slot", "3.5", "3.5"),
        ("seconds", "1e3", 1000.0),
        ("seconds", "long", "long"),
        ("with_intent", "TRUE", True),
        ("with_intent", "0", False),
        ("with_intent", "maybe", "maybe"),
        ("reward", "false", False),
    ],
)
def test_cells(name: str, text: str, value: object) -> None:
    parsed = FIELDS[name].parse(text)
    assert parsed == value and type(parsed) is type(value)


def test_a_reward_may_be_true_or_false_and_nothing_else_may() -> None:
    assert FIELDS["reward"].check(True) == 1.0
    for name in ("propensity", "target_probability", "seconds", "slot"):
        with pytest.raises(ValueError, match="is True"):
            FIELDS[name].check(True)


def test_the_ends_of_ranges() -> None:
    assert FIELDS["propensity"].check(1) == 1.0
    assert FIELDS["propensity"].check(1 + 5e-7) > 1  # a probability in float32
    assert FIELDS["target_probability"].check(0) == 0.0
    for name, value in (("propensity", 0), ("propensity", 1.001), ("target_probability", -1e-9), ("reward", 1e13)):
        with pytest.raises(ValueError, match=f"'{name}' is"):
            FIELDS[name].check(value)


def test_a_view_has_none_of_a_decisions_fields() -> None:
    row = {"viewer": "v", "at": "2026-03-01T20:15:00Z", "device": "tv", "title_id": "t", "seconds": 4, "slot": "?"}
    assert set(checked(row)) == {"viewer", "at", "device", "title_id", "seconds"}
