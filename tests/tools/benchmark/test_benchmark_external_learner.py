"""A peer in another process: what it is told, what it answers, and how it ends; with a stand-in for the package."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from support.services import missing
from support.worlds import HandWorld, Watched

from keyart.errors import FederatedError
from keyart_federated.baselines import Fixed, play
from keyart_federated.metrics import WorldTruth, figures, rewards
from keyart_tools.benchmark import mabwiser_linear, vowpal_wabbit
from keyart_tools.benchmark.external_learner import (
    ExternalScript,
    learner_setup,
    missing_reason,
    play_by_steps,
    start_learner,
)
from keyart_tools.benchmark.policies import EXTERNAL_BASELINES
from keyart_tools.performance.baseline_comparison import interpreter

HERE = Path(sys.executable)
LAST = """
import json, pathlib, sys
setup = json.loads(pathlib.Path(sys.argv[1]).read_text())
notes = open(pathlib.Path(__file__).with_name("notes"), "w")
for line in sys.stdin:
    notes.write(line)
    print([len(setup["titles"][title]) - 1 for _, title, *_ in json.loads(line)], flush=True)
    notes.write(next(sys.stdin, ""))
notes.write("closed")
"""
BROKEN = {
    "at once": "raise ImportError('no such package')",
    "while it chooses": "input(); raise ImportError('no such package')",
    "with nonsense": "import sys; input(); print('seven', flush=True); sys.exit('no such package')",
    "with a number": "import sys; input(); print('7', flush=True); sys.exit('no such package')",
    "with too few": "import sys; input(); print([0], flush=True); sys.exit('no such package')",
}


def script(folder: Path, text: str, *arguments: str) -> ExternalScript:
    module = types.ModuleType("peer")
    module.__file__ = str(folder / "peer.py")
    (folder / "peer.py").write_text(text, encoding="utf-8")
    return ExternalScript("json", module, arguments)


def test_it_plays_as_a_peer_of_this_process_would(tmp_path):
    world = Watched(HandWorld(devices=4))
    with start_learner("Last", script(tmp_path, LAST), HERE, world, 0) as peer:
        played = play_by_steps(world, peer, 3)
    assert not world.peeked and set(world.asked.values()) == {1}
    twin = play(HandWorld(devices=4), Fixed([len(title.artworks) - 1 for title in world.catalog]), 3)
    for name in ("shown", "played", "quality"):
        assert np.array_equal(getattr(played, name), getattr(twin, name)) and getattr(played, name).any()
    *lines, last = (tmp_path / "notes").read_text().splitlines()
    assert last == "closed"  # it was asked to end, not killed
    told = list(map(json.loads, lines))
    assert [told[2 * k + 1] for k in range(3)] == twin.quality.T.tolist()  # of every device, step by step
    title, context = world.impression(3, 2)
    assert told[4][3] == [3, world.catalog.index(title), f"device={context.device}", f"daypart={context.daypart}"]


@pytest.mark.parametrize("how", BROKEN)
def test_one_that_fails_says_why(tmp_path, how):
    world = HandWorld(devices=2)
    with (
        pytest.raises(FederatedError, match=r"Broken failed \(.*no such package.*make bench"),
        start_learner("Broken", script(tmp_path, BROKEN[how]), HERE, world, 0) as peer,
    ):
        play_by_steps(world, peer, 50)


def test_arguments_follow_the_setup(tmp_path):
    path = script(tmp_path, "import sys; input(); print([int(sys.argv[2])], flush=True)", "2")
    with start_learner("Two", path, HERE, HandWorld(devices=1), 0) as peer:
        assert peer.choose([(0, 2, HandWorld().impression(0, 0)[1])]) == [2]


def test_a_python_that_is_not_there(tmp_path):
    gone = tmp_path / "python"
    with (
        pytest.raises(FederatedError, match="cannot be started"),
        start_learner("Gone", script(tmp_path, ""), gone, HandWorld(devices=1), 0),
    ):
        pass
    assert "cannot be used" in (missing_reason(script(tmp_path, ""), gone) or "")


def test_a_package_that_is_not_there():
    there, missing = (
        ExternalScript("json", types.ModuleType("peer")),
        ExternalScript("no_such_package", types.ModuleType("peer")),
    )
    assert missing_reason(there, HERE) is None
    assert missing_reason(missing, HERE) == ".venv-bench has no no_such_package; `make bench` installs it."
    assert "make bench" in (missing_reason(there, None) or "")


def test_setup_is_what_a_learner_may_know():
    world = Watched(HandWorld(devices=4))
    setup = json.loads(json.dumps(learner_setup(world, 7)))
    assert not world.peeked and not world.asked and setup["seed"] == 7
    assert [len(pictures) for pictures in setup["titles"]] == [len(title.artworks) for title in world.catalog]
    assert setup["viewers"][0] == setup["viewers"][2] != setup["viewers"][1]  # two kinds of viewers in turns
    assert "device=tv" in setup["situations"] and "daypart=evening" in setup["situations"]
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
    asked = ['[[0, 1, "device=tv"], [0, 0, "device=tv"]]', "[1.0, 0.0]", '[[0, 1, "device=tv"]]']
    monkeypatch.setattr(sys, "stdin", iter(asked))
    vowpal_wabbit.main(str(tmp_path / "setup.json"))
    assert capsys.readouterr().out == "[1, 0]\n[1]\n"
    (workspace,) = Workspace.made
    assert "--squarecb -q UA" in workspace.settings
    assert workspace.learned == [
        ["shared |U h0:1 device=tv", "|A z1:1 |I 1_0", "0:-1:1 |A z2:0.25 |I 1_1"],  # cost: less the reward
        ["shared |U h0:1 device=tv", "0:-0:1 |A z0:0.5 |I 0_0"],
    ]


class Bandit:
    """In the place of MABWiser's MAB."""

    made: list[Bandit]

    def __init__(self, arms, learning_policy, seed):
        self.arms, self.policy, self.seed, self.fits, self.asked = arms, learning_policy, seed, [], []
        Bandit.made.append(self)

    def predict(self, contexts):
        self.asked.append(contexts)
        return [self.arms[-1]] * len(contexts) if len(contexts) > 1 else self.arms[-1]

    def partial_fit(self, decisions, rewards, contexts):
        self.fits.append((decisions, rewards, contexts))


def test_mabwiser_gets_a_bandit_a_title(tmp_path, monkeypatch, capsys):
    Bandit.made = []
    policies = types.SimpleNamespace(LinUCB=lambda **settings: ("LinUCB", settings))
    module = types.SimpleNamespace(LearningPolicy=policies, MAB=Bandit)
    monkeypatch.setitem(sys.modules, "mabwiser", types.SimpleNamespace())
    monkeypatch.setitem(sys.modules, "mabwiser.mab", module)
    setup = {
        "viewers": [{"h0": 1.0}, {"h2": 0.25, "h0": 0.75}],
        "titles": [[{}, {}, {}], [{}], [{}, {}]],
        "situations": ["device=tv", "device=phone"],
        "seed": 3,
    }
    (tmp_path / "setup.json").write_text(json.dumps(setup))
    first_step = [*[[1, 0, "device=phone"]] * 30, *[[0, 1, "device=tv"]] * 2]
    second = [[0, 1, "device=tv"], [0, 0, "device=fridge"], [1, 2, "device=tv"], [1, 0, "device=tv"], [0, 1]]
    third = [[0, 0, "device=fridge"]]
    lines = [first_step, [1.0] * 32, second, [0.0, 1.0, 0.0, 0.0, 0.0], third]
    monkeypatch.setattr(sys, "stdin", iter(map(json.dumps, lines)))
    mabwiser_linear.main(str(tmp_path / "setup.json"), "LinUCB")
    chance, *later = map(json.loads, capsys.readouterr().out.splitlines())
    first, single, other = Bandit.made
    phone, tv, unknown = [0.75, 0.25, 0.0, 1.0], [0.75, 0.25, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]  # left out if unknown
    assert set(chance[:30]) == {0, 1, 2} and chance[30:] == [0, 0]  # by chance until the first fit
    assert first.fits == [(chance[:30], [1.0] * 30, [phone] * 30), ([2, 2], [1.0, 0.0], [unknown, tv])]  # once a step
    assert first.asked == [[unknown, tv], [unknown]]
    assert later[0][1] == later[0][3] == 2 and later[0][2] in (0, 1) and later[1] == [2]
    assert single.fits == [] == single.asked  # nothing to choose
    assert len(other.fits) == 1 and other.asked == []  # nothing is shared among titles
    assert first.policy == ("LinUCB", mabwiser_linear.SETTINGS["LinUCB"]) and first.seed != other.seed


@pytest.mark.service
@pytest.mark.parametrize("name", EXTERNAL_BASELINES)
def test_the_real_one_learns(name):
    python = interpreter(Path(__file__).parents[3])
    why = missing_reason(EXTERNAL_BASELINES[name], python)
    if python is None or why is not None:
        missing(str(why))
    world = HandWorld(devices=40)
    with start_learner(name, EXTERNAL_BASELINES[name], python, world, 0) as peer:
        played = play_by_steps(world, peer, 25)
    last = figures(rewards(WorldTruth.measure(world, 25), played.shown))["last_quarter_capture"]
    assert last.low > 0.2  # far from chance
