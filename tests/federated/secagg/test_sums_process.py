"""The sum is exact whoever falls silent and when; below the threshold the round fails, and loudly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyart.errors import RoundFailed, SettingError
from keyart.secagg import min_required
from keyart_federated.secagg import run_in_process

STAGES = ["keys", "share", "masked", "unmask"]
EXTREME = 2**20


def vectors_of(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([n, d, seed]).integers(-EXTREME, EXTREME + 1, (n, d))


def check(vectors: np.ndarray, threshold: float, drop: dict[str, set[int]]) -> None:
    result = run_in_process(vectors, threshold, drop)
    gone = set().union(*(rows for stage, rows in drop.items() if stage != "unmask"))
    left = [row for row in range(len(vectors)) if row not in gone]
    assert result.survivors == tuple(left) and all(type(row) is int for row in result.survivors)
    assert result.total.dtype == np.int64 and result.total.shape == vectors.shape[1:]
    np.testing.assert_array_equal(result.total, vectors[left].sum(axis=0))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_small_cohort_with_any_dropouts_above_the_threshold(data):
    n, d = data.draw(st.integers(2, 13)), data.draw(st.integers(1, 5))
    entries = st.sampled_from([0, 1, -1, EXTREME, -EXTREME, 12345])
    vectors = np.array(data.draw(st.lists(entries, min_size=n * d, max_size=n * d)), dtype=np.int64).reshape(n, d)
    required = data.draw(st.integers(min_required(n), n))
    order = data.draw(st.permutations(range(n)))
    drop: dict[str, set[int]] = {}
    for row in order[: data.draw(st.integers(0, n - required))]:
        drop.setdefault(data.draw(st.sampled_from(STAGES)), set()).add(row)
    check(vectors, required / n, drop)


@pytest.mark.parametrize("value", [EXTREME, -EXTREME])
@pytest.mark.parametrize("n", [2, 3, 30])
def test_extremes(n, value):
    check(np.full((n, 3), value, dtype=np.int64), 1.0, {})


@pytest.mark.parametrize(
    ("n", "stage"),
    [
        *(pytest.param(30, stage, id=f"30-{stage}") for stage in STAGES),
        *(
            pytest.param(100, stage, id=f"ring-{stage}", marks=[pytest.mark.slow] * (stage != "masked"))
            for stage in STAGES
        ),
    ],
)
def test_thirty_percent_lost_at_one_stage(n, stage):
    rows = np.random.default_rng(7).permutation(n)[: 3 * n // 10]
    check(vectors_of(n, 40), 0.7, {stage: set(rows.tolist())})


@pytest.mark.soak
@pytest.mark.parametrize("stage", STAGES)
def test_thirty_percent_lost_of_many(stage):
    rows = np.random.default_rng(8).permutation(300)[:90]
    check(vectors_of(300, 200), 0.7, {stage: set(rows.tolist())})


def test_some_lost_at_every_stage():
    check(vectors_of(30, 10), 0.6, {stage: {3 * i, 3 * i + 1, 3 * i + 2} for i, stage in enumerate(STAGES)})


def test_silent_from_the_first_stage_named():
    check(vectors_of(20, 4), 0.7, {"unmask": {1, 2}, "share": {2, 3}, "masked": {3}})


@pytest.mark.parametrize("stage", STAGES)
def test_one_more_than_the_threshold_allows(stage):
    with pytest.raises(RoundFailed, match=r"20 (of (20|30) devices answered|devices came).*21 must"):
        run_in_process(vectors_of(30, 4), 0.7, {stage: set(range(10))})


def test_lost_at_several_stages_more_than_the_threshold_allows():
    with pytest.raises(RoundFailed, match="stage unmask"):
        run_in_process(vectors_of(30, 4), 0.7, {stage: {i, i + 10, i + 20} for i, stage in enumerate(STAGES)})


@pytest.mark.parametrize(("n", "least"), [(2, 1.0), (3, 1.0), (4, 0.75), (12, 7 / 12)])
def test_the_least_threshold_is_taken_and_less_is_raised_to_it(n, least):
    silent = n - min_required(n)
    assert silent == n - round(n * least)
    for threshold in (least, least - 1 / n, 0.1):
        check(vectors_of(n, 2), threshold, {"masked": set(range(silent))})
        with pytest.raises(RoundFailed, match=f"where {min_required(n)} must"):
            run_in_process(vectors_of(n, 2), threshold, {"masked": set(range(silent + 1))})


def test_a_share_of_the_devices_is_not_rounded_up_by_floats():
    """29 of 35 is a little more than 29 in floats."""
    assert 29 / 35 * 35 > 29
    check(vectors_of(35, 2), 29 / 35, {"unmask": set(range(6))})


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 3), dtype=np.int64),
        np.zeros((0, 3), dtype=np.int64),
        np.zeros((3, 0), dtype=np.int64),
        np.zeros(3, dtype=np.int64),
        np.zeros((3, 3)),
        np.zeros((3, 3), dtype=np.int32),
        np.full((3, 3), EXTREME + 1, dtype=np.int64),
        np.full((3, 3), -EXTREME - 1, dtype=np.int64),
        np.full((3, 3), -(2**63), dtype=np.int64),
        [[1, 2], [3, 4]],
    ],
)
def test_vectors_that_are_none(wrong):
    with pytest.raises(SettingError):
        run_in_process(wrong, 1.0, {})


@pytest.mark.parametrize("threshold", [0, -1, 1.01, float("nan"), float("inf")])
def test_thresholds_that_are_none(threshold):
    with pytest.raises(SettingError, match="threshold"):
        run_in_process(vectors_of(4, 2), threshold, {})


@pytest.mark.parametrize("drop", [{"advertise": {1}}, {"keys": {4}}, {"keys": {-1}}])
def test_drops_that_are_none(drop):
    with pytest.raises(SettingError, match="drop"):
        run_in_process(vectors_of(4, 2), 1.0, drop)


def test_any_number_of_gateways():
    vectors = vectors_of(9, 3)
    for gateways in (1, 2, 9, 50):
        np.testing.assert_array_equal(run_in_process(vectors, 0.8, {}, gateways=gateways).total, vectors.sum(axis=0))
