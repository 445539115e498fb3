"""What is measured is what is deployed: a fleet served over HTTP ends with the very models of `simulate`.

The randomness of the devices' rounding and noise is handed in, for this test alone; keys, masks and times differ.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from support.server import running
from support.worlds import HandWorld

import keyart
from keyart.bundle.loading import load_model
from keyart.campaigns import participation, vectors
from keyart.campaigns.offer import Offer
from keyart.client import sampling_bucket
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart_federated.accounting.privacy import Privacy
from keyart_federated.campaigns.settings import HELD_OUT
from keyart_federated.export import write_bundle
from keyart_federated.learning.model import GlobalModel
from keyart_federated.simulation.local_engine import devices_in_parts, local_fleet, members_of, run_campaign
from keyart_federated.simulation.randomness import device_randomness
from keyart_federated.simulation.setup import SimulationSetup

DEVICES, ROUNDS, STEPS, SEED = 24, 3, 5, 3
PRIVACY = Privacy(8.0, 1e-6, rounds=ROUNDS, masked=True)
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def served_world(monkeypatch):
    """The example's module."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import served_world as module

    yield module
    for name in ("served_world", "visiting_devices"):
        sys.modules.pop(name, None)


def first_bundle(folder: Path, catalog: keyart.Catalog) -> Path:
    model = GlobalModel.zero_shot(EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog)))
    return write_bundle(folder, model, catalog, data="Nothing yet.", training={"round": 0, "devices": 0})


@pytest.mark.service
def test_a_served_fleet_ends_with_the_models_of_the_simulation(tmp_path: Path, monkeypatch, served_world) -> None:
    world = HandWorld(devices=DEVICES)
    world.catalog.save(tmp_path / "catalog.json")
    bundle = first_bundle(tmp_path / "first", world.catalog)
    number_of: dict[bytes, int] = {}  # by the device's private key
    offers: list[Offer] = []

    def answer(kind, offer, source, random):
        number = number_of[source.secret]
        if number == 0:
            offers.append(offer)
        return vectors.protected_vector(kind, offer, source, device_randomness(SEED, offer, number))

    monkeypatch.setattr(participation, "vectors", type("patched", (), {"protected_vector": staticmethod(answer)}))

    setup = SimulationSetup(world, ROUNDS, STEPS, DEVICES, SEED, privacy=PRIVACY)
    arguments = ("--bundle", bundle, "--catalog", tmp_path / "catalog.json", "--epsilon", "1000")
    with running(tmp_path / "data", *arguments) as server:
        vouchers = server.vouchers(DEVICES)
        limits = keyart.Limits(
            servers=[bytes.fromhex(server.started["offers_key"])],
            issuers=[bytes.fromhex(server.started["issuer_key"])],
            minimum_devices=2,
            contributions_a_day=1000,
        )
        send, root = served_world.transport(server.started["address"]), server.data / "tuf" / "root.json"
        devices = []
        for number in range(DEVICES):
            home = tmp_path / "devices" / str(number)
            while True:  # held-out devices evaluate, and never train
                home.mkdir(parents=True, exist_ok=True)
                device = served_world.WorldDevice(
                    world, number, home, bundle, root.read_bytes(), limits, send, send, vouchers[number], SEED
                )
                key = device._art.federated.device_key()
                assert key is not None
                if sampling_bucket(key) >= HELD_OUT:
                    break
                device.close()
                home = home.with_name(f"{home.name}-again")
            store = device._art._session.custody.store
            number_of[participation.enrolment.find_identity(store).private] = number
            devices.append(device)

        plan = setup.plan
        settings = {
            "minimum_devices": plan.minimum_devices,
            "wanted": plan.cohort,
            "threshold_permille": plan.threshold_permille,
            "clip": plan.clip,
            "decisions": float(STEPS),
            "hours": 0.0,
            "gates": 0.0,
            "stages": [1.0],
            "unclear": "go on",
            "patience": 60.0,
        }
        made = server.client.post(
            "/api/v1/campaigns",
            json={
                "name": "Spring",
                "kind": "training",
                "rounds": ROUNDS,
                "epsilon": PRIVACY.epsilon,
                "delta": PRIVACY.delta,
                "settings": settings,
            },
            headers=server.bearer,
        ).json()
        assert server.client.post(f"/api/v1/campaigns/{made['id']}/start", headers=server.bearer).status_code == 200
        try:
            served_world.play_and_train(devices, ROUNDS, STEPS)
            served = {device._art._session.chooser.installed.version for device in devices}
            model = devices[0]._art._session.chooser.installed
        finally:
            for device in devices:
                device.close()

    simulated = SimulationSetup(world, ROUNDS, STEPS, DEVICES, SEED, privacy=PRIVACY, campaign_id=made["id"])
    fleet = local_fleet(simulated, devices_in_parts(simulated, members_of(world)))
    training = run_campaign(simulated, fleet, tmp_path / "simulated")
    assert served == {training.base.version} == {1 + ROUNDS}
    theirs = load_model(training.base.bundle, world.catalog, "numpy")
    np.testing.assert_array_equal(model.weights.flat(), theirs.weights.flat())
    np.testing.assert_array_equal(model.appeal, theirs.appeal)
    np.testing.assert_array_equal(model.population_taste, theirs.population_taste)
    assert model.base_rate == theirs.base_rate
    for ours, other in zip(offers, training.offers, strict=True):
        assert _asked(ours) == _asked(other)


def _asked(offer: Offer) -> str:
    """Everything that an offer asks, but for names and times."""
    left_out = ("campaign", "purpose", "not_after", "payload")
    fields = {name: value for name, value in vars_of(offer).items() if name not in left_out}
    return json.dumps(fields, sort_keys=True) + offer.payload.hex()


def vars_of(offer: Offer) -> dict[str, object]:
    return {name: getattr(offer, name) for name in offer.__slots__}
