"""Small whole bundles, made with the `onnx` package, and ways to break them with every digest still right."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from keyart.bundle.manifest import Manifest, canonical
from keyart.bundle.reference_vectors import RunRanker
from keyart.model.features import FeatureSpec
from keyart.model.ranker import NumpyRanker
from keyart.model.ranker.weights import stored_layout, weight_shapes, weights_from_bytes
from keyart_federated.export import graphs, vectors

CASES, FULL_SLATE = 8, 20
SPEC = FeatureSpec(
    artwork_tags=("faces", "genre:drama"), viewer_tags=("genre:drama",), match_kinds=("genre",), open_kinds=()
)
FEATURE_SPEC = SPEC.to_json()


def weights(seed: int) -> dict[str, np.ndarray]:
    """Seeded values of each parameter, in the order of ranker.bin."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, (dtype, shape) in stored_layout(SPEC).items():
        values = rng.integers(-127, 128, shape) if dtype == np.int8 else rng.uniform(0.01, 0.02, shape)
        values[..., :1] = 127 if dtype == np.int8 else 0.02  # a channel's peak: to quantise it again changes nothing
        made[name] = values.astype(dtype)
    return made


def weights_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    return b"".join(array.tobytes() for array in arrays.values())


def ranker_model() -> onnx.ModelProto:
    return graphs.ranker(SPEC)


def train_model() -> onnx.ModelProto:
    """Gradient of a logistic regression: xᵀ (σ(x w) − y)."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["q"]),
        helper.make_node("Sub", ["q", "y"], ["error"]),
        helper.make_node("Transpose", ["x"], ["xt"], perm=[1, 0]),
        helper.make_node("MatMul", ["xt", "error"], ["gradient"]),
    ]
    infos = {"x": ["n", 6], "w": [6], "y": ["n"], "gradient": [6]}
    values = {n: helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in infos.items()}
    output = values.pop("gradient")
    return _model(helper.make_graph(nodes, "train", list(values.values()), [output]))


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run_of(arrays: Mapping[str, np.ndarray]) -> RunRanker:
    """The ranker of these weights, in numpy."""
    return NumpyRanker(weights_from_bytes(weights_bytes(arrays), SPEC)).run


def vectors_document(seed: int = 0) -> dict[str, Any]:
    return {"cases": vectors.cases(SPEC, weights_from_bytes(weights_bytes(weights(seed)), SPEC))}


def sample_files(seed: int = 0, **changed: bytes) -> dict[str, bytes]:
    """All files but the manifest; `changed` by name with _ for the dot."""
    files = {
        "ranker.onnx": ranker_model().SerializeToString(),
        "ranker.bin": weights_bytes(weights(seed)),
        "train.onnx": train_model().SerializeToString(),
        "vocabulary.json": b'{"population_taste": [1.0], "appeal": {}}',
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
        parameters=weight_shapes(SPEC),
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
