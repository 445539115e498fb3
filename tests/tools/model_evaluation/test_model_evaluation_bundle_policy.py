"""A bundle's policy on a log: its probabilities are those that a device would draw with."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from support.training import fitted, log, world

import keyart
from keyart.bundle import load_model
from keyart.errors import HistoryError
from keyart_federated.export import write_bundle
from keyart_tools.logs import Log, LoggedDecision, LoggedViewer
from keyart_tools.model_evaluation import EvaluationSet, logged_decisions, never_trained, slates

POLICY = keyart.Policy(stickiness=timedelta(0))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = fitted().file
    folder = tmp_path_factory.mktemp("policy") / "bundle"
    return write_bundle(folder, file.model, file.names, data="d", training={"round": 1, "devices": 1})


def test_the_propensities_that_a_device_logs(bundle: Path, tmp_path: Path) -> None:
    """A profile without consent has no head; what it draws, and how likely that was, is what the log is given."""
    titles = world().catalog
    at = log().viewers[0].decisions[0].at
    shown = []
    with keyart.Personalizer.open(
        tmp_path / "p.db",
        catalog=titles,
        keys=keyart.EphemeralKey(),
        bundle=bundle,
        policy=POLICY,
        rng=random.Random(0),
    ) as art:
        for n in range(40):
            context = keyart.Context("tv", at + timedelta(days=n), slot=n % 5)
            title = titles.titles[n % len(titles)]
            shown.append((art.choose(title.id, context), context))
    decisions = tuple(
        LoggedDecision(made.title_id, made.artwork_id, context, made.propensity, keyart.Outcome.skipped())
        for made, context in shown
    )
    found = logged_decisions(
        Log("d", False, (LoggedViewer("v", (), decisions),), {}), titles, load_model(bundle, titles, "numpy"), POLICY
    )
    assert found.target == pytest.approx(found.propensity, abs=1e-4)
    assert len({round(p, 4) for p in found.propensity}) > 3


def test_all_decisions_in_the_order_of_viewers(bundle: Path) -> None:
    titles = world().catalog
    installed = load_model(bundle, titles, "numpy")
    uneven = replace(
        log(), viewers=(replace(log().viewers[0], decisions=log().viewers[0].decisions[:3]), *log().viewers[1:9])
    )
    done = []
    found = logged_decisions(uneven, titles, installed, POLICY, lambda n, of: done.append((n, of)))

    assert len(found.reward) == uneven.decisions and done[-1] == (uneven.decisions, uneven.decisions)
    assert np.bincount(found.unit).tolist() == [len(viewer.decisions) for viewer in uneven.viewers]
    every = slates(EvaluationSet.of_log(uneven, titles, None), installed, POLICY)
    sums = [float(slate.weighed(installed.weights, 20_000).probability.sum()) for slate in every]
    assert sums == pytest.approx([1.0] * uneven.decisions)


def test_rewards_of_the_log_itself(bundle: Path) -> None:
    titles = world().catalog
    installed = load_model(bundle, titles, "numpy")

    def rewarded(count: int) -> Log:
        viewers = tuple(
            replace(
                viewer,
                decisions=tuple(replace(d, reward=0.5) for d in viewer.decisions) if n < count else viewer.decisions,
            )
            for n, viewer in enumerate(log().viewers[:4])
        )
        return replace(log(), viewers=viewers)

    assert set(logged_decisions(rewarded(4), titles, installed, POLICY).reward) == {0.5}
    with pytest.raises(HistoryError, match="two measures"):
        logged_decisions(rewarded(2), titles, installed, POLICY)


def test_a_log_about_something_else(bundle: Path) -> None:
    with pytest.raises(HistoryError, match="nothing to evaluate"):
        logged_decisions(
            replace(log(), viewers=()), world().catalog, load_model(bundle, world().catalog, "numpy"), POLICY
        )


def test_what_was_never_trained() -> None:
    assert never_trained({"round": 0, "devices": 40}) is not None and never_trained({}) is not None
    assert never_trained({"round": 3, "devices": 40}) is None
    assert never_trained({"round": 0, "learner": "central"}) is None
