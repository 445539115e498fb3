"""An ONNX file with every kind of attribute and of tensor that a bundle may hold."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def odd_model() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Constant", [], ["a"], value=helper.make_tensor("t", TensorProto.FLOAT, [2], [1, -2])),
        helper.make_node("Constant", [], ["b"], value_floats=[1.5, -2.5]),
        helper.make_node("Constant", [], ["c"], value_ints=[2, 3]),
        helper.make_node("ConstantOfShape", ["c"], ["z"]),
        helper.make_node("Expand", ["a", "i64"], ["d"]),
        helper.make_node("Gemm", ["z", "raw"], ["e"], alpha=0.25, transB=1),
    ]
    initializers = [
        helper.make_tensor("i8", TensorProto.INT8, [3], [-128, 0, 127]),
        helper.make_tensor("i64", TensorProto.INT64, [2], [1, 2]),
        numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "raw"),
        helper.make_tensor("none", TensorProto.FLOAT, [0, 4], []),
    ]
    output = helper.make_tensor_value_info("e", TensorProto.FLOAT, [2, 2])
    body = helper.make_graph(nodes, "odd", [], [output], initializers, doc_string="ünïcode")
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
