"""A peer in another process: what it is told, what it answers, and how it ends; with a stand-in for the package."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from world_samples import HandWorld, Watched

from keyart.errors import FederatedError
from keyart_federated.peers import play
from keyart_tools.suite import vowpal_wabbit
from keyart_tools.suite.outside import setup_of, started

LAST = """
import json, pathlib, sys
setup = json.loads(pathlib.Path(sys.argv[1]).read_text())
notes = open(pathlib.Path(__file__).with_name("notes"), "w")
for line in sys.stdin:
    notes.write(line)
    if line.startswith("choose"):
        print(len(setup["titles"][int(line.split()[2])]) - 1, flush=True)
notes.write("closed")
"""
BROKEN = {
    "at once": "raise ImportError('no such package')",
    "while it chooses": "input(); raise ImportError('no such package')",
    "with nonsense": "import sys; input(); print('seven', flush=True); sys.exit('no such package')",
}


def script(folder: Path, text: str) -> Path:
    path = folder / "peer.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_it_chooses_and_is_told(tmp_path):
    world = Watched(HandWorld(devices=4))
    with started("Last", Path(sys.executable), script(tmp_path, LAST), world, 0) as peer:
        played = play(world, peer, 3)
    assert not world.peeked and set(world.asked.values()) == {1}
    for (i, k), artwork in world.shown.items():
        assert world.catalog[world.impression(i, k)[0]].artworks[-1].id == artwork
    *lines, last = (tmp_path / "notes").read_text().splitlines()
    assert last == "closed"  # it was asked to end, not killed
    title, context = world.impression(0, 0)
    place = world.catalog.index(title)
    assert lines[0] == f"choose 0 {place} device={context.device} daypart={context.daypart}"
    assert lines[1] == f"learn {played.quality[0, 0]:g}"
    assert len(lines) == 2 * 4 * 3


@pytest.mark.parametrize("how", BROKEN)
def test_one_that_fails_says_why(tmp_path, how):
    world = HandWorld(devices=2)
    with (
        pytest.raises(FederatedError, match=r"Broken ended early \(.*no such package.*make bench"),
        started("Broken", Path(sys.executable), script(tmp_path, BROKEN[how]), world, 0) as peer,
    ):
        play(world, peer, 50)


def test_a_python_that_is_not_there(tmp_path):
    with (
        pytest.raises(FederatedError, match="cannot be started"),
        started("Gone", tmp_path / "python", script(tmp_path, ""), HandWorld(devices=1), 0),
    ):
        pass


def test_setup_is_what_a_learner_may_know():
    world = Watched(HandWorld(devices=4))
    setup = json.loads(json.dumps(setup_of(world, 7)))
    assert not world.peeked and not world.asked and setup["seed"] == 7
    assert [len(pictures) for pictures in setup["titles"]] == [len(title.artworks) for title in world.catalog]
    assert setup["viewers"][0] == setup["viewers"][2] != setup["viewers"][1]  # two kinds of viewers in turns
    assert all(sum(tags.values()) == pytest.approx(1.0, abs=1e-3) for tags in setup["viewers"])


class Workspace:
    """In the place of VowpalWabbit's."""

    made: list[Workspace]

    def __init__(self, settings):
        self.settings, self.learned = settings, []
        Workspace.made.append(self)

    def predict(self, lines):
        return [0.0] * (len(lines) - 2) + [1.0]

    def learn(self, lines):
        self.learned.append(list(lines))


def test_vowpal_wabbit_gets_its_text(tmp_path, monkeypatch, capsys):
    Workspace.made = []
    monkeypatch.setitem(sys.modules, "vowpalwabbit", sys.modules[__name__])
    setup = {"viewers": [{"h0": 1.0}], "titles": [[{"z0": 0.5}], [{"z1": 1.0}, {"z2": 0.25}]], "seed": 1}
    (tmp_path / "setup.json").write_text(json.dumps(setup))
    asked = ["choose 0 1 device=tv", "learn 1", "choose 0 0 device=tv", "learn 0"]
    monkeypatch.setattr(sys, "stdin", iter(asked))
    vowpal_wabbit.main(str(tmp_path / "setup.json"))
    assert capsys.readouterr().out.split() == ["1", "0"]
    (workspace,) = Workspace.made
    assert "--squarecb -q UA" in workspace.settings
    assert workspace.learned == [
        ["shared |U h0:1 device=tv", "|A z1:1 |I 1_0", "0:-1:1 |A z2:0.25 |I 1_1"],  # cost: less the reward
        ["shared |U h0:1 device=tv", "0:-0:1 |A z0:0.5 |I 0_0"],
    ]
