"""A plan's names, and what makes results comparable."""

from __future__ import annotations

import pytest

from keyart.errors import SettingError
from keyart_tools.benchmark.benchmark_plan import BenchmarkPlan
from keyart_tools.benchmark.benchmark_worlds import QUICK, BenchmarkSize
from keyart_tools.benchmark.policies import POLICIES


def test_all_unless_told():
    plan = BenchmarkPlan.of(BenchmarkSize(), range(2))
    assert plan.policies == POLICIES and plan.worlds[-2:] == ("MovieLens", "Open Bandit") and len(plan.worlds) == 8


def test_names_as_one_may_type_them_in_the_order_of_the_table():
    plan = BenchmarkPlan.of(
        QUICK, [0], "untold-tastes, Clickbait,", "best-fixed,E-Greedy,zero-shot + head,mabwiser lints"
    )
    assert plan.worlds == ("clickbait", "untold tastes")
    assert plan.policies == ("zero-shot + head", "MABWiser LinTS", "ε-greedy", "best fixed")


@pytest.mark.parametrize(
    ("worlds", "policies", "said"),
    [
        ("synthetic,mars", None, "Unknown world 'mars'; the suite has synthetic, private tastes, "),
        (None, "keyart,ucb", "Unknown policy 'ucb'; the suite has keyart, guard off, .*oracle"),
        (" ,", None, "at least one world"),
        (None, "", "at least one policy"),
    ],
)
def test_a_name_that_is_not_known(worlds, policies, said):
    with pytest.raises(SettingError, match=said):
        BenchmarkPlan.of(QUICK, [0], worlds, policies)


def test_what_results_depend_on():
    base = BenchmarkPlan.of(QUICK, [0]).settings()
    assert base == BenchmarkPlan.of(QUICK, [1, 2], "clickbait", "random", True, True).settings()
    for name in ("viewers", "titles", "rounds", "steps"):
        assert BenchmarkPlan.of(QUICK.sized(**{name: 5}), [0]).settings() != base
    assert base["peers"]["vowpalwabbit"] and base["worlds"]["clickbait"]["clickbait_share"] == 0.4


def test_sizes():
    effort = BenchmarkSize().sized(viewers=9, rounds=2)
    assert (effort.viewers, effort.titles, effort.films, effort.impressions) == (9, 80, 200, 20)
    assert BenchmarkSize().sized(titles=7).films == BenchmarkSize().sized(titles=7).titles == 7
    assert not QUICK.sized(titles=7).real_data  # a quick run stays without a download
