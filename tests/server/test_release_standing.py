"""Where a release stands: every action from every standing, and what is due under a guard."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta

import pytest
from support.releases import BAD, GOOD, UNCLEAR

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns.rollout_plan import AT_ONCE, RolloutPlan
from keyart_server.releases import RELEASE_STATUSES, Release
from keyart_server.releases.gate import comparison_gates
from keyart_server.releases.release import ACTIONS, MOVES

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
PLAN = RolloutPlan()


def release(standing: str, share: float = 0.0, plan: RolloutPlan = PLAN) -> Release:
    return Release(8, "c" * 16, 1, 7, standing, share, "d" * 64, plan, (), "", NOW, NOW)  # type: ignore[arg-type]


# All that can stand in the database: standing and share.
PLACES = [
    ("candidate", 0.0), ("refused", 0.0), ("waiting", 0.0), ("withdrawn", 0.0), ("rolling", 0.0), ("rolling", 0.01),
    ("rolling", 0.1), ("held", 0.01), ("held", 0.1), ("released", 1.0),
]  # fmt: skip
ALLOWED = {
    ("candidate", 0.0): {
        "examine": ("candidate", 0.0), "refuse": ("refused", 0.0), "wait": ("waiting", 0.0),
        "publish": ("rolling", 0.0), "withdraw": ("withdrawn", 0.0),
    },
    ("waiting", 0.0): {
        "refuse": ("refused", 0.0), "wait": ("waiting", 0.0), "publish": ("rolling", 0.0),
        "withdraw": ("withdrawn", 0.0),
    },
    ("rolling", 0.0): {
        "refuse": ("refused", 0.0), "wait": ("waiting", 0.0), "widen": ("rolling", 0.01),
        "withdraw": ("withdrawn", 0.0),
    },
    ("rolling", 0.01): {"widen": ("rolling", 0.1), "hold": ("held", 0.01), "withdraw": ("withdrawn", 0.0)},
    ("rolling", 0.1): {"widen": ("released", 1.0), "hold": ("held", 0.1), "withdraw": ("withdrawn", 0.0)},
    ("held", 0.01): {"promote": ("rolling", 0.1), "withdraw": ("withdrawn", 0.0)},
    ("held", 0.1): {"promote": ("released", 1.0), "withdraw": ("withdrawn", 0.0)},
    ("released", 1.0): {"withdraw": ("withdrawn", 0.0)},
}  # fmt: skip


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_from_everywhere(action) -> None:
    for place in PLACES:
        before = release(*place)
        expected = ALLOWED.get(place, {}).get(action)
        if expected is None:
            with pytest.raises(InputError):
                before.after(action, LATER)
                pytest.fail(f"{action} from {place}")
            continue
        after = before.after(action, LATER)
        assert (after.standing, after.share) == expected and expected in PLACES
        assert (after.changed, after.created) == (LATER, NOW)


def test_no_standing_is_out_of_reach_and_two_are_ends() -> None:
    reached, found = set(), {("candidate", 0.0)}
    while found - reached:
        place = (found - reached).pop()
        reached.add(place)
        found |= set(ALLOWED.get(place, {}).values())
    assert reached == set(PLACES) and {standing for standing, _ in reached} == set(RELEASE_STATUSES)
    sources = frozenset().union(*(sources for sources, _ in MOVES.values()))
    assert set(RELEASE_STATUSES) - sources == {"refused", "withdrawn"}


def test_devices_have_it_from_the_intent_on() -> None:
    published = {place for place in PLACES if release(*place).published}
    assert published == {place for place in PLACES if place[1] > 0} | {("rolling", 0.0)}


def test_devices_may_have_what_was_withdrawn() -> None:
    for place in PLACES:
        if "withdraw" in ALLOWED.get(place, {}):
            after = release(*place).after("withdraw", LATER)
            assert after.share == 0 and after.reached == place[1]
            assert after.published == (place[1] > 0), "whoever has it keeps it"


GUARDS = {"passed": GOOD, "failed": BAD, "unclear": UNCLEAR, "not measured": {}, "not asked": None}
DUE = {  # guard, are the hours over, what the plan says where it is unclear: what is due
    **{("passed", False, unclear): None for unclear in ("hold", "go on")},
    **{("passed", True, unclear): "widen" for unclear in ("hold", "go on")},
    **{("failed", over, unclear): "hold" for over in (False, True) for unclear in ("hold", "go on")},
    **{(told, False, unclear): None for told in ("unclear", "not measured") for unclear in ("hold", "go on")},
    **{(told, True, "hold"): "hold" for told in ("unclear", "not measured")},
    **{(told, True, "go on"): "widen" for told in ("unclear", "not measured")},
    **{("not asked", over, unclear): None for over in (False, True) for unclear in ("hold", "go on")},
}


@pytest.mark.parametrize(
    ("told", "over", "unclear"), list(itertools.product(GUARDS, (False, True), ("hold", "go on")))
)
def test_what_is_due(told, over, unclear) -> None:
    plan = RolloutPlan(unclear=unclear)
    at = NOW + timedelta(hours=24, seconds=0 if over else -1)
    found = GUARDS[told]
    guard = None if found is None else comparison_gates("take rate", found, plan.margin, plan.segment_margin)
    for place in PLACES:
        due = DUE[told, over, unclear] if place[0] == "rolling" and place[1] > 0 else None
        assert release(*place, plan).next(at, guard) == due, place
        if due is not None:
            assert due in ALLOWED[place]


def test_at_once_is_released_with_the_first_share() -> None:
    assert release("rolling", 0.0, AT_ONCE).after("widen", LATER).standing == "released"


@pytest.mark.parametrize(
    "wrong",
    [
        {"stages": ()}, {"stages": (0.1,)}, {"stages": (0.5, 0.1, 1.0)}, {"stages": (0.0, 1.0)},
        {"stages": (1.0, 1.0)}, {"stages": (-0.1, 1.0)}, {"stages": (0.1, 2.0)}, {"stages": (math.nan, 1.0)},
        {"hours": -1.0}, {"hours": math.inf}, {"hours": math.nan}, {"margin": -0.1}, {"segment_margin": math.nan},
        {"unclear": "release"},
    ],
)  # fmt: skip
def test_plans_that_are_none(wrong) -> None:
    with pytest.raises(SettingError):
        RolloutPlan(**wrong)
