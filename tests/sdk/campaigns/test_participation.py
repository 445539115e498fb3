"""Whole rounds of real devices and a real coordinator: what comes out is the sum of what went in, with its noise."""

from __future__ import annotations

import numpy as np
import pytest
from support.campaigns import fleet, limits, offer, population_layout, run

from keyart.campaigns import kinds, vectors
from keyart.errors import RoundFailed
from keyart.secagg import Stage

DEVICES = 30


@pytest.fixture(scope="module")
def arts(tmp_path_factory):
    with fleet(DEVICES, limits=limits(minimum_devices=20, contributions_a_day=100, epsilon=100.0)) as opened:
        yield opened


def test_the_sum_of_a_training_round_is_the_sum_of_the_devices_vectors(arts, noted):
    asked = offer(arts[0], minimum_devices=21, campaign="all")
    result = run(arts, asked)
    assert result.survivors == tuple(range(DEVICES)) and len(noted) == DEVICES
    np.testing.assert_array_equal(result.total, np.sum(noted, axis=0))
    assert all(art.federated.sent()[-1].campaign == "all" for art in arts)
    assert arts[0].federated.sent()[-1].size_bytes <= 4 * asked.size + 16_000


@pytest.mark.parametrize("stage", list(Stage))
def test_devices_may_fall_silent_at_any_stage(arts, noted, stage):
    gone = set(range(3, DEVICES, 7))
    asked = offer(arts[0], minimum_devices=21, campaign=stage.name)
    result = run(arts, asked, {stage: gone})
    left = DEVICES if stage is Stage.UNMASK else DEVICES - len(gone)
    assert len(result.survivors) == left == len(noted)
    np.testing.assert_array_equal(result.total, np.sum(noted, axis=0))


def test_with_too_few_the_round_fails(arts):
    with pytest.raises(RoundFailed):
        run(arts, offer(arts[0], minimum_devices=21, campaign="few"), {Stage.MASKED: range(10)})


def test_the_noise_in_the_sum_is_what_was_promised(arts):
    """The sum less what the devices hold is noise: of at least the variance that their ledgers count on."""
    layout = population_layout(arts[0])
    asked = offer(arts[0], layout, kind="statistics", topic="population", minimum_devices=21, campaign="population")
    kind = kinds.find_kind(asked)
    held = np.zeros(layout.size)
    for art in arts:
        chooser, custody = art._session.chooser, art._session.custody
        held += kind.vector(asked, vectors.VectorSource(custody.profile, chooser.installed, chooser.catalog, b""))
    noise = run(arts, asked).total - held * asked.units
    promised = (asked.noise_multiplier * asked.l2) ** 2
    counted = asked.variance * DEVICES  # all of them survived
    assert counted >= promised * DEVICES / 21 * 0.999
    spread = 4 * np.sqrt(2 / layout.size)  # four deviations of an estimated variance
    assert abs(noise.var() / counted - 1) < spread
    assert abs(noise.mean()) < 4 * np.sqrt(counted / layout.size)
