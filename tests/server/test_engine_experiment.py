"""A whole experiment: real devices in arms that they draw themselves, two looks, a verdict, and what it has cost."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.catalogs import TV
from support.engine import Scene, staged

import keyart
from keyart_federated.accounting import composed
from keyart_server import budget
from keyart_server.rounds import round_store
from keyart_server.rounds.round_result import parse_result

DEVICES, PICTURES, NAME = 120, 6, "larger faces"
SETTINGS: dict[str, Any] = {
    "name": NAME,
    "arms": ["as now", "larger"],
    "devices": DEVICES,
    "looks": 2,
    "days": 2,
    "first_day": 1,
    "threshold_permille": 600,
    "metrics": {  # the first decides
        "take_rate": {"mean": 0.4, "deviation": 0.25},
        "returns": {"mean": 0.5, "deviation": 0.5},
    },
}


def watched(stage: Scene, better: int) -> list[tuple[int, float]]:
    """Each device's arm and take rate, once all have seen some pictures. better: plays more in the second arm."""
    lived, now = [], replace(TV, at=stage.clock())
    for art in stage.fleet.arts:
        arm = art.federated.arm(NAME, 2)
        assert arm is not None
        plays = 3 + (better if arm else 0)
        for n in range(PICTURES):
            decision = art.choose(f"t{n}", now)
            art.observe(decision.id, keyart.Outcome.played(4000) if n < plays else keyart.Outcome.skipped())
        lived.append((arm, plays / PICTURES))
    return lived


@pytest.mark.slow
@pytest.mark.parametrize(("better", "verdict"), [(3, "better"), (-3, "worse"), (0, "not yet")])
def test_the_arm_that_is_better_for_people_is_found(
    tmp_path: Path, database_url: str, better: int, verdict: str
) -> None:
    with staged(tmp_path, database_url, devices=DEVICES) as stage:
        stage.clock.pass_by(hours=1)  # what devices have lived before it does not count
        campaign = stage.create("experiment", SETTINGS, epsilon=900.0)
        lived = watched(stage, better)
        for _ in range(SETTINGS["days"]):
            stage.clock.pass_by(days=1)
            stage.step(4, seconds=1)
        assert stage.state_of(campaign) == "done"

        with stage.service.state.reading() as session:
            (newest,) = round_store.newest_done(session, [campaign.id]).values()
            charges, spent = budget.list_charges(session), budget.fleet_budget(session).spent
        pages = [stage.page(path) for path in ("/experiments", f"/campaigns/{campaign.id}")]
    looks, told = newest.number, parse_result(newest.result)
    assert [(one.arm, one.word) for one in told.verdicts] == [("larger", verdict)], told.rest
    assert looks == (2 if verdict == "not yet" else 1)
    means = [np.mean([rate for arm, rate in lived if arm == which]) for which in (0, 1)]
    difference, other = told.differences
    assert (difference.label, other.label) == ("plays a picture", "came back within 7 days")
    assert difference.rate.low < means[1] - means[0] < difference.rate.high
    assert abs(difference.rate.mean - (means[1] - means[0])) < 0.1
    for page in pages:
        assert told.verdicts[0].text in unescape(page) and difference.texts[0] in page
    assert len(charges) == looks
    assert [(charge.low, charge.high) for charge in charges] == [(0.0, 0.5), (0.5, 1.0)][:looks]
    assert spent == composed([(charges[0].event, 1)], 1e-6) <= 900.0
