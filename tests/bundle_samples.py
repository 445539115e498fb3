"""Small whole bundles, made with the `onnx` package, and ways to break them with every digest still right."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from keyart.bundle.manifest import Manifest, canonical

TAGS, TASTE, CASES, FULL_SLATE = 6, 4, 8, 20
FEATURE_SPEC = {"version": 1, "artwork_tags": ["genre:drama", "faces"], "viewer_tags": ["genre:drama"]}


def weights(seed: int) -> dict[str, np.ndarray]:
    """int8 matrix [TAGS, TASTE], its scale per row, keep weights [TAGS]; in the order of ranker.bin."""
    rng = np.random.default_rng(seed)
    return {
        "keep_artwork": rng.normal(size=TAGS).astype(np.float32),
        "play_artwork_scale": rng.uniform(0.01, 0.02, TAGS).astype(np.float32),
        "play_artwork": rng.integers(-127, 128, (TAGS, TASTE)).astype(np.int8),
    }


def weights_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    return b"".join(array.tobytes() for array in arrays.values())


def _external(name: str, array: np.ndarray, offset: int) -> onnx.TensorProto:
    tensor = TensorProto(name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype))
    tensor.data_location = TensorProto.EXTERNAL
    place = {"location": "ranker.bin", "offset": offset, "length": array.nbytes}
    tensor.external_data.extend(onnx.StringStringEntryProto(key=k, value=str(v)) for k, v in place.items())
    return tensor


def ranker_model(seed: int = 0) -> onnx.ModelProto:
    """play = artwork (W viewer), keep = artwork w', value = σ(play) σ(keep)."""
    offset, initializers = 0, []
    for name, array in weights(seed).items():
        initializers.append(_external(name, array, offset))
        offset += array.nbytes
    initializers.append(numpy_helper.from_array(np.array([-1], np.int64), "flat"))
    nodes = [
        helper.make_node("DequantizeLinear", ["play_artwork", "play_artwork_scale"], ["matrix"], axis=0),
        helper.make_node("Transpose", ["viewer"], ["taste"], perm=[1, 0]),
        helper.make_node("MatMul", ["matrix", "taste"], ["direction"]),
        helper.make_node("MatMul", ["artwork", "direction"], ["column"]),
        helper.make_node("Reshape", ["column", "flat"], ["play"]),
        helper.make_node("MatMul", ["artwork", "keep_artwork"], ["keep"]),
        helper.make_node("Sigmoid", ["play"], ["p"]),
        helper.make_node("Sigmoid", ["keep"], ["k"]),
        helper.make_node("Mul", ["p", "k"], ["value"]),
    ]
    inputs = [
        helper.make_tensor_value_info("artwork", TensorProto.FLOAT, ["n", TAGS]),
        helper.make_tensor_value_info("viewer", TensorProto.FLOAT, [1, TASTE]),
    ]
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n"]) for n in ("value", "play", "keep")]
    return _model(helper.make_graph(nodes, "ranker", inputs, outputs, initializers))


def train_model() -> onnx.ModelProto:
    """Gradient of a logistic regression: xᵀ (σ(x w) − y)."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["q"]),
        helper.make_node("Sub", ["q", "y"], ["error"]),
        helper.make_node("Transpose", ["x"], ["xt"], perm=[1, 0]),
        helper.make_node("MatMul", ["xt", "error"], ["gradient"]),
    ]
    infos = {"x": ["n", TAGS], "w": [TAGS], "y": ["n"], "gradient": [TAGS]}
    values = {n: helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in infos.items()}
    output = values.pop("gradient")
    return _model(helper.make_graph(nodes, "train", list(values.values()), [output]))


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run_of(arrays: Mapping[str, np.ndarray]) -> Callable[[dict[str, np.ndarray]], list[np.ndarray]]:
    """The ranker of these weights, in numpy."""
    matrix = arrays["play_artwork"].astype(np.float32) * arrays["play_artwork_scale"][:, None]

    def run(inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        play = inputs["artwork"] @ (matrix @ inputs["viewer"][0])
        keep = inputs["artwork"] @ arrays["keep_artwork"]
        return [1 / (1 + np.exp(-play)) / (1 + np.exp(-keep)), play, keep]

    return run


def vectors_document(seed: int = 0) -> dict[str, Any]:
    rng, run, cases = np.random.default_rng(99), run_of(weights(seed)), []
    for i in range(CASES):
        n = FULL_SLATE if i == 0 else i + 1
        inputs = {
            "artwork": rng.random((n, TAGS), dtype=np.float32),
            "viewer": rng.random((1, TASTE), dtype=np.float32),
        }
        value = run(inputs)[0]
        described = {
            name: {"type": "float32", "shape": list(array.shape), "data": array.ravel().tolist()}
            for name, array in inputs.items()
        }
        cases.append({"inputs": described, "scores": value.tolist(), "choice": int(value.argmax())})
    return {"cases": cases}


def sample_files(seed: int = 0, **changed: bytes) -> dict[str, bytes]:
    """All files but the manifest; `changed` by name with _ for the dot."""
    files = {
        "ranker.onnx": ranker_model(seed).SerializeToString(),
        "ranker.bin": weights_bytes(weights(seed)),
        "train.onnx": train_model().SerializeToString(),
        "vocabulary.json": b'{"tags": ["genre:drama", "faces"]}',
        "vectors.json": json.dumps(vectors_document(seed)).encode(),
    }
    return {**files, **{name.replace("_", "."): data for name, data in changed.items()}}


def sample_manifest(files: Mapping[str, bytes], version: int = 1, parent: int | None = None) -> Manifest:
    return Manifest.build(
        files,
        model_version=version,
        parent=parent,
        created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        feature_spec=FEATURE_SPEC,
        parameters={"keep_artwork": (TAGS,), "play_artwork": (TAGS, TASTE)},
        training={"round": version, "devices": 2000},
        privacy={"epsilon": 4.0, "delta": 1e-6},
        quality={"capture": 0.55},
        card={
            "purpose": "Picks a title's artwork.",
            "data": "A simulated world.",
            "limits": "Tags that it has never seen are ignored.",
            "forbidden_features_checked": ["gender", "ethnicity"],
        },
        policy={"base_rate": 0.08},
        head={"tag_variance": 0.03, "bias_variance": 0.16},
    )


def resealed(data: bytes, **fields: Any) -> bytes:
    """A manifest with fields replaced (`...` deletes one) and its digest right again."""
    document = {**json.loads(data), **fields}
    document = {key: value for key, value in document.items() if value is not ... and key != "digest"}
    digest = hashlib.sha256(canonical(document)).hexdigest()
    return canonical({**document, "digest": digest})


def sample_bundle(
    folder: Path, version: int = 1, parent: int | None = None, *, seed: int = 0, **changed: bytes
) -> Path:
    """A whole bundle in `folder`, which is made; its path."""
    files = sample_files(seed, **changed)
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "manifest.json").write_bytes(sample_manifest(files, version, parent).to_bytes())
    return folder
