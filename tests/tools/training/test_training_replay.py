"""Replayed viewers are the very devices that lived through the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from support.training import log, world

import keyart
from keyart.campaigns.kinds.gradient import gradient_sums
from keyart.errors import WorldError
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.head import HeadPrior
from keyart_federated.learning.model import GlobalModel
from keyart_federated.simulation.devices import Devices
from keyart_tools.logs import LoggedDecision, LoggedViewer
from keyart_tools.training.replay import LoggedWorld, replayed

STEPS = 12


@pytest.mark.parametrize("head", [None, HeadPrior()])
def test_the_same_training_vector_as_devices_that_chose_it_themselves(head: HeadPrior | None) -> None:
    of = world()
    encoded = EncodedCatalog.build(of.catalog, FeatureSpec.from_catalog(of.catalog))
    policy = keyart.Policy(stickiness=timedelta(0), exploration=0.5)
    lived = Devices(
        of,
        np.arange(of.devices),
        encoded.spec,
        STEPS,
        policy=policy,
        reward=keyart.Reward(),
        head=head,
        encoded=encoded,
    )
    model = GlobalModel.zero_shot(encoded)
    lived.install(model)
    ids = list(of.catalog.artwork_places)
    viewers: list[list[LoggedDecision]] = [[] for _ in range(of.devices)]
    for k in range(STEPS):
        for i, place in enumerate(lived.step(k)):
            title_id, context = of.impression(i, k)
            outcome = of.outcome(i, k, ids[place])
            viewers[i].append(LoggedDecision(title_id, ids[place], context, 0.5, outcome))
    logged = [LoggedViewer(f"{i}", tuple(of.history(i)), tuple(shown)) for i, shown in enumerate(viewers)]

    (again,) = replayed(of.catalog, logged, encoded, head)
    for devices in (lived, again):
        devices.install(model)

    once, twice = (
        np.sum([gradient_sums(batch.weights, batch.log).gradient.sum(axis=0) for _, batch in part.batches()], axis=0)
        for part in (lived, again)
    )
    assert once.any()
    np.testing.assert_allclose(twice, once, rtol=1e-4, atol=1e-4)  # heads are re-fitted: the last bit may differ


def test_logs_of_all_lengths() -> None:
    viewers = [replace(viewer, decisions=viewer.decisions[:n]) for n, viewer in enumerate(log().viewers[:20])]
    encoded = EncodedCatalog.build(world().catalog, FeatureSpec.from_catalog(world().catalog))

    parts = replayed(world().catalog, viewers, encoded, None)

    assert sum(part.journal.counted.sum() for part in parts) == sum(range(20))
    assert sum(len(part.members) for part in parts) == 19  # who was shown nothing is not there


def test_a_log_tells_what_happened_and_nothing_else() -> None:
    logged = LoggedWorld(world().catalog, log().viewers)
    shown = log().viewers[3].decisions[2]

    assert logged.outcome(3, 2, shown.artwork_id) == shown.outcome
    with pytest.raises(WorldError):
        logged.outcome(3, 2, "another")
    with pytest.raises(WorldError):
        logged.expected_reward(3, 2)
