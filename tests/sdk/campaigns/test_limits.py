"""Limits: each demand has a reason of its own, and what is within all of them passes."""

from __future__ import annotations

import math

import pytest
from campaign_samples import NOW, limits, offer

import keyart
from keyart.campaigns.budget import Charge
from keyart.campaigns.limits import MAX_ROUND_SECONDS, ParticipationHistory
from keyart.errors import SettingError

NOTHING = ParticipationHistory()
REFUSED = [
    ({}, {"kinds": ["statistics"]}, "kind"),
    ({"kind": "gossip"}, {}, "kind"),
    ({"not_after": NOW - 1}, {}, "over"),
    ({"not_after": NOW + MAX_ROUND_SECONDS + 1}, {}, "over"),
    ({"model_version": 8}, {}, "another model"),
    ({"feature_spec": "00"}, {}, "another model"),
    ({"kind": "experiment", "feature_spec": "00"}, {}, "another model"),
    ({}, {"minimum_devices": 3}, "cohort"),
    ({"noise_multiplier": 0.29}, {}, "noise"),
    ({"noise_multiplier": 0}, {"least_noise": 0}, "noise"),
    ({"epsilon": 8.1}, {}, "to cost"),
    ({"epsilon": 0}, {}, "to cost"),
    ({"delta": 1e-5}, {}, "to cost"),
    ({"delta": 0}, {}, "to cost"),
    ({}, {"contributions_a_day": 0}, "a day"),
    ({"noise_multiplier": 0.5}, {}, "spend more"),
    ({"epsilon": 0.5}, {"epsilon": 0.9}, "spend more"),
]


def judged(
    art: keyart.Personalizer, of: keyart.Limits, past: ParticipationHistory = NOTHING, **changes: object
) -> str | None:
    spec = art._session.chooser.installed.spec.sha256
    return of.refusal(offer(art, **changes), past, 0, spec, NOW)


@pytest.mark.parametrize(("changes", "limited", "reason"), REFUSED)
def test_refused(three, changes, limited, reason):
    said = judged(three[0], limits(**limited), **changes)
    assert said is not None and reason in said, said
    assert "spring" not in said  # no name of a campaign, which a server could fill with anything


def test_taken(three):
    assert judged(three[0], limits()) is None
    assert judged(three[0], limits(), not_after=NOW) is None
    assert judged(three[0], limits(epsilon=4.0, minimum_devices=2, least_noise=4.0)) is None


def test_arms_of_an_experiment_may_be_models(three):
    assert judged(three[0], limits(), kind="experiment", model_version=8) is None


def test_labels_are_kept_and_cannot_be_changed():
    labels = limits(labels={"region": "north"}).labels
    assert labels == {"region": "north"}
    with pytest.raises(TypeError):
        labels["region"] = "south"


def test_what_was_before_counts(three):
    asked = offer(three[0])
    assert "before" in judged(three[0], limits(), ParticipationHistory(rounds=frozenset({("spring", 1)})))
    assert judged(three[0], limits(), ParticipationHistory(rounds=frozenset({("spring", 2), ("autumn", 1)}))) is None
    assert judged(three[0], limits(), ParticipationHistory(lately=3)) is None
    assert "a day" in judged(three[0], limits(), ParticipationHistory(lately=4))
    assert judged(three[0], limits(), ParticipationHistory([asked.charge] * 10)) is None
    assert "spend" in judged(three[0], limits(), ParticipationHistory([asked.charge] * 40))
    assert "spend" in judged(three[0], limits(), ParticipationHistory([Charge(0.5, asked.l2, asked.size)]))


def test_nothing_follows_a_vector_that_nothing_protected(three):
    assert ParticipationHistory([None]).spent(1e-6) == math.inf
    assert "spend" in judged(three[0], limits(epsilon=1e6), ParticipationHistory([None]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"servers": [b"short"]},
        {"issuers": ["text"]},
        {"labels": {"region": 3}},
        {"labels": {"": "north"}},
        {"labels": {" Gender": "x"}},
        {"labels": {"religion:x": "y"}},
        {"epsilon": math.nan},
        {"epsilon": -1.0},
        {"epsilon": math.inf},
        {"delta": 0.0},
        {"delta": 1.0},
        {"minimum_devices": 1},
        {"least_noise": math.nan},
        {"contributions_a_day": -1},
        {"kinds": ["gossip"]},
    ],
)
def test_limits_that_are_none(wrong):
    with pytest.raises(SettingError):
        limits(**wrong)


def test_the_default_trusts_nobody():
    assert keyart.Limits().servers == () == keyart.Limits().issuers
