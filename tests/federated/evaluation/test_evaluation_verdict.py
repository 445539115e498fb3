"""What the estimates of a log say about a policy."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from keyart.errors import FederatedError, SettingError
from keyart_federated.evaluation import Decisions, PolicyVerdict, dr, ips, shrunk, snips
from keyart_federated.evaluation.estimate_chart import draw

LOGGED, QUALITY = np.array([0.4, 0.3, 0.3]), np.array([0.3, 0.2, 0.1])


def decisions(target: list[float], n: int = 6000, predicted: bool = False, seed: int = 2) -> Decisions:
    rng = np.random.default_rng(seed)
    shown = rng.choice(3, p=LOGGED, size=n)
    reward = (rng.random(n) < QUALITY[shown]).astype(float)
    chances = np.array(target)
    told = (0.9 * QUALITY[shown], np.full(n, float(chances @ QUALITY) * 0.9)) if predicted else ()
    return Decisions.of(reward, LOGGED[shown], chances[shown], *told)


@pytest.mark.parametrize(
    ("target", "n", "answer"),
    [([0.9, 0.05, 0.05], 6000, "better"), ([0.05, 0.05, 0.9], 6000, "worse"), ([0.7, 0.15, 0.15], 60, "unclear")],
)
def test_answers(target, n, answer):
    verdict = PolicyVerdict.of(decisions(target, n))
    assert verdict.answer == answer
    assert verdict.by == "snips" and set(verdict.estimates) == {"snips", "ips"}
    assert verdict.difference.value == pytest.approx(verdict.estimates["snips"].value - verdict.logged.value)
    start = {"better": "Better: ", "worse": "Worse: ", "unclear": "Too few decisions to tell: "}[answer]
    assert verdict.sentence.startswith(start) and "95 %" in verdict.sentence


def test_its_figures_are_those_of_the_estimators():
    log = decisions([0.6, 0.2, 0.2], predicted=True)
    verdict = PolicyVerdict.of(log, level=0.9)
    arrays = (log.reward, log.propensity, log.target)
    predicted = (log.predicted_shown, log.predicted_target)
    assert verdict.by == "dr"
    assert verdict.estimates == {
        "snips": snips(*arrays, level=0.9),
        "ips": ips(*arrays, level=0.9),
        "dr": dr(*arrays, *predicted, level=0.9),
        "switch": shrunk(*arrays, *predicted, form="switch", level=0.9),
        "shrinkage": shrunk(*arrays, *predicted, form="optimistic", level=0.9),
    }
    assert verdict.logged.value == pytest.approx(log.reward.mean())
    assert "90 %" in verdict.sentence


def test_how_many_decisions_would_tell():
    verdict = PolicyVerdict.of(decisions([0.7, 0.15, 0.15], 60))
    reach = (verdict.difference.high - verdict.difference.low) / 2
    assert verdict.decisions_needed == pytest.approx(60 * (reach / 0.02) ** 2, rel=0.1)
    assert verdict.decisions_needed >= 60 * (reach / 0.02) ** 2 > 60
    assert f"about {verdict.decisions_needed:,} decisions of this kind are needed for ±0.02" in verdict.sentence
    assert verdict.sentence.endswith("the log has 60.")
    assert verdict.to_dict()["decisions_needed"] == verdict.decisions_needed
    longer = PolicyVerdict.of(decisions([0.7, 0.15, 0.15], min(verdict.decisions_needed, 20_000)))
    assert longer.difference.high - longer.difference.low < 2.4 * 0.02


def test_how_many_decisions_by_the_range_of_rewards():
    log = decisions([0.7, 0.15, 0.15], 60)
    tenfold = Decisions.of(10 * log.reward, log.propensity, log.target)
    assert PolicyVerdict.of(tenfold).decisions_needed == PolicyVerdict.of(log).decisions_needed
    assert "±0.2," in PolicyVerdict.of(tenfold).sentence


def test_how_long_a_log_would_tell():
    verdict = PolicyVerdict.of(decisions([0.35, 0.4, 0.25], 6000, seed=4))
    assert verdict.answer == "unclear" and verdict.sentence.startswith("Too close to tell: ")
    times = float(verdict.sentence.partition("a log ")[2].split()[0])
    reach = (verdict.difference.high - verdict.difference.low) / 2
    assert times == pytest.approx((reach / verdict.difference.value) ** 2, rel=0.05)
    assert "more than 100 times" in PolicyVerdict.of(decisions(LOGGED.tolist())).sentence


def test_as_json_and_as_a_picture(tmp_path):
    verdict = PolicyVerdict.of(decisions([0.6, 0.2, 0.2], predicted=True))
    document = json.loads(json.dumps(verdict.to_dict(), allow_nan=False))
    assert document["answer"] == "better" and document["overlap"]["doubts"] == []
    assert document["estimates"]["dr"]["low"] == verdict.estimates["dr"].low
    for name, start in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PDF", b"%PDF")):
        draw(verdict, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.PDF", "a.png", "a.svg"]
    with pytest.raises(SettingError, match=r"end its name in \.png"):
        draw(verdict, tmp_path / "a.txt")


def test_no_verdict_without_overlap():
    with pytest.raises(FederatedError, match="hardly shows"):
        PolicyVerdict.of(decisions([0.0, 0.0, 0.3]))
    with pytest.raises(SettingError):
        PolicyVerdict.of(decisions([0.6, 0.2, 0.2]), level=math.nan)
