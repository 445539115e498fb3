"""Rules for `ranker.onnx` and `train.onnx`: a plain graph of standard operators with finite weights.

They are pure, as `trust` is; every broken rule raises BundleRefused.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping

from ..errors import BundleRefused
from .manifest import Manifest
from .onnxfile import OnnxModel, OnnxNode, OnnxTensor

WEIGHTS = "ranker.bin"
OUTPUTS = ("value", "play", "keep")
SCALE_SUFFIX = "_scale"  # suffix of the per-channel scales of an int8 parameter
MAX_NODES = 2_000
MAX_FILLED = 2**22  # elements that a constant shape may ask for
MAX_SHAPE = 8  # dimensions
FLOAT, UINT8, INT8, INT32, INT64, BOOL = 1, 2, 3, 6, 7, 9  # TensorProto.DataType
ITEM_BYTES: Mapping[int, int] = {FLOAT: 4, UINT8: 1, INT8: 1, INT32: 4, INT64: 8, BOOL: 1}
# Arithmetic that every port has. None of these runs a subgraph, keeps state, draws random numbers or opens
# a file.
OPERATORS = frozenset((
    "Abs", "Add", "And", "ArgMax", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "CumSum",
    "DequantizeLinear", "Div", "Einsum", "Equal", "Erf", "Exp", "Expand", "Flatten", "Gather",
    "GatherElements", "GatherND", "Gemm", "Greater", "GreaterOrEqual", "Identity", "Less",
    "LessOrEqual", "Log", "LogSoftmax", "MatMul", "Max", "Mean", "Min", "Mul", "Neg", "Not", "Or",
    "Pow", "QuantizeLinear", "Reciprocal", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "ScatterElements", "ScatterND",
    "Shape", "Sigmoid", "Sign", "Slice", "Softmax", "Softplus", "Split", "Sqrt", "Squeeze", "Sub",
    "Sum", "Tanh", "Tile", "Transpose", "Unsqueeze", "Where",
))  # fmt: skip
_SHAPE_INPUT = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1}


def check_header(model: OnnxModel, name: str, manifest: Manifest) -> None:
    """Check that IR and opset are the manifest's, with the standard operator set and no other."""
    if model.ir_version != manifest.ir_version or model.opsets != (("", manifest.opset),):
        raise _refused(name, f"it must have IR {manifest.ir_version} and the one opset {manifest.opset}")


def check_plain(model: OnnxModel, name: str) -> None:
    """Check that there are only nodes and weights: no functions, subgraphs, training or sparse parts, or settings."""
    if model.functions:
        raise _refused(name, "it defines functions")
    if model.training:
        raise _refused(name, "it holds a training part")
    if model.sparse:
        raise _refused(name, "it holds sparse weights")
    if model.metadata:  # a runtime may take its session's settings from here
        raise _refused(name, f"it holds metadata ({model.metadata[0][0][:40]!r})")
    if any(attribute.graphs for node in model.nodes for attribute in node.attributes):
        raise _refused(name, "a node holds a subgraph")


def check_operators(model: OnnxModel, name: str) -> None:
    """Check that every operator is on the list of standard operators."""
    if len(model.nodes) > MAX_NODES:
        raise _refused(name, f"it has {len(model.nodes):,} nodes, more than {MAX_NODES:,}")
    for node in model.nodes:
        if node.domain:
            raise _refused(name, f"it uses an operator of the domain {node.domain[:40]!r}")
        if node.op_type not in OPERATORS:
            raise _refused(name, f"it uses the operator {node.op_type[:40]!r}")


def check_interface(model: OnnxModel, name: str) -> None:
    """Check the outputs of a ranker, and that no input could replace a weight."""
    if model.outputs != OUTPUTS:
        raise _refused(name, f"its outputs must be {', '.join(OUTPUTS)}")
    if hidden := set(model.inputs) & {tensor.name for tensor in model.initializers}:
        raise _refused(name, f"the weight {min(hidden)[:40]!r} is an input too")


def check_tensors(model: OnnxModel, name: str) -> None:
    """Check that names are used once, types are known, and there are as many values as the shape says."""
    names = [tensor.name for tensor in model.initializers]
    if len(set(names)) != len(names) or "" in names:
        raise _refused(name, "two weights have one name, or one has none")
    for tensor in _tensors(model):
        size = _byte_size(tensor, name)
        typed = len(tensor.ints) + sum(map(len, tensor.floats)) // 4
        if tensor.external is None and tensor.raw is not None:
            right = typed == 0 and len(tensor.raw) == size
        elif tensor.external is None:
            floats_only = not tensor.ints if tensor.data_type == FLOAT else not tensor.floats
            right = floats_only and typed * ITEM_BYTES[tensor.data_type] == size
        else:
            right = typed == 0 and tensor.raw is None
        if not right:
            raise _refused(name, f"the weight {tensor.name[:40]!r} has another size than its shape")


def check_external(model: OnnxModel, name: str, weights_size: int | None) -> None:
    """Check that weights outside the file lie in ranker.bin, inside its bounds, each in a place of its own.

    Args:
        model: The model.
        name: Name of the file.
        weights_size: Bytes of ranker.bin; None if the file must hold all its weights itself.
    """
    places, weights = [], {id(tensor) for tensor in model.initializers}
    for tensor in _tensors(model):
        if tensor.external is None:
            continue
        if weights_size is None or id(tensor) not in weights:
            raise _refused(name, f"the values of {tensor.name[:40]!r} must be inside the file")
        start, end = external_place(tensor, name)
        if end > weights_size:
            raise _refused(name, f"the weight {tensor.name[:40]!r} ends outside of {WEIGHTS}")
        places.append((start, end))
    places.sort()
    if any(start < end for (_, end), (start, _) in itertools.pairwise(places)):
        raise _refused(name, f"two weights share bytes of {WEIGHTS}")


def external_place(tensor: OnnxTensor, name: str) -> tuple[int, int]:
    """Return the first byte of a tensor's weights in ranker.bin, and the byte after the last."""
    pairs = tensor.external or ()
    place = dict(pairs)
    if len(place) != len(pairs) or not set(place) <= {"location", "offset", "length"}:
        raise _refused(name, f"the place of {tensor.name[:40]!r} has fields that are unknown or given twice")
    if place.get("location") != WEIGHTS:
        raise _refused(name, f"weights lie at {place.get('location', '')[:80]!r}; only {WEIGHTS} is allowed")
    offset, length = place.get("offset", "0"), place.get("length", "")
    if any(re.fullmatch("[0-9]{1,9}", text, re.ASCII) is None for text in (offset, length)):
        raise _refused(name, f"offset or length of {tensor.name[:40]!r} is not a plain number")
    if int(length) != _byte_size(tensor, name):
        raise _refused(name, f"the length of {tensor.name[:40]!r} is not that of its shape")
    return int(offset), int(offset) + int(length)


def check_parameters(model: OnnxModel, name: str, manifest: Manifest) -> None:
    """Check that the weights in ranker.bin are the manifest's parameters, shape by shape, and scales of int8 ones."""
    external = {tensor.name: tensor.dims for tensor in model.initializers if tensor.external is not None}
    for parameter, shape in manifest.parameters.items():
        if external.pop(parameter, None) != shape:
            raise _refused(
                name, f"the manifest says {parameter[:40]!r} has the shape {list(shape)}, the file does not"
            )
        external.pop(parameter + SCALE_SUFFIX, None)
    if external:
        raise _refused(name, f"the weight {min(external)[:40]!r} is not among the manifest's parameters")


def check_finite(model: OnnxModel, name: str, weights: bytes) -> None:
    """Check that no weight, scale, constant or attribute holds a NaN or an infinity."""
    import numpy as np

    blocks = [
        (attribute.name, block) for node in model.nodes for attribute in node.attributes for block in attribute.floats
    ]
    for tensor in _tensors(model):
        if tensor.data_type == FLOAT and tensor.external is not None:
            start, end = external_place(tensor, name)
            blocks.append((tensor.name, memoryview(weights)[start:end]))
        elif tensor.data_type == FLOAT:
            blocks += [(tensor.name, block) for block in (tensor.raw, *tensor.floats) if block is not None]
    for owner, block in blocks:
        if len(block) % 4 or not np.isfinite(np.frombuffer(block, "<f4")).all():
            raise _refused(name, f"{owner[:40]!r} holds a NaN or an infinity")


def check_filled(model: OnnxModel, name: str) -> None:
    """Check that shapes to fill are small constants inside the file.

    Otherwise a few bytes could fill a device's memory.
    """
    constants = {tensor.name: _shape_of(tensor) for tensor in model.initializers}
    for node in model.nodes:
        if node.op_type == "Constant" and node.outputs:
            constants[node.outputs[0]] = _constant_shape(node)
    for node in model.nodes:
        if (at := _SHAPE_INPUT.get(node.op_type)) is None:
            continue
        shape = constants.get(node.inputs[at]) if at < len(node.inputs) else None
        if shape is None:
            raise _refused(name, f"the shape that a node {node.op_type} asks for is not a constant inside the file")
        if math.prod(max(1, size) for size in shape) > MAX_FILLED:
            raise _refused(name, f"a node {node.op_type} asks for more than {MAX_FILLED:,} elements")


def _constant_shape(node: OnnxNode) -> tuple[int, ...] | None:
    """Return the shape that a node Constant gives, by `value_ints` or by a tensor; None if it gives something else.

    If an attribute has several values the runtime takes the one that its type names: none may hide behind it.
    """
    values = [(a.ints, a.tensors) for a in node.attributes if a.ints or a.tensors]
    if len(values) == 1 and len(values[0][0]) <= MAX_SHAPE and not values[0][1]:
        return values[0][0]
    if len(values) == 1 and not values[0][0] and len(values[0][1]) == 1:
        return _shape_of(values[0][1][0])
    return None


def _shape_of(tensor: OnnxTensor) -> tuple[int, ...] | None:
    """Return the values of a tensor that may be a shape; None for another type, size or place."""
    if tensor.data_type != INT64 or tensor.external is not None or math.prod(tensor.dims) > MAX_SHAPE:
        return None
    raw = bytes(tensor.raw or b"")
    return (
        *tensor.ints,
        *(int.from_bytes(raw[i : i + 8], "little", signed=True) for i in range(0, len(raw), 8)),
    )


def _tensors(model: OnnxModel) -> Iterator[OnnxTensor]:
    yield from model.initializers
    for node in model.nodes:
        for attribute in node.attributes:
            yield from attribute.tensors


def _byte_size(tensor: OnnxTensor, name: str) -> int:
    if tensor.data_type not in ITEM_BYTES:
        raise _refused(name, f"{tensor.name[:40]!r} has the unknown type {tensor.data_type}")
    if any(size < 0 for size in tensor.dims) or len(tensor.dims) > MAX_SHAPE:
        raise _refused(name, f"{tensor.name[:40]!r} has an impossible shape")
    return math.prod(tensor.dims) * ITEM_BYTES[tensor.data_type]


def _refused(name: str, why: str) -> BundleRefused:
    return BundleRefused(f"{name} is refused: {why}. Build the bundle again.")
