"""A row is judged by what it shows: the ratio where there is one, else the figure."""

from __future__ import annotations

import json

import pytest

from keyart_tools.performance.measurement import Measurement, rounded


@pytest.mark.parametrize(
    ("figure", "ratio", "reach", "met"),
    [
        (130.0, 4.9, 6.0, True),
        (130.0, 6.0, 6.0, True),
        (130.0, 6.01, 6.0, False),
        (1.0, 6.01, 6.0, False),  # a small figure does not make up for the ratio
        (400_000.0, None, 512_000.0, True),
        (512_001.0, None, 512_000.0, True),  # shown as 512,000, and what is shown decides
        (513_000.0, None, 512_000.0, False),
        (0.0, None, 32_000.0, True),
        (130.0, 4.9, None, None),
    ],
)
def test_met_follows_from_figure_and_reach(figure: float, ratio: float | None, reach: float | None, met) -> None:
    row = Measurement("choosing", "choose", figure, "µs", ratio, "bare run", reach)

    assert row.met is met
    assert row.to_dict()["met"] is met


def test_document_has_every_field_and_is_json() -> None:
    document = Measurement("peers", "river", 12.34567, "µs", 0.51239, "bare run", 1.0, "a note").to_dict()

    assert json.loads(json.dumps(document)) == {
        "group": "peers", "name": "river", "figure": 12.35, "unit": "µs", "ratio": 0.5124, "against": "bare run",
        "reach": 1.0, "met": True, "note": "a note",
    }  # fmt: skip


def test_rounding_keeps_four_digits_at_any_size() -> None:
    assert [rounded(x) for x in (123_456.0, 0.0123456, 0.0, 99.999)] == [123_500.0, 0.01235, 0.0, 100.0]
