"""The progress of a campaign as lines."""

from __future__ import annotations

import pytest
from support.fake_api import campaign, round_

from keyart_tools.remote.campaign_progress import CampaignProgress, lines, summary


def test_each_stage_is_shown_against_the_minimum() -> None:
    shown = lines(CampaignProgress.read(campaign(), round_()))
    assert shown[0] == "Spring  (training, running)"
    assert shown[1].endswith("3 of 10") and shown[2].endswith("1.25 of 4.00")
    stages = [line.split() for line in shown if "of at least 50" in line]
    assert [words[0] for words in stages] == ["registered", "key", "masked", "unmasked"]
    bars = [line[17:41] for line in shown if "of at least 50" in line]
    assert [bar.count("█") for bar in bars] == [21, 19, 6, 0]
    assert [bar[6] for bar in bars] == ["|"] * 4, "50 of 200 is a quarter; the mark takes a cell"


def test_the_summary_is_one_line() -> None:
    text = summary(CampaignProgress.read(campaign(), round_()))
    assert text == (
        "Spring: running; 3 of 10 rounds done; ε 1.25 of 4.00; round 4 (training) masked: 180 registered, "
        "170 key shares, 60 masked updates (at least 50 needed)"
    )
    failed = summary(CampaignProgress.read(campaign(epsilon=None), round_(standing="failed", failure="Too few.")))
    assert failed.endswith("ε 1.25; round 4 (training) failed: Too few.")
    assert summary(CampaignProgress.read(campaign(), round_(standing="done"))).endswith("ε 1.25 of 4.00")


def test_what_it_waits_for_is_in_the_lines() -> None:
    assert "  40 of 50 devices." in lines(CampaignProgress.read(campaign(waiting="40 of 50 devices."), None))


@pytest.mark.parametrize(
    ("state", "ended", "succeeded"),
    [("running", False, False), ("paused", False, False), ("done", True, True), ("stopped", True, False)],
)
def test_the_end(state: str, ended: bool, succeeded: bool) -> None:
    progress = CampaignProgress.read(campaign(state=state), None)
    assert (progress.has_ended, progress.succeeded) == (ended, succeeded)


def test_what_is_missing_is_left_out() -> None:
    """A draft, a kind without these settings, an older server."""
    assert lines(CampaignProgress.read({"name": "x"}, {}))[0] == "x  (, )"
    empty = campaign(settings={}, epsilon=None, rounds=0)
    shown = lines(CampaignProgress.read(empty, round_(cohort={"keys": 3}, target=None)))
    assert not [line for line in shown if "at least" in line]
    assert next(line for line in shown if "registered" in line).count("█") == 24
