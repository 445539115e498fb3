"""The worlds of the suite, and MovieLens only where it is at hand."""

from __future__ import annotations

from keyart.errors import DataUnavailable
from keyart_tools.benchmark import benchmark_worlds
from keyart_tools.benchmark.benchmark_worlds import QUICK, BenchmarkSize, all_worlds, unavailable_reason


def test_real_data_only_where_it_is_or_is_asked_for(monkeypatch, tmp_path):
    fetched: list[str] = []

    def pip(arguments):
        fetched.append(arguments[-1])
        raise DataUnavailable("no network")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(benchmark_worlds, "pip", pip)
    *made_up, movielens, openbandit = all_worlds(BenchmarkSize())
    assert [unavailable_reason(setting, BenchmarkSize(), True) for setting in made_up] == [None] * 6
    for setting in (movielens, openbandit):
        assert "--download" in unavailable_reason(setting, BenchmarkSize(), download=False)
        assert "--quick" in unavailable_reason(setting, QUICK, download=True) and not fetched
    for setting in (movielens, openbandit):
        assert unavailable_reason(setting, BenchmarkSize(), download=True).startswith("no network")
    assert fetched == ["recbole==1.2.1", "obp==0.4.1"]
    for setting in (movielens, openbandit):
        monkeypatch.setattr(benchmark_worlds, "fetch", lambda run: None)
        monkeypatch.setattr(benchmark_worlds.OpenBanditLog, "load", lambda campaign, run: None)
        assert unavailable_reason(setting, BenchmarkSize(), download=False) is None


def test_worlds_differ_by_seed_and_by_setting():
    made = [setting.world(seed) for setting in all_worlds(QUICK)[:-2] for seed in (1, 2)]
    seen = {tuple(world.expected_reward(0, 0)) for world in made}
    assert len(seen) == 12
