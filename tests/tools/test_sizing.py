"""Sizing: the formulas against numbers worked out by hand, and the page against the command."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from docs_pages import ROOT

from keyart.errors import SettingError
from keyart_federated.accounting import epsilon
from keyart_server.gateway.discovery import poll_interval
from keyart_tools.cli import main
from keyart_tools.performance.cost_measurement import bundle_bytes
from keyart_tools.sizing import MeasuredCosts, Workload, load_costs, plan_fleet
from keyart_tools.sizing.fleet_plan import largest_cohort

COSTS = MeasuredCosts(
    machine="made up", members=1000, entries=20_000, neighbours=56, gateway_ms=8.0, masked_ms=1.0, server_ms=2.0,
    server_bytes=100_000.0, rows=8.0, stored_bytes=40_000.0, sent_bytes=100_000.0, poll_ms=0.5, bundle_bytes=200_000,
    changed_bytes=50_000, metadata_bytes=10_000,
)  # fmt: skip
WORKLOAD = Workload(cohort=20_000, share=0.2, rounds=50, hours=1.0, bundles=10)


def test_a_round_of_a_large_fleet() -> None:
    plan = plan_fleet(1_000_000, COSTS, WORKLOAD)

    assert plan.cohort == 20_000
    assert plan.polls_a_second == 1_000_000 / 3600
    assert plan.gateway_cores == pytest.approx(20_000 * 0.008 / 14_400 + plan.polls_a_second * 0.0005)
    assert plan.gateways == 1
    assert (plan.server_seconds, plan.regions) == (40.0, 1)
    assert (plan.rows, plan.stored_bytes, plan.received_bytes) == (160_000, 800e6, 2e9)
    assert plan.update_bytes_a_year == 1e6 * 10 * 210_000 and plan.changed_bytes_a_year == 1e6 * 10 * 60_000
    assert plan.update_bits_a_second == pytest.approx(1e6 * 210_000 * 8 / 86_400)


def test_a_device_of_a_larger_fleet_is_asked_less_often() -> None:
    small, large = (plan_fleet(devices, COSTS, WORKLOAD) for devices in (100_000, 10_000_000))

    assert (small.rounds_a_device, large.rounds_a_device) == (10, 1)
    assert small.epsilon_a_year == epsilon(8.0, 1.0, 10, 1e-9) > large.epsilon_a_year


def test_a_small_fleet_has_a_small_cohort() -> None:
    assert plan_fleet(1_000, COSTS, WORKLOAD).cohort == 200
    assert plan_fleet(1, COSTS, WORKLOAD).cohort == 1


def test_polls_of_a_very_large_fleet_need_gateways_or_a_cache() -> None:
    polled = plan_fleet(100_000_000, COSTS, WORKLOAD)
    cached = plan_fleet(100_000_000, COSTS, replace(WORKLOAD, cached_polls=True))

    assert polled.gateways == math.ceil(2 * polled.gateway_cores) == 28
    assert (cached.gateways, cached.polls_a_second) == (1, 0.0)
    assert [poll_interval(devices) for devices in (1, 10_000, 100_000_000)] == [5, 200, 3600]


def test_more_members_than_memory_holds_are_split_into_regions() -> None:
    large = replace(WORKLOAD, cohort=100_000)
    assert plan_fleet(10_000_000, COSTS, large).regions == math.ceil(100_000 * 100_000 / (2 << 30)) == 5
    slow = replace(COSTS, server_ms=1000.0)
    assert plan_fleet(10_000_000, slow, WORKLOAD).regions == math.ceil(20_000 / 7_200) == 3


def test_the_largest_cohort_of_a_machine() -> None:
    light = replace(COSTS, server_bytes=1.0)
    assert largest_cohort(2, light, WORKLOAD) == 14_400_000 // 10
    assert largest_cohort(2, COSTS, WORKLOAD) == (2 << 30) // 100_000


@pytest.mark.parametrize("changed", [{"share": 0.0}, {"hours": 0.0}, {"cohort": 0}, {"rounds": 0}, {"bundles": -1}])
def test_a_workload_that_is_none_is_refused(changed: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        replace(WORKLOAD, **changed)
    with pytest.raises(SettingError):
        plan_fleet(0, COSTS, WORKLOAD)


def test_costs_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    path.write_text(json.dumps(COSTS.to_dict()))
    assert load_costs(path) == COSTS
    path.write_text('{"format": "keyart-costs/1"}')
    with pytest.raises(SettingError, match="--measure"):
        load_costs(path)


def test_a_new_version_of_a_bundle_changes_less_than_all_of_it(tmp_path: Path) -> None:
    whole, changed, metadata = bundle_bytes(tmp_path)
    assert 0 < changed < whole and 1_000 < metadata < whole


def test_the_page_has_what_the_command_says() -> None:
    done = CliRunner().invoke(main, ["bench", "sizing", "--markdown"])
    assert done.exit_code == 0, done.output
    page = (ROOT / "docs" / "how-to" / "sizing.md").read_text("utf-8")
    for table in done.output.strip().split("\n\n"):
        assert table in page, "run `keyart bench sizing --markdown` and paste its tables into the page"


def test_json_and_a_table() -> None:
    words = ["bench", "sizing", "--devices", "5000000", "--cohort", "50000"]
    document = json.loads(CliRunner().invoke(main, [*words, "--json"]).output)
    assert document["plans"][0]["cohort"] == 50_000
    assert "5,000,000" in CliRunner().invoke(main, words).output
