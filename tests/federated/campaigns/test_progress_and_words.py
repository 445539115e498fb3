"""Progress counts planned rounds alone; values of results have labels, units and sentences."""

from __future__ import annotations

import math

import pytest
from support.campaign_readers import campaign

from keyart_federated.campaigns import finished_rounds
from keyart_federated.campaigns.result_words import RESULT_WORDS, words_of


@pytest.mark.parametrize(
    ("kind", "settings", "sums", "rounds"),
    [
        ("training", {}, {}, 0),
        ("training", {}, {"population": 1, "co-watch": 2}, 0),
        ("training", {}, {"population": 1, "training": 1}, 1),
        ("statistics", {"topic": "population"}, {"population": 4}, 4),
        ("statistics", {"topic": "trending"}, {"trending": 5}, 1),
        ("statistics", {"topic": "trending", "cohorts": 1}, {"trending": 5}, 5),
        ("evaluation", {"version": 7}, {"evaluation": 3}, 1),
        ("evaluation", {"version": 7}, {"evaluation": 2}, 0),
    ],
)
def test_planned_rounds_that_are_done(kind, settings, sums, rounds) -> None:
    assert finished_rounds(campaign(kind, settings), sums) == rounds


def test_values_with_their_units() -> None:
    assert words_of("unclipped").text(0.0514) == "5.14 %" and words_of("devices").text(1200) == "1,200 devices"
    assert words_of("step").text(0.012345) == "0.0123" and words_of("step").text(-2.5) == "−2.5"
    assert words_of("history").text(math.nan) == "–" and words_of("reason").text("No device.") == "No device."
    assert words_of("device:tv").label == "Decisions, device tv" and words_of("device:tv").text(0.5) == "50 %"
    assert words_of("of_tomorrow").label == "Of tomorrow" and words_of("of_tomorrow").text(0.5) == "0.5"


def test_labels_are_words() -> None:
    for name, words in RESULT_WORDS.items():
        assert words.label[0].isupper() and "_" not in words.label, name
        assert not words.sentence or words.sentence.endswith("."), name
