"""Slates are what a device scores: the same probabilities as the simulation's devices had at the same moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from support.training import fitted, world

import keyart
from keyart.bundle.loading import load_model
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.latents import LATENTS
from keyart_federated.export import ModelFile, write_bundle
from keyart_federated.learning.model import GlobalModel
from keyart_federated.simulation.devices import Devices
from keyart_federated.worlds import SyntheticWorld
from keyart_tools.logs import recorded
from keyart_tools.model_evaluation import EvaluationSet, loaded_from_file, slates

POLICY = keyart.Policy(stickiness=timedelta(0))


def test_the_probabilities_of_devices() -> None:
    of = SyntheticWorld(viewers=12, titles=6, artworks=5, impressions=30)
    encoded = EncodedCatalog.build(of.catalog, FeatureSpec.from_catalog(of.catalog))
    rng = np.random.default_rng(0)
    latents = {"title_latents": rng.normal(0, 1, (6, LATENTS)), "artwork_latents": rng.normal(0, 0.1, (30, LATENTS))}
    model = replace(GlobalModel.zero_shot(encoded), appeal=rng.normal(0, 0.2, (30, 2)), **latents)
    file = ModelFile(model, of.catalog, "made up", {"round": 0, "devices": 0}, {})
    devices = Devices(
        of, np.arange(12), encoded.spec, 1, policy=POLICY, reward=keyart.Reward(), head=None, encoded=encoded
    )
    devices.install(model)
    shown = devices.step(0)
    installed = loaded_from_file(file, of.catalog)
    gamma = POLICY.gamma(installed.base_rate)

    for i, slate in enumerate(slates(EvaluationSet.of_world(of, 12), installed, POLICY)):
        assert slate.case is not None and slate.case.device == i
        chance = slate.weighed(installed.weights.quantized(), gamma).probability
        place = shown[i] - encoded.first[slate.case.title]
        assert chance[place] == pytest.approx(devices.journal.propensity[i, 0], abs=1e-4)


def test_a_model_file_is_its_bundle_but_for_rounding(tmp_path: Path) -> None:
    file = fitted().file
    bundle = write_bundle(tmp_path / "b", file.model, file.names, data="d", training={"round": 1, "devices": 1})
    evaluation_set = EvaluationSet.of_world(world(), 120)
    of_file, of_bundle = loaded_from_file(file, world().catalog), load_model(bundle, world().catalog, "numpy")

    for one, other in zip(
        slates(evaluation_set, of_file, POLICY), slates(evaluation_set, of_bundle, POLICY), strict=True
    ):
        assert one.values(of_file.weights.quantized()) == pytest.approx(other.values(of_bundle.weights), abs=1e-4)


def test_pictures_that_the_model_does_not_know() -> None:
    renamed = [
        keyart.Title(f"new {t.id}", tags=t.tags, artworks=[replace(a, id=f"new {a.id}") for a in t.artworks])
        for t in world().catalog
    ]
    installed = loaded_from_file(fitted().file, keyart.Catalog.from_titles([*renamed, world().catalog.titles[0]]))

    assert not installed.appeal[: -len(world().catalog.titles[0].artworks)].any()
    assert installed.appeal[-3:] == pytest.approx(fitted().file.model.appeal[:3], abs=1e-6)


def test_cases_of_a_log_are_spread_over_viewers() -> None:
    log = recorded(world(), 10, data="made up")

    few, all_of_it = (EvaluationSet.of_log(log, world().catalog, most) for most in (120, 10_000))

    assert {one.device for one in few.each} == set(range(60)) and len(few.each) == 120
    assert len(all_of_it.each) == 600
