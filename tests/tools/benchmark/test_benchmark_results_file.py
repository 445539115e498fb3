"""suite.jsonl: what was played comes back as it was; a file that is something else is not touched."""

from __future__ import annotations

import json
import math

import pytest

from keyart.errors import SettingError
from keyart_tools.benchmark.results_file import PolicyRun, ResultsFile
from keyart_tools.benchmark.scores import FIGURES, PolicyScore

SETTINGS = {"rounds": 3, "worlds": {"a": {"viewers": 2}}}
SCORE = PolicyScore(dict.fromkeys(FIGURES, 1 / 3), {"capture": (0.1, 0.7), "clickbait_rate": (-math.inf, math.inf)})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "suite.jsonl"


def test_entries_come_back_to_the_last_bit(path):
    record = ResultsFile.begun(path, SETTINGS)
    entries = [PolicyRun("a", seed, "ε-greedy", SCORE, 1 / 3, {"capture": 0.5} if seed else None) for seed in (0, 1)]
    for entry in entries:
        record.add(entry)
    assert list(ResultsFile.resumed(path, SETTINGS).entries.values()) == entries
    for line in path.read_text("utf-8").splitlines():
        json.loads(line, parse_constant=pytest.fail)


def test_every_cut_of_the_last_line_is_mended(path):
    record = ResultsFile.begun(path, SETTINGS)
    record.add(PolicyRun("a", 0, "x", SCORE, 0.5, None))
    whole = path.read_bytes()
    record.add(PolicyRun("a", 1, "x", SCORE, 0.5, None))
    both = path.read_bytes()
    for end in range(len(whole), len(both)):
        path.write_bytes(both[:end])
        assert list(ResultsFile.resumed(path, SETTINGS).entries) == [("a", 0, "x")]
        assert path.read_bytes() == whole
    path.write_bytes(both)
    assert len(ResultsFile.resumed(path, SETTINGS).entries) == 2


@pytest.mark.parametrize(
    "damage", [b"\0" * 40 + b"\n", b'{"world": "a", "se\xff\n', b"\n"], ids=["zeros", "cut", "empty"]
)
def test_a_damaged_last_line_is_dropped(path, damage):
    record = ResultsFile.begun(path, SETTINGS)
    record.add(PolicyRun("a", 0, "x", SCORE, 0.5, None))
    whole = path.read_bytes()
    path.write_bytes(whole + damage)
    resumed = ResultsFile.resumed(path, SETTINGS)
    assert list(resumed.entries) == [("a", 0, "x")] and path.read_bytes() == whole


def test_where_there_is_none_one_is_begun(path):
    assert ResultsFile.resumed(path, SETTINGS).entries == {}
    assert ResultsFile.resumed(path, SETTINGS).entries == {} and path.exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({**SETTINGS, "rounds": 4}, "rounds was 3, is 4"),
        ({**SETTINGS, "worlds": {"a": {"viewers": 2, "drift": 0.5}}}, r"worlds\.a\.drift was null, is 0\.5"),
        ({**SETTINGS, "worlds": {}, "b": 1, "c": 2, "d": 3}, "b was null, is 1, c was null, is 2, and 1 more"),
    ],
)
def test_a_changed_setting_is_named(path, settings, said):
    ResultsFile.begun(path, SETTINGS).add(PolicyRun("a", 0, "x", SCORE, 0.5, None))
    before = path.read_bytes()
    with pytest.raises(SettingError, match=said):
        ResultsFile.resumed(path, settings)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}\n",
        "[]\n",
        "null\n",
        "not JSON\n",
        '{"format": "keyart-suite/0", "settings": {}}\n',
        '{"format": "keyart-suite/1", "settings": {}}\n{"world": "a"}\n',
        '{"format": "keyart-suite/1", "settings": {}}\n[1]\n',
        '{"format": "keyart-suite/1", "settings": {}}\n'
        '{"world": "a", "seed": 0, "policy": "x", "figures": {}, "interval": {}, "seconds": 1, "report": null}\n',
        '{"format": "keyart-suite/1", "settings": {}}\nnot JSON\n{"world": "a"}\n',
        "\udcff\n",
    ],
)
def test_something_else_is_refused_and_left_alone(path, text):
    before = text.encode("utf-8", "surrogateescape")
    path.write_bytes(before)
    with pytest.raises(SettingError, match=r"is not a results file.*--resume"):
        ResultsFile.resumed(path, {})
    assert path.read_bytes() == before
