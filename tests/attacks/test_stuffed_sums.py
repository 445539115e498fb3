"""One hostile device of 1,000 stuffs a sum: under the mask it adds any multiple of the clip.

No gate of a release, no evaluation and no trend changes, at any multiple, in either direction. The same attack on a
single sum, without sub-cohorts, does change them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.campaign_readers import START, campaign, read
from support.catalogs import sample_bundle, sample_catalog

from keyart.campaigns import EvaluationLayout, SegmentLayout
from keyart.campaigns.kinds.evaluation import evaluation_vector
from keyart.campaigns.kinds.trending import TRENDING_BUCKETS
from keyart.client import sampling_bucket
from keyart.errors import SumRefused
from keyart.model import FeatureSpec
from keyart_federated import campaigns
from keyart_federated.accounting import composed, composed_by_draw
from keyart_federated.campaigns import (
    DeployedModel,
    PrivateSum,
    RoundRequest,
    ask,
    read_comparison,
    request_comparison,
    request_guard,
    trending,
)
from keyart_federated.campaigns.segments import SegmentEstimate, difference
from keyart_federated.campaigns.sub_cohorts import bucket_range, combined
from keyart_server.releases.gate import comparison_gates, worst_verdict

DEVICES = 999  # and in one sub-cohort one of them is hostile
MULTIPLES = [0, 1, 10, 30, 60, 120, 200, 250, 300, 418, 1000, 10**4, 10**6]  # of the clip, that it sends
MARGIN, SEGMENT_MARGIN = 0.02, 0.05
Stuff = Callable[[np.ndarray], np.ndarray]  # the direction of what a hostile device sends, [size]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> DeployedModel:
    folder: Path = tmp_path_factory.mktemp("stuffed")
    catalog = sample_catalog()
    first, second = (sample_bundle(folder / str(n), catalog, seed=n, version=n) for n in (1, 2))
    return DeployedModel(catalog, first, 1, FeatureSpec.from_catalog(catalog), {2: second})


def total(asked: RoundRequest, vectors: np.ndarray, direction: np.ndarray | None, multiple: float) -> np.ndarray:
    """The noised sum in which the first device sends so many clips along a direction instead of its vector."""
    offer, sent = asked.offer, vectors.sum(axis=0)
    if direction is not None and multiple:
        sent = sent - vectors[0] + multiple * direction / np.linalg.norm(direction)
    scale = np.sqrt(float(offer.variance) * len(vectors))
    noise = np.random.default_rng([offer.round, 7]).normal(0, scale, offer.size)
    return np.asarray(np.rint(offer.units * sent + noise).astype(np.int64))


def of_segments(layout: SegmentLayout, devices: int, y: float, seed: int) -> np.ndarray:
    """Vectors of devices with decisions in all segments and numbers about y."""
    z = np.clip(np.random.default_rng(seed).normal(y, 0.05, devices) / layout.reach, -1, 1)
    parts = np.stack([np.ones(devices), z, z**2], axis=1)[..., None].repeat(len(layout.segments), axis=2)
    return parts.reshape(devices, -1) * layout.weights


def along(layout: SegmentLayout, sign: float, how: str) -> np.ndarray:
    """How values are stuffed: with squares that fit, without any, in all segments, or as devices."""
    n, out = len(layout.segments), np.zeros(layout.size)
    places = slice(0, n) if how == "segments" else slice(0, 1)
    out[n : 2 * n][places] = sign
    if how in ("squares", "segments"):
        out[2 * n :][places] = 1.0
    if how == "devices":
        out[0], out[n] = 1.0, 0.0
    return out


HOW = ["squares", "bare", "segments", "devices"]


Compare = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def gates(base: DeployedModel) -> Compare:
    layout = SegmentLayout.of("compare", base.spec)

    @cache
    def rounds(cohorts: int | None) -> list[RoundRequest]:
        settings = {"wanted": 1000, "minimum_devices": 300, "gates": 0.5, "cohorts": cohorts}
        one = campaign("training", settings, rounds=1, epsilon=8.0)
        count = campaigns.cohorts_of(one)
        return [request_comparison(base.others[2], base, one, 5 + i, START, i) for i in range(count)]

    def judge(y: float, multiple: float, how: str = "squares", cohorts: int | None = None) -> dict[str, str]:
        """The verdicts on a candidate that does by y better than the base; a hostile device says the opposite."""
        requests = rounds(cohorts)
        found = []
        for cohort, asked in enumerate(requests):
            vectors = of_segments(layout, DEVICES // len(requests), y, cohort)
            stuffed = along(layout, -np.sign(y), how) if cohort == 1 % len(requests) else None
            found.append(estimates(base, asked, total(asked, vectors, stuffed, multiple), len(vectors)))
        return judged(found)

    return judge


def estimates(
    base: DeployedModel, asked: RoundRequest, sums: np.ndarray, devices: int
) -> Mapping[str, SegmentEstimate]:
    """As the engine has it read: nothing, of a sum that is refused."""
    try:
        return read_comparison(PrivateSum(asked.offer, sums, devices, asked.pending), base)
    except SumRefused:
        return {}


def judged(found: list[Mapping[str, SegmentEstimate]]) -> dict[str, str]:
    made = comparison_gates("quality", combined(found) if any(found) else {}, MARGIN, SEGMENT_MARGIN)
    return {"worst": worst_verdict(made), "all": made[0].verdict}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("y", "verdict"), [(-0.08, "failed"), (0.05, "passed")])
def test_a_release_under_a_stuffed_comparison(gates: Compare, y: float, verdict: str, how: str) -> None:
    """The gate of all devices, and the worst of all gates, those of segments among them."""
    honest = gates(y, 0)
    assert honest["all"] == verdict
    for multiple in MULTIPLES:
        assert gates(y, multiple, how) == honest, multiple


@pytest.mark.parametrize(("y", "flipped"), [(-0.08, "passed"), (0.05, "failed")])
def test_what_one_device_does_to_a_single_sum(gates: Compare, y: float, flipped: str) -> None:
    """The attack is one: without sub-cohorts, and within what the guard lets pass, the gate says the opposite."""
    assert flipped in {gates(y, multiple, cohorts=1)["all"] for multiple in MULTIPLES}


@pytest.mark.parametrize(("fall", "verdict"), [(0.2, "failed"), (-0.1, "passed")])
def test_a_roll_out_under_stuffed_take_rates(base: DeployedModel, fall: float, verdict: str) -> None:
    settings = {"wanted": 1000, "minimum_devices": 900, "gates": 0.9, "stages": [0.5, 1.0]}
    one, layout = campaign("training", settings, rounds=1, epsilon=13.0), SegmentLayout.of("rates", base.spec)
    requests = {
        (version, cohort): request_guard(version, base, one, 10 * version + cohort, START, START, cohort)
        for version in (1, 2)
        for cohort in range(campaigns.cohorts_of(one))
    }
    for multiple in MULTIPLES:
        found = []
        for cohort in range(3):
            pair = []
            for version, rate in ((2, 0.5 - fall), (1, 0.5)):
                asked, number = requests[version, cohort], 10 * version + cohort
                vectors = of_segments(layout, DEVICES // 3, rate, number).clip(min=0.0)
                lie = along(layout, np.sign(fall) * (1 if version == 2 else -1), "squares")
                sums = total(asked, vectors, lie if cohort == 0 else None, multiple)
                pair.append(estimates(base, asked, sums, len(vectors)))
            new, old = pair
            found.append({name: difference(new[name], old[name]) for name in new if name in old})
        assert judged(found)["all"] == verdict, multiple


def rounds_of(
    base: DeployedModel,
    kind: Any,
    settings: Mapping[str, Any],
    vectors: Callable[[int], np.ndarray],
    direction: np.ndarray,
    multiple: float,
) -> tuple[bytes | None, Mapping[str, Any], list[RoundRequest]]:
    """A campaign of one round, with a hostile device in the second sub-cohort: state, result and requests."""
    one, state, result, made = campaign(kind, settings, rounds=1, epsilon=16.0), None, {}, []
    while isinstance(asked := ask(one, state, len(made) + 1, 0, base, START), RoundRequest):
        devices = vectors(len(made))
        lie = direction if len(made) == 1 or settings.get("cohorts") == 1 else None
        found = read(one, state, asked, total(asked, devices, lie, multiple), len(devices), base)
        state, result = found.state, {**result, **found.result}
        made.append(asked)
    return state, result, made


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_evaluation_under_a_stuffed_sum(base: DeployedModel, sign: float) -> None:
    """Each sub-cohort has 999 devices: an evaluation of fewer says that noise hides how far they differ."""

    @cache
    def devices(cohort: int) -> np.ndarray:
        rng = np.random.default_rng(cohort)
        logs = [(rng.uniform(0, 4, 2), (rng.random(2) < 0.4).astype(float)) for _ in range(DEVICES)]
        return np.array([evaluation_vector(EvaluationLayout(), w, r) for w, r in logs])

    direction = np.array([0, 0, 0, sign, *[max(sign, 0.0) / 5] * 3])  # rewards, and squares and products that fit
    settings: dict[str, Any] = {"version": 2, "wanted": 3000, "minimum_devices": 2700}
    rates = []
    for multiple in MULTIPLES:
        _, result, made = rounds_of(base, "evaluation", settings, devices, direction, multiple)
        assert len(made) == 3 and result["low"] < 0.4 < result["high"], multiple
        rates.append(result["rate"])
        assert result["high"] - result["low"] < 0.3
    assert max(rates) - min(rates) < 0.1
    one = settings | {"cohorts": 1, "minimum_devices": 900}
    moved = [rounds_of(base, "evaluation", one, devices, direction, m)[1].get("rate", 0.4) for m in MULTIPLES]
    assert max(abs(rate - 0.4) for rate in moved) > 0.2, "one device moves a single sum, as far as the guard lets it"


def test_a_trend_under_a_stuffed_sum(base: DeployedModel) -> None:
    titles = len(base.catalog)

    def devices(cohort: int) -> np.ndarray:
        plays = np.zeros((DEVICES // 3, titles, TRENDING_BUCKETS))
        plays[: 3 * len(plays) // 5, 1, -1] = 1.0
        plays[3 * len(plays) // 5 :, 3, -1] = 1.0
        return plays.reshape(len(plays), -1)

    settings: dict[str, Any] = {"topic": "trending", "wanted": 1000, "minimum_devices": 300}

    def trends(lie: np.ndarray, multiple: float, **changes: Any) -> list[str]:
        state, *_ = rounds_of(base, "statistics", settings | changes, devices, lie.ravel(), multiple)
        ranked = trending(state, base.catalog)
        return [title for title, plays, deviation in ranked if plays > deviation * np.sqrt(2 * np.log(titles))]

    stuffed, hidden = np.zeros((titles, TRENDING_BUCKETS)), np.zeros((titles, TRENDING_BUCKETS))
    stuffed[4, -1], hidden[1, -1] = 1.0, -1.0
    honest = [base.catalog.titles[place].id for place in (1, 3)]
    for multiple in MULTIPLES:
        assert trends(stuffed, multiple) == honest and trends(hidden, multiple) == honest, multiple
    alone = [trends(stuffed, multiple, cohorts=1) for multiple in MULTIPLES]
    assert any(base.catalog.titles[4].id in found for found in alone), (
        "on a single sum a title trends that nobody saw"
    )


def test_a_device_is_in_one_sub_cohort_and_pays_for_one(base: DeployedModel) -> None:
    """The buckets are apart and leave nobody out; the fleet's ε is that of one sum, not of three."""
    settings = {"wanted": 1000, "minimum_devices": 300, "gates": 0.5}
    three, single = (campaign("training", settings | {"cohorts": k}, rounds=1, epsilon=8.0) for k in (3, 1))
    asked = [request_comparison(base.others[2], base, three, 5 + i, START, i) for i in range(3)]
    assert [(one.low, one.high) for one in asked] == [bucket_range(0.0, 0.1, i, 3) for i in range(3)]
    assert asked[0].low == 0.0 and asked[2].high == 0.1
    assert all(one.high == other.low for one, other in itertools.pairwise(asked))
    for number in range(300):
        bucket = sampling_bucket(number.to_bytes(32, "little"))
        assert sum(one.low <= bucket < one.high for one in asked) == (bucket < 0.1)
    whole = request_comparison(base.others[2], base, single, 5, START)
    for one in asked:  # the noise of a whole sum, which a third of the devices add up to
        assert one.event == whole.event and one.offer.noise_multiplier == whole.offer.noise_multiplier
        assert (one.wanted, one.offer.minimum_devices, whole.offer.minimum_devices) == (333, 100, 300)
        assert one.offer.variance == pytest.approx(3 * whole.offer.variance, rel=1e-4)
    delta = 1e-6
    charged = {(one.event, one.low, one.high): 1 for one in asked}
    assert composed_by_draw(charged, delta) == pytest.approx(composed([(whole.event, 1)], delta))
    plans = [campaigns.planned_epsilon(campaigns.plan(one, base)) for one in (three, single)]
    assert plans[0] == pytest.approx(plans[1])
