"""The ranker: int8 weights within half a step, the graph's scores on plain onnxruntime, and its exact gradient."""

from __future__ import annotations

import json
import os
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.catalogs import sample_bundle, sample_catalog, sample_model

from keyart.campaigns.kinds.gradient import gradient_sums
from keyart.errors import BundleDamaged
from keyart.model.features import FeatureSpec
from keyart.model.features.rows import FeatureRows
from keyart.model.ranker import NumpyRanker, Weights
from keyart.model.ranker.weights import (
    dequantize_weights,
    play_parameter_count,
    quantize_weights,
    stored_layout,
    weight_shapes,
    weights_from_bytes,
    weights_to_bytes,
)
from keyart.model.scorer import DecisionLog, score, sigmoid

CATALOG = sample_catalog()
SPEC = FeatureSpec.from_catalog(CATALOG)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return sample_bundle(tmp_path_factory.mktemp("ranker") / "bundle", CATALOG)


def onnxruntime():
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return pytest.importorskip("onnxruntime")


def random_rows(count: int, seed: int = 1, lead: tuple[int, ...] = ()) -> FeatureRows:
    rng = np.random.default_rng(seed)

    def part(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.4, (*lead, *shape)).astype(np.float32)

    z, m, k = SPEC.artwork_size, len(SPEC.match_names), len(SPEC.main_names)
    return FeatureRows(
        part(count, z),
        part(count, m),
        part(count, k),
        part(count, 2),
        part(SPEC.viewer_size),
        part(len(SPEC.context_names)),
    )


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31), st.floats(1e-6, 1e4))
def test_quantised_within_half_a_step(rows, columns, seed, size):
    matrix = (np.random.default_rng(seed).normal(size=(rows, columns)) * size).astype(np.float32)
    matrix[0] = 0
    integers, scales = quantize_weights(matrix)
    assert integers.dtype == np.int8 and np.abs(integers.astype(int)).max() <= 127
    error = np.abs(dequantize_weights(integers, scales) - matrix)
    assert (error <= scales[:, None] * 0.5001).all()
    again, _ = quantize_weights(dequantize_weights(integers, scales))
    np.testing.assert_array_equal(again, integers)


def test_bytes_round_trip_and_damage():
    weights = sample_model(CATALOG).weights
    data = weights_to_bytes(weights, SPEC)
    back, expected = weights_from_bytes(data, SPEC), weights.quantized()
    for field in fields(Weights):
        np.testing.assert_array_equal(getattr(back, field.name), getattr(expected, field.name))
    assert weights_to_bytes(back, SPEC) == data
    np.testing.assert_array_equal(Weights.from_flat(SPEC, weights.flat()).flat(), weights.flat())
    floats = sum(int(np.prod(shape)) for dtype, shape in stored_layout(SPEC).values() if dtype == "<f4")
    odd = [(at, number) for at in (0, floats - 1) for number in (np.nan, np.inf, 3e38)]  # the first, and a scale
    numbers = [data[: 4 * at] + np.float32(number).tobytes() + data[4 * at + 4 :] for at, number in odd]
    for wrong in (data[:-1], data + b"\0", b"", *numbers):
        with pytest.raises(BundleDamaged):
            weights_from_bytes(wrong, SPEC)


def test_plain_session_reproduces_the_vectors(bundle):
    """As a port would: by the path alone, with the manifest's session_config, on nothing but onnxruntime."""
    ort = onnxruntime()
    manifest = json.loads((bundle / "manifest.json").read_text())
    options = ort.SessionOptions()
    for key, value in manifest["session_config"].items():
        options.add_session_config_entry(key, value)
    assert manifest["session_config"] == {"session.disable_quant_qdq": "1"}
    session = ort.InferenceSession(str(bundle / "ranker.onnx"), options, providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["value", "play", "keep"]
    cases = json.loads((bundle / "vectors.json").read_text())["cases"]
    assert len(cases) >= 8 and 20 in {len(case["scores"]) for case in cases}
    for case in cases:
        inputs = {n: np.array(t["data"], t["type"]).reshape(t["shape"]) for n, t in case["inputs"].items()}
        value, play, keep = session.run(None, inputs)
        np.testing.assert_allclose(value, case["scores"], atol=2e-5)
        assert value.argmax() == case["choice"]
        np.testing.assert_allclose(value, sigmoid(play) * sigmoid(keep), atol=1e-6)
        ours = NumpyRanker(weights_from_bytes((bundle / "ranker.bin").read_bytes(), SPEC)).run(inputs)
        for one, other in zip(ours, (value, play, keep), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_bundle_is_what_the_format_says(bundle):
    onnx = pytest.importorskip("onnx")
    for name in ("ranker.onnx", "train.onnx"):
        model = onnx.load(str(bundle / name), load_external_data=False)
        assert model.ir_version == 8 and [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
        onnx.checker.check_model(str(bundle / name))
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert {name: tuple(shape) for name, shape in manifest["parameters"].items()} == weight_shapes(SPEC)


def test_score_is_the_formula_and_broadcasts():
    weights = sample_model(CATALOG).weights
    rows = random_rows(5)
    scores = score(weights, rows)
    u = np.concatenate([[1.0], rows.viewer, rows.context])
    for a in range(5):
        play = rows.artwork[a] @ weights.play_artwork @ u + rows.match[a] @ weights.play_match
        play += rows.main[a] @ weights.play_main + rows.appeal[a, 0]
        keep = rows.artwork[a] @ weights.keep_artwork + rows.match[a] @ weights.keep_match
        keep += rows.main[a] @ weights.keep_main + rows.appeal[a, 1]
        assert scores.play[a] == pytest.approx(play, abs=1e-4)
        assert scores.keep[a] == pytest.approx(keep, abs=1e-4)
        assert scores.value[a] == pytest.approx(1 / (1 + np.exp(-play)) / (1 + np.exp(-keep)), abs=1e-5)
    batch = random_rows(5, lead=(4,))
    whole = score(weights, batch)
    for i in range(4):
        alone = score(weights, FeatureRows(*(getattr(batch, f.name)[i] for f in fields(FeatureRows))))
        np.testing.assert_allclose(whole.value[i], alone.value, atol=1e-6)


def test_sigmoid_at_its_ends():
    with np.errstate(all="raise"):
        assert sigmoid(np.array([-1e4, 0, 1e4], dtype=np.float32)).tolist() == [0.0, 0.5, 1.0]


# --- the gradient -----------------------------------------------------------------------------------------------


def random_log(count: int = 30) -> DecisionLog:
    rng = np.random.default_rng(3)
    rows = random_rows(count, seed=4)
    contexts = rng.random((count, len(SPEC.context_names))).astype(np.float32)
    rows = FeatureRows(rows.artwork, rows.match, rows.main, rows.appeal, rows.viewer, contexts)
    played = (rng.random(count) < 0.4).astype(np.float32)
    return DecisionLog(
        rows,
        rng.normal(0, 0.2, count).astype(np.float32),
        played,
        (played * (rng.random(count) < 0.5)).astype(np.float32),
        (np.arange(count) < count - 4).astype(np.float32),
    )


def likelihood(theta: np.ndarray, log: DecisionLog) -> float:
    """Bernoulli σ(s) for play, and σ(k) for quality of what was played; in float64."""
    s, keep = (x.astype(np.float64) for x in log.logits(_double(theta)))
    of_play = s * log.played - np.logaddexp(0, s)
    of_keep = keep * log.quality - np.logaddexp(0, keep)
    return float((log.counted * (of_play + log.played * of_keep)).sum())


def _double(theta: np.ndarray) -> Weights:
    parts, at = {}, 0
    for name, shape in weight_shapes(SPEC).items():
        size = int(np.prod(shape))
        parts[name] = theta[at : at + size].reshape(shape)
        at += size
    return Weights(**parts)


def test_gradient_is_the_slope_of_the_likelihood():
    log, theta = random_log(), sample_model(CATALOG).weights.flat()
    device = gradient_sums(Weights.from_flat(SPEC, theta), log)
    rng = np.random.default_rng(1)
    for i in rng.choice(len(theta), 60, replace=False):
        step = np.zeros_like(theta)
        step[i] = 1e-4
        slope = (likelihood(theta + step, log) - likelihood(theta - step, log)) / 2e-4
        assert device.gradient[i] == pytest.approx(slope, abs=2e-4)


def test_traces_are_the_bend_of_the_likelihood():
    """Observed information, equal to Fisher's, since both links are canonical."""
    log, theta = random_log(), sample_model(CATALOG).weights.flat().astype(np.float64)
    device, here = gradient_sums(Weights.from_flat(SPEC, theta), log), likelihood(theta, log)
    steps = 3e-3 * np.eye(len(theta))
    bends = [(2 * here - likelihood(theta + step, log) - likelihood(theta - step, log)) / 9e-6 for step in steps]
    play = play_parameter_count(SPEC)
    assert device.play_trace == pytest.approx(sum(bends[:play]), rel=2e-2)
    assert device.keep_trace == pytest.approx(sum(bends[play:]), rel=2e-2)


def test_gradient_graph_is_the_numpy_gradient(bundle):
    ort = onnxruntime()
    session = ort.InferenceSession(str(bundle / "train.onnx"), providers=["CPUExecutionProvider"])
    log, weights = random_log(), sample_model(CATALOG).weights
    inputs = {name: getattr(log.rows, name) for name in ("artwork", "match", "main", "appeal", "context")}
    inputs |= {name: getattr(log, name) for name in ("offset", "played", "quality", "counted")}
    inputs |= {"viewer": log.rows.viewer[None], **{f.name: getattr(weights, f.name) for f in fields(Weights)}}
    names = [f"grad_{name}" for name in weight_shapes(SPEC)]
    *parts, total = session.run([*names, "log_likelihood"], inputs)
    flat = np.concatenate([part.ravel() for part in parts])
    np.testing.assert_allclose(flat, gradient_sums(weights, log).gradient, atol=2e-5)
    assert total[0] == pytest.approx(likelihood(weights.flat(), log), rel=1e-5)


def test_padding_adds_nothing():
    log = random_log()
    weights = sample_model(CATALOG).weights
    keep = slice(0, 26)
    rows = FeatureRows(
        *(getattr(log.rows, f.name)[keep] if f.name != "viewer" else log.rows.viewer for f in fields(FeatureRows))
    )
    cut = DecisionLog(rows, log.offset[keep], log.played[keep], log.quality[keep], log.counted[keep])
    np.testing.assert_allclose(gradient_sums(weights, log).gradient, gradient_sums(weights, cut).gradient, atol=1e-5)
