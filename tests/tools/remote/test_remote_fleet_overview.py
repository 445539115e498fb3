"""Frames of the overview."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.fake_api import AT, BUDGET, FLEET, URL, campaign, full_api, release, round_

from keyart_tools.remote.fleet_overview import Overview, frame
from keyart_tools.remote.observation import read_overview

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
NAMES = [f"Campaign number {n}, which has a long name of its own" for n in range(40)]


def overview(campaigns: int = 2, releases: int = 2, gateways: int = 2) -> Overview:
    items = [campaign(id=f"{n:016x}", name=NAMES[n], waiting="Too few devices. " * 9) for n in range(campaigns)]
    fleet = FLEET | {"gateways": [{"name": f"gateway {n}", "seen": AT, "alive": n > 0} for n in range(gateways)]}
    rounds = {f"{0:016x}": round_()}
    return Overview(URL, NOW, items, rounds, [release(n) for n in range(releases)], fleet, BUDGET)


@pytest.mark.parametrize("sizes", [(0, 0, 0), (1, 1, 1), (2, 3, 2), (40, 0, 0), (0, 30, 0), (40, 40, 40)])
@pytest.mark.parametrize(("width", "height"), [(80, 23), (80, 24), (40, 12), (200, 60), (10, 3)])
def test_a_frame_fits(sizes: tuple[int, int, int], width: int, height: int) -> None:
    shown = frame(overview(*sizes), width, height)
    assert len(shown) <= max(height, 12)
    assert max(map(len, shown)) <= max(width, 40)
    text = "\n".join(shown)
    for heading in ("CAMPAIGNS", "RELEASES", "DEVICES", "GATEWAYS"):
        assert heading in text


def test_what_does_not_fit_is_counted() -> None:
    shown = frame(overview(campaigns=40), 80, 24)
    (more,) = [line for line in shown if "more" in line]
    names = [line for line in shown if line.startswith("  Campaign number")]
    assert more == f"  … and {40 - len(names)} more" and len(names) > 8


def test_everything_is_in_it() -> None:
    text = "\n".join(frame(read_overview(full_api().client(), NOW), 120, 40))
    assert f"keyart at {URL}, 2026-03-04 05:06:07 UTC" in text
    assert "ε 1.25 of 8.00 spent, exhausted by 2026-07-01 00:00" in text
    assert "CAMPAIGNS  1 running" in text and "3/10" in text and "round 4, masked: 60 of 50" in text
    assert "model 8      rolling      10 %" in text
    assert "12,000 enrolled" in text and "1 of 2 alive" in text
    assert text.index("west") < text.index("main"), "a silent gateway comes first"


def test_a_campaign_that_waits_says_why() -> None:
    made = read_overview(full_api().client(), NOW)
    waiting = Overview(URL, NOW, [campaign(waiting="40 of 50 devices.")], {}, [], made.fleet, made.budget)
    assert "40 of 50 devices." in "\n".join(frame(waiting, 120, 40))


def test_an_empty_server() -> None:
    text = "\n".join(frame(Overview(URL, NOW, [], {}, [], {}, {}), 80, 24))
    assert "No campaign is running" in text and "No model has been released." in text
    assert "– enrolled" in text and "No gateway has reported yet." in text


def test_the_remark_takes_the_first_line() -> None:
    assert frame(overview(), 80, 24, "The server is silent.")[0] == "The server is silent."
