"""Conversion of published weights to ONNX models of IR 8 and opset 17, without their training frameworks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np
import onnx
from onnx import version_converter

from .checkpoint import Tensors, read_checkpoint
from .onnx_graph import IR_VERSION, OPSET, Floats, Graph

# EfficientNet-Lite0: repeats, stride of the first, widening; the kernels' sizes and widths follow from the weights.
# M. Tan, Q. V. Le, "EfficientNet", ICML 2019, table 1; the Lite variant has ReLU6 and no squeeze-and-excitation.
_STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))
_SIDE = 224
_FACES = "faces"
_CELLS = ("rows", "columns")


def centerface(published: Path) -> onnx.ModelProto:
    """Convert CenterFace, declared for ten pictures of 32 × 32, to one picture of any multiple of 32."""
    model = onnx.load(published)
    weights = {weight.name for weight in model.graph.initializer}
    for value in [value for value in model.graph.input if value.name in weights]:
        model.graph.input.remove(value)  # from IR 4 on, weights need not be inputs
    for value, names in ((model.graph.input[0], ("height", "width")), *((v, _CELLS) for v in model.graph.output)):
        batch, _, *sides = value.type.tensor_type.shape.dim
        batch.dim_value = 1
        for side, name in zip(sides, names, strict=True):
            side.dim_param = name
    del model.graph.value_info[:]
    converted = version_converter.convert_version(model, OPSET)
    converted.ir_version = IR_VERSION
    onnx.checker.check_model(converted, full_check=True)
    return converted


def efficientnet(published: Path) -> onnx.ModelProto:
    """Convert [n, 3, 224, 224] → embedding [n, 1280], probability [n, 1000].

    Convolutions are padded as in TensorFlow, which trained the weights.
    """
    weights, graph = read_checkpoint(published), Graph()

    def layer(value: str, kernel: str, norm: str, stride: int = 1, groups: int = 1) -> str:
        convolved = graph.convolution(
            value, weights[f"{kernel}.weight"], stride=stride, groups=groups, pad="SAME_UPPER"
        )
        return graph.normalised(
            convolved, *(weights[f"{norm}.{name}"] for name in ("weight", "bias", "running_mean", "running_var"))
        )

    low, high = (graph.weight(np.array(bound, dtype=np.float32)) for bound in (0, 6))

    def relu6(value: str) -> str:
        return graph.add("Clip", value, low, high)

    value = relu6(layer("pictures", "_conv_stem", "_bn0", stride=2))
    block = 0
    for repeats, first_stride, widening in _STAGES:
        for repeat in range(repeats):
            name, entry = f"_blocks.{block}", value
            stride = first_stride if repeat == 0 else 1
            if widening > 1:
                value = relu6(layer(value, f"{name}._expand_conv", f"{name}._bn0"))
            depth = len(weights[f"{name}._depthwise_conv.weight"])
            value = relu6(layer(value, f"{name}._depthwise_conv", f"{name}._bn1", stride, depth))
            value = layer(value, f"{name}._project_conv", f"{name}._bn2")
            if repeat > 0:  # a block that keeps the shape adds its entry
                value = graph.add("Add", value, entry)
            block += 1
    value = relu6(layer(value, "_conv_head", "_bn1"))
    embedding = graph.add("Flatten", graph.add("GlobalAveragePool", value), axis=1)
    logits = graph.add(
        "Gemm", embedding, graph.weight(weights["_fc.weight"]), graph.weight(weights["_fc.bias"]), transB=1
    )
    probability = graph.add("Softmax", logits, axis=1)
    return graph.model(
        "efficientnet-lite0",
        ("pictures", ["n", 3, _SIDE, _SIDE]),
        [(embedding, ["n", 1280]), (probability, ["n", 1000])],
    )


def expression(published: Path) -> onnx.ModelProto:
    """Convert a Keras model, [n, 1, 64, 64] → probability [n, 7].

    It is the mini-Xception of O. Arriaga, M. Valdenegro-Toro, P. Plöger, arXiv:1710.07557.
    """
    graph, weights = Graph(), Tensors()

    def keep(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):  # `conv2d_1/conv2d_1_1/kernel:0`
            layer, *_, weight = path.split("/")
            weights[f"{layer}/{weight.removesuffix(':0')}"] = item[()]

    with h5py.File(published) as file:
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        file["model_weights"].visititems(keep)
    values: dict[str, str] = {}
    for layer in layers:
        name, config = layer["name"], layer["config"]
        inputs = [values[entry[0]] for entries in layer["inbound_nodes"] for entry in entries]
        values[name] = _keras_layer(graph, layer["class_name"], name, config, inputs, weights)
    return graph.model("expression", (_FACES, ["n", 1, 64, 64]), [(values[layers[-1]["name"]], ["n", 7])])


def _keras_layer(
    graph: Graph, kind: str, name: str, config: Mapping[str, Any], inputs: list[str], weights: Tensors
) -> str:
    pad = "VALID" if config.get("padding") == "valid" else "SAME_UPPER"
    value = inputs[0] if inputs else _FACES
    match kind:
        case "InputLayer":
            pass
        case "Conv2D":
            kernel, bias = _kernel(weights[f"{name}/kernel"]), weights.get(f"{name}/bias")
            value = graph.convolution(value, kernel, bias, stride=config["strides"][0], pad=pad)
        case "SeparableConv2D":
            deep = weights[f"{name}/depthwise_kernel"]  # [height, width, in, 1]
            value = graph.convolution(value, _kernel(deep.swapaxes(2, 3)), groups=deep.shape[2], pad=pad)
            value = graph.convolution(value, _kernel(weights[f"{name}/pointwise_kernel"]), pad=pad)
        case "BatchNormalization":
            names = ("gamma", "beta", "moving_mean", "moving_variance")
            value = graph.normalised(value, *(weights[f"{name}/{part}"] for part in names))
        case "Activation":
            relu = config["activation"] == "relu"
            value = graph.add("Relu", value) if relu else graph.add("Softmax", value, axis=1)
        case "MaxPooling2D":
            size, steps = config["pool_size"], config["strides"]
            value = graph.add("MaxPool", value, kernel_shape=size, strides=steps, auto_pad=pad)
        case "Add":
            value = graph.add("Add", *inputs)
        case "GlobalAveragePooling2D":
            value = graph.add("Flatten", graph.add("GlobalAveragePool", value), axis=1)
        case _:
            raise ValueError(f"{name} is a layer of an unknown kind, {kind}")
    return value


def _kernel(values: Floats) -> Floats:
    """Reorder [height, width, in, out] of Keras to [out, in, height, width]."""
    return values.transpose(3, 2, 0, 1)


CONVERTERS: Mapping[str, Callable[[Path], onnx.ModelProto]] = MappingProxyType(
    {"faces": centerface, "expression": expression, "objects": efficientnet}
)
