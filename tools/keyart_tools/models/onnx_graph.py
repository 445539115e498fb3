"""An ONNX graph builder with the standard operators of the converted models."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

IR_VERSION, OPSET = 8, 17

Floats = npt.NDArray[np.float32]


class Graph:
    """A graph under construction; each method adds a node and returns the name of its output."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of any operator with one output."""
        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def weight(self, values: npt.NDArray[Any]) -> str:
        """Add a constant."""
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolution(
        self, value: str, kernel: Floats, bias: Floats | None = None, *, stride: int = 1, groups: int = 1, pad: str
    ) -> str:
        """Add a convolution; `kernel` is [out, in / groups, height, width], `pad` is "SAME_UPPER" or "VALID"."""
        inputs = [value, self.weight(kernel)] + ([self.weight(bias)] if bias is not None else [])
        size = list(kernel.shape[2:])
        return self.add("Conv", *inputs, kernel_shape=size, strides=[stride, stride], group=groups, auto_pad=pad)

    def normalised(self, value: str, gain: Floats, bias: Floats, mean: Floats, variance: Floats) -> str:
        """Add batch normalisation with the statistics of training; both models have epsilon 0.001."""
        return self.add("BatchNormalization", value, *map(self.weight, (gain, bias, mean, variance)), epsilon=1e-3)

    def model(
        self, name: str, source: tuple[str, list[Any]], targets: list[tuple[str, list[Any]]]
    ) -> onnx.ModelProto:
        """Return the checked model, float32 in and out; `source` and `targets` are names and shapes."""
        described = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in targets]
        entry = helper.make_tensor_value_info(source[0], onnx.TensorProto.FLOAT, source[1])
        graph = helper.make_graph(self._nodes, name, [entry], described, self._weights)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=opsets, producer_name="keyart")
        onnx.checker.check_model(model, full_check=True)
        return model
