"""A peek costs nothing, and noise changes no verdict at the planned power (docs/how-to/experiments.md: long runs)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keyart_federated.experiments import Experiment, detectable
from keyart_federated.experiments.peeking import agree, baselines, peek

KNOWN = baselines()
AA = Experiment("aa", 8000, KNOWN, days=28, first_day=14, looks=15)


def planned() -> Experiment:
    """ε = 1, 20,000 devices; the margin is what they find with power .98."""
    experiment = Experiment("ab", 20_000, KNOWN, looks=8)
    return replace(experiment, margin=detectable(experiment, power=0.98).effect)


def test_a_few_peeks():
    found = peek(AA, tests=20, seed=1)
    assert found.private <= 0.07 and found.raw <= 0.1
    assert found.fixed > 0.1
    assert found.private_by_look.shape == found.fixed_by_look.shape == (15,)


def test_a_few_verdicts():
    experiment = planned()
    found = agree(experiment, experiment.margin, trials=8, seed=2)
    assert found.same >= 0.8 and found.raw_looks <= found.private_looks


@pytest.mark.soak
def test_a_thousand_peeks():
    found = peek(AA, tests=1000, seed=1)
    assert found.private <= 0.05 and found.raw <= 0.05
    assert found.fixed > 0.15 and found.once < 0.07


@pytest.mark.soak
@pytest.mark.parametrize(("effects", "seed"), [(1.0, 2), (0.0, 3)])
def test_two_hundred_verdicts(effects, seed):
    experiment = planned()
    assert agree(experiment, effects * experiment.margin, trials=200, seed=seed).same >= 0.95
