"""The worlds of the suite, and MovieLens only where it is at hand."""

from __future__ import annotations

from keyart.errors import DataUnavailable
from keyart_tools.benchmark import benchmark_worlds
from keyart_tools.benchmark.benchmark_worlds import QUICK, Effort, settings_of, why_not


def test_real_data_only_where_it_is_or_is_asked_for(monkeypatch, tmp_path):
    fetched: list[str] = []

    def pip(arguments):
        fetched.append(arguments[-1])
        raise DataUnavailable("no network")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(benchmark_worlds, "pip", pip)
    *made_up, movielens, openbandit = settings_of(Effort())
    assert [why_not(setting, Effort(), True) for setting in made_up] == [None] * 6
    for setting in (movielens, openbandit):
        assert "--download" in why_not(setting, Effort(), download=False)
        assert "--quick" in why_not(setting, QUICK, download=True) and not fetched
    for setting in (movielens, openbandit):
        assert why_not(setting, Effort(), download=True).startswith("no network")
    assert fetched == ["recbole==1.2.1", "obp==0.4.1"]
    for setting in (movielens, openbandit):
        monkeypatch.setattr(benchmark_worlds, "fetch", lambda run: None)
        monkeypatch.setattr(benchmark_worlds.OpenBanditLog, "load", lambda campaign, run: None)
        assert why_not(setting, Effort(), download=False) is None


def test_worlds_differ_by_seed_and_by_setting():
    made = [setting.world(seed) for setting in settings_of(QUICK)[:-2] for seed in (1, 2)]
    seen = {tuple(world.expected_reward(0, 0)) for world in made}
    assert len(seen) == 12
