"""What a log teaches: the styles that viewers like, judged by viewers who taught nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from support.training import IMPRESSIONS, fitted, log, world
from support.worlds import tiny_catalog

import keyart
from keyart.errors import HistoryError, SettingError
from keyart_tools.model_evaluation import EvaluationSet, by_device, loaded_from_file, slates, value
from keyart_tools.training import LogTrainingSettings, fit
from keyart_tools.training.fit import _split


def test_held_out_viewers_find_it_likelier_and_better() -> None:
    found = fitted()

    assert found.best_pass > 0
    assert found.likelihood[found.best_pass] == max(found.likelihood) > found.likelihood[0] + 0.02
    assert found.value is not None
    assert found.value.value > found.logged_value.value + 0.1
    assert found.viewers == {"training": 48, "held out": 12}
    assert found.file.quality["held_out_value"] == pytest.approx(found.value.value, abs=1e-6)


def test_snips_on_held_out_viewers_is_near_the_truth() -> None:
    found = fitted()
    evaluation_set = EvaluationSet.of_world(world(), world().devices * IMPRESSIONS)
    installed = loaded_from_file(found.file, world().catalog)
    policy = keyart.Policy(stickiness=timedelta(0))
    gamma = policy.gamma(installed.base_rate)
    earned = [
        one.case.credit.of(one.weighed(installed.weights, gamma).probability)
        for one in slates(evaluation_set, installed, policy)
    ]
    truth = value(by_device(np.array([one.device for one in evaluation_set.each]), np.array(earned)))

    assert found.value is not None
    assert found.value.low - 0.1 < truth.value < found.value.high + 0.1
    assert truth.value > 0.4  # a random picture earns .3, the best one .7


def test_same_seed_same_model() -> None:
    settings = LogTrainingSettings(passes=2, held_out=0.2)
    one, other = (fit(log(), world().catalog, settings).file.model for _ in range(2))
    another = fit(log(), world().catalog, replace(settings, seed=1)).file.model

    assert (one.to_array() == other.to_array()).all()
    assert (one.to_array() != another.to_array()).any()


def test_it_ends_where_nothing_more_is_gained() -> None:
    found = fit(log(), world().catalog, LogTrainingSettings(passes=60, held_out=0.2))

    assert len(found.likelihood) < 40


def test_held_out_viewers_teach_nothing() -> None:
    settings = LogTrainingSettings(passes=2, held_out=0.2)
    _, held_out = _split([viewer for viewer in log().viewers if viewer.decisions], settings)
    names = {viewer.name for viewer in held_out}
    # Other decisions of theirs: what is measured changes, what is learned does not.
    halved = tuple(
        replace(viewer, decisions=viewer.decisions[::2]) if viewer.name in names else viewer
        for viewer in log().viewers
    )
    first = fit(log(), world().catalog, settings)
    second = fit(replace(log(), viewers=halved), world().catalog, settings)

    assert first.likelihood[0] != second.likelihood[0]
    if first.best_pass == second.best_pass:
        assert (first.file.model.to_array() == second.file.model.to_array()).all()


def test_what_may_not_be_shipped_says_so() -> None:
    found = fit(replace(log(), evaluation_only=True), world().catalog, LogTrainingSettings(passes=1, held_out=0.2))

    assert found.file.evaluation_only
    assert not fitted().file.evaluation_only


def test_propensities_that_tell_nothing() -> None:
    """Where the log says that it always showed what it showed, the model's own choices are hardly in it."""
    viewers = tuple(
        replace(viewer, decisions=tuple(replace(one, propensity=1.0) for one in viewer.decisions))
        for viewer in log().viewers
    )
    found = fit(replace(log(), viewers=viewers), world().catalog, LogTrainingSettings(passes=1, held_out=0.2))

    assert found.value is None
    assert "held_out_value" not in found.file.quality


def test_another_catalogue() -> None:
    with pytest.raises(HistoryError, match="no decision about an artwork of this catalogue"):
        fit(log(), tiny_catalog(), LogTrainingSettings(passes=1))


@pytest.mark.parametrize("settings", [{"passes": 0}, {"held_out": 0.0}, {"held_out": 1.0}])
def test_settings(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        LogTrainingSettings(**settings)  # type: ignore[arg-type]
