"""install(validate=True): a bundle that does clearly worse on this device's own log is not taken."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import numpy as np
import pytest
from choosing_samples import OFF, TV, play_favourite, sample_model

import keyart
from keyart.bundle.loading import load_model
from keyart.profile import acceptance as adoption
from keyart_federated.export import write_bundle

POLICY = keyart.Policy(exploration=0.4, stickiness=OFF)
LIKED = "t0/a"


def tilted(catalog, folder, logits: float, version: int):
    """A bundle whose appeal says that LIKED is played so much more than all others."""
    model = sample_model(catalog, version=version)
    places = catalog.artwork_places
    appeal = np.full_like(model.appeal, -1.0)
    appeal[places[LIKED], 0] = -1.0 + logits
    model = replace(
        model,
        theta=0.0 * model.theta,
        appeal=appeal,
        title_latents=0.0 * model.title_latents,
        artwork_latents=0.0 * model.artwork_latents,
    )
    return write_bundle(folder, model, catalog, data="Made up.", training={"round": 1, "devices": 1})


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, catalog):
    """right: what the viewer of these tests does; wrong: the opposite; same: as right, with another version."""
    folder = tmp_path_factory.mktemp("adoption")
    made = {"right": (1.5, 1), "wrong": (-1.5, 2), "same": (1.5, 3)}
    return {name: tilted(catalog, folder / name, *settings) for name, settings in made.items()}


def watching(open_art, dial, bundle, decisions: int = 120, **settings) -> keyart.Personalizer:
    """A profile whose viewer plays LIKED and nothing else."""
    art = open_art(bundle=bundle, policy=POLICY, **settings)
    rng = np.random.default_rng(3)
    for _ in range(decisions):
        dial.number = float(rng.random())
        play_favourite(art, LIKED, 1)
    return art


def verdict(art: keyart.Personalizer, bundle) -> adoption.Acceptance:
    session = art._session
    new = load_model(bundle, session.chooser.catalog, "numpy")
    return adoption.compare_models(session.person(), session.chooser.installed, new)


def test_a_worse_bundle_is_not_taken(open_art, dial, bundles, caplog):
    art = watching(open_art, dial, bundles["right"])
    before = art.preview("t0", TV)
    with caplog.at_level(logging.WARNING, "keyart"):
        assert art.install(bundles["wrong"], validate=True) == art.model_version == 1
    assert "Model 2 is not installed" in caplog.text
    assert art.preview("t0", TV) == before
    found = verdict(art, bundles["wrong"])
    assert not found.adopted and found.decisions == 120 and found.new > found.old > 0


def test_it_is_taken_unless_it_was_to_be_tested(open_art, dial, bundles):
    art = watching(open_art, dial, bundles["right"])
    assert art.install(bundles["wrong"]) == art.model_version == 2


@pytest.mark.parametrize(("installed", "new"), [("wrong", "right"), ("right", "same")])
def test_what_is_better_or_no_worse_is_taken(open_art, dial, bundles, installed, new):
    art = watching(open_art, dial, bundles[installed])
    version = {"right": 1, "same": 3}[new]
    assert art.install(bundles[new], validate=True) == art.model_version == version


def test_equal_bundles_lose_the_same(open_art, dial, bundles):
    found = verdict(watching(open_art, dial, bundles["right"]), bundles["same"])
    assert found.adopted and found.old == pytest.approx(found.new, rel=1e-6)


def test_few_decisions_decide_nothing(open_art, dial, bundles):
    art = watching(open_art, dial, bundles["right"], decisions=adoption.MIN_DECISIONS - 1)
    found = verdict(art, bundles["wrong"])
    assert found.adopted and found.decisions == adoption.MIN_DECISIONS - 1 and math.isnan(found.old)
    assert art.install(bundles["wrong"], validate=True) == 2


def test_decisions_without_an_outcome_or_under_an_intent_do_not_count(open_art, dial, bundles):
    art = watching(open_art, dial, bundles["right"], decisions=40)
    for _ in range(50):
        art.choose("t0", TV)
        asked = art.choose("t0", replace(TV, intent={"genre:drama": 1.0}))
        art.observe(asked.id, keyart.Outcome.skipped())
    assert verdict(art, bundles["wrong"]).decisions == 40


def test_only_the_last_are_replayed(open_art, dial, bundles, monkeypatch):
    art = watching(open_art, dial, bundles["right"], decisions=60)
    monkeypatch.setattr(adoption, "MAX_DECISIONS", 35)
    assert verdict(art, bundles["same"]).decisions == 35


def test_nothing_is_predicted_from_itself(open_art, dial, bundles):
    """The first outcome is predicted by the model alone: its loss is that of the bundle's own logit."""
    art = watching(open_art, dial, bundles["right"], decisions=40)
    session = art._session
    answered = [(entry, entry.outcome) for entry in session.person().journal.entries()]
    losses = adoption._losses(session.person(), session.chooser.installed, answered)
    logit = float(session.chooser.installed.appeal[art_place(art, answered[0][0]), 0])
    sign = 1 if answered[0][1].kind == "played" else -1
    assert losses[0] == pytest.approx(math.log1p(math.exp(-sign * logit)), abs=1e-5)


def test_the_replay_learns_as_it_goes(open_art, dial, bundles):
    """A picture that is passed over again and again surprises less each time."""
    art = watching(open_art, dial, bundles["wrong"], decisions=200)
    session = art._session
    answered = [(entry, entry.outcome) for entry in session.person().journal.entries()]
    losses = adoption._losses(session.person(), session.chooser.installed, answered)
    passed_over = losses[[entry.decision.artwork_id != LIKED for entry, _ in answered]]
    assert len(passed_over) > 100 and passed_over[-10:].mean() < 0.5 * passed_over[:10].mean()


def art_place(art: keyart.Personalizer, entry) -> int:
    return art._session.chooser.catalog.artwork_places[entry.decision.artwork_id]


def test_without_consent_there_is_nothing_to_test(open_art, dial, bundles):
    art = watching(open_art, dial, bundles["right"])
    art.consent.withdraw("personalization")
    assert art.install(bundles["wrong"], validate=True) == 2


def test_latents_and_preferences_count(open_art, dial, bundle, next_bundle):
    """Bundles with all that a model may have, and a viewer who said something, are compared, too."""
    art = open_art(bundle=bundle, policy=POLICY)
    assert art.preferences.like("style:a")
    play_favourite(art, LIKED, 40)
    found = verdict(art, next_bundle)
    assert found.decisions == 40 and math.isfinite(found.new)
