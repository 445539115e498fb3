"""The two ONNX graphs of a bundle, in standard operators (IR 8, opset 17).

`ranker`: the model of docs/explanation/choosing.md. Its weights lie in `ranker.bin`; the matrix is int8 and
dequantised per channel, so that scores are the same on every processor. `training`: the gradient of the log
likelihood over a device's log, for a port that has onnxruntime and no numpy; equal to
`keyart.campaigns.kinds.gradient`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from keyart.model import FeatureSpec, stored_layout, weight_shapes

IR_VERSION = 8
OPSET = 17
_TYPES = {np.dtype("<f4"): TensorProto.FLOAT, np.dtype("i1"): TensorProto.INT8}


def _model(graph: GraphProto) -> ModelProto:
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="keyart"
    )


def _input(name: str, *shape: int | str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _constant(name: str, values: Sequence[float] | Sequence[Sequence[float]], dtype: type) -> TensorProto:
    return numpy_helper.from_array(np.array(values, dtype=dtype), name)


def _external_weights(spec: FeatureSpec) -> list[TensorProto]:
    tensors, at = [], 0
    for name, (dtype, shape) in stored_layout(spec).items():
        tensor = TensorProto(name=name, data_type=_TYPES[dtype], dims=shape, data_location=TensorProto.EXTERNAL)
        size = int(np.prod(shape)) * dtype.itemsize
        for key, value in (("location", "ranker.bin"), ("offset", str(at)), ("length", str(size))):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        tensors.append(tensor)
        at += size
    return tensors


def ranker(spec: FeatureSpec) -> ModelProto:
    """Return the graph of the ranker.

    Inputs are artwork [N, Z], match [N, M], main [N, K], appeal [N, 2], viewer [1, H] and context [1, C]; outputs
    are value, play and keep, [N]. Parts that do not depend on the candidate are multiplied once, and both logits
    are columns of the same products: a weight of one axis would be multiplied row by row.
    """
    node = helper.make_node
    nodes = [
        node("DequantizeLinear", ["play_artwork", "play_artwork_scale"], ["matrix"], axis=0),
        node("Concat", ["one", "viewer", "context"], ["direction"], axis=1),
        node("Gemm", ["direction", "matrix"], ["tag_worth"], transB=1),
        node("Unsqueeze", ["keep_artwork", "first_axis"], ["keep_artwork_row"]),
        node("Concat", ["tag_worth", "keep_artwork_row"], ["tag_rows"], axis=0),
        node("Gemm", ["artwork", "tag_rows", "appeal"], ["of_tags"], transB=1),
    ]
    sums = "of_tags"
    for part in ("match", "main"):
        for stage in ("play", "keep"):
            nodes.append(node("Unsqueeze", [f"{stage}_{part}", "last_axis"], [f"{stage}_{part}_column"]))
        columns = [f"{stage}_{part}_column" for stage in ("play", "keep")]
        nodes.append(node("Concat", columns, [f"{part}_columns"], axis=1))
        nodes.append(node("Gemm", [part, f"{part}_columns", sums], [f"with_{part}"]))
        sums = f"with_{part}"
    nodes.append(node("Split", [sums], ["play_column", "keep_column"], axis=1))
    for stage in ("play", "keep"):
        nodes.append(node("Squeeze", [f"{stage}_column", "last_axis"], [stage]))
        nodes.append(node("Sigmoid", [stage], [f"{stage}_probability"]))
    nodes.append(node("Mul", ["play_probability", "keep_probability"], ["value"]))
    graph = helper.make_graph(
        nodes,
        "keyart_ranker",
        [
            _input("artwork", "N", spec.artwork_size),
            _input("match", "N", len(spec.match_names)),
            _input("main", "N", len(spec.main_names)),
            _input("appeal", "N", 2),
            _input("viewer", 1, spec.viewer_size),
            _input("context", 1, len(spec.context_names)),
        ],
        [_input(name, "N") for name in ("value", "play", "keep")],
        initializer=[
            _constant("one", [[1.0]], np.float32),
            _constant("first_axis", [0], np.int64),
            _constant("last_axis", [1], np.int64),
            *_external_weights(spec),
        ],
    )
    return _model(graph)


def training(spec: FeatureSpec) -> ModelProto:
    """Return the graph of the gradient.

    Inputs are those of the ranker, with a context a decision [N, C]; offset, played, quality and counted, [N]; and
    the parameters, dequantised, by name. Outputs are `grad_` and the name of each parameter, and `log_likelihood`
    [1].
    """
    node = helper.make_node
    nodes: list[NodeProto] = [
        node("Mul", ["counted_column", "zero"], ["zeros"]),
        node("Add", ["zeros", "one"], ["ones"]),
        node("MatMul", ["ones", "viewer"], ["viewers"]),
        node("Concat", ["ones", "viewers", "context"], ["direction"], axis=1),
        node("MatMul", ["artwork", "play_artwork"], ["tag_directions"]),
        node("Mul", ["tag_directions", "direction"], ["tag_products"]),
        node("ReduceSum", ["tag_products", "last_axis"], ["play_tags"], keepdims=0),
        node("MatMul", ["artwork", "keep_artwork"], ["keep_tags"]),
        node("Split", ["appeal"], ["play_appeal_column", "keep_appeal_column"], axis=1),
        node("Mul", ["counted", "played"], ["tried"]),
    ]
    nodes.insert(0, node("Unsqueeze", ["counted", "last_axis"], ["counted_column"]))
    outputs = []
    for stage, label, weight, parts in (
        ("play", "played", "counted", ("tags", "matches", "mains", "appeal", "offset")),
        ("keep", "quality", "tried", ("tags", "matches", "mains", "appeal")),
    ):
        sources = ["offset" if part == "offset" else f"{stage}_{part}" for part in parts]
        nodes += [
            node("MatMul", ["match", f"{stage}_match"], [f"{stage}_matches"]),
            node("MatMul", ["main", f"{stage}_main"], [f"{stage}_mains"]),
            node("Squeeze", [f"{stage}_appeal_column", "last_axis"], [f"{stage}_appeal"]),
            node("Sum", sources, [stage]),
            node("Sigmoid", [stage], [f"{stage}_probability"]),
            node("Sub", [label, f"{stage}_probability"], [f"{stage}_surprise"]),
            node("Mul", [f"{stage}_surprise", weight], [f"{stage}_residual"]),
            node("Unsqueeze", [f"{stage}_residual", "first_axis"], [f"{stage}_row"]),
            # log σ(x) y + log σ(−x) (1 − y) = x y − softplus(x)
            node("Softplus", [stage], [f"{stage}_softplus"]),
            node("Mul", [stage, label], [f"{stage}_earned"]),
            node("Sub", [f"{stage}_earned", f"{stage}_softplus"], [f"{stage}_each"]),
            node("Mul", [f"{stage}_each", weight], [f"{stage}_weighted"]),
            node("ReduceSum", [f"{stage}_weighted"], [f"{stage}_likelihood"], keepdims=1),
        ]
        for part, source in (("match", "match"), ("main", "main")):
            nodes.append(node("MatMul", [f"{stage}_row", source], [f"grad_{stage}_{part}_row"]))
            nodes.append(node("Squeeze", [f"grad_{stage}_{part}_row", "first_axis"], [f"grad_{stage}_{part}"]))
    nodes += [
        node("Unsqueeze", ["play_residual", "last_axis"], ["play_residual_column"]),
        node("Mul", ["direction", "play_residual_column"], ["surprised_direction"]),
        node("Transpose", ["artwork"], ["artwork_transposed"], perm=[1, 0]),
        node("MatMul", ["artwork_transposed", "surprised_direction"], ["grad_play_artwork"]),
        node("MatMul", ["keep_row", "artwork"], ["grad_keep_artwork_row"]),
        node("Squeeze", ["grad_keep_artwork_row", "first_axis"], ["grad_keep_artwork"]),
        node("Add", ["play_likelihood", "keep_likelihood"], ["log_likelihood"]),
    ]
    sizes = weight_shapes(spec)
    outputs = [_input(f"grad_{name}", *shape) for name, shape in sizes.items()]
    outputs.append(_input("log_likelihood", 1))
    graph = helper.make_graph(
        nodes,
        "keyart_training",
        [
            _input("artwork", "N", spec.artwork_size),
            _input("match", "N", len(spec.match_names)),
            _input("main", "N", len(spec.main_names)),
            _input("appeal", "N", 2),
            _input("viewer", 1, spec.viewer_size),
            _input("context", "N", len(spec.context_names)),
            *(_input(name, "N") for name in ("offset", "played", "quality", "counted")),
            *(_input(name, *shape) for name, shape in sizes.items()),
        ],
        outputs,
        initializer=[
            _constant("one", [1.0], np.float32),
            _constant("zero", [0.0], np.float32),
            _constant("first_axis", [0], np.int64),
            _constant("last_axis", [1], np.int64),
        ],
    )
    return _model(graph)
