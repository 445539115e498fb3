"""The reader of ONNX files: as the `onnx` package on real models, our errors alone on any other bytes."""

from __future__ import annotations

import random
import time

import bundle_samples as samples
import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from keyart.bundle import graph_rules
from keyart.bundle.onnxfile import MAX_ITEMS, OnnxModel, OnnxTensor, read_model
from keyart.errors import BundleRefused

GOOD = samples.ranker_model().SerializeToString()


def odd_model() -> onnx.ModelProto:
    """Every kind of attribute and of inline tensor that a bundle may hold."""
    nodes = [
        helper.make_node(
            "Constant", [], ["a"], value=helper.make_tensor("t", TensorProto.FLOAT, [2, 2], [1, -2, 3, 4])
        ),
        helper.make_node("Constant", [], ["b"], value_floats=[1.5, -2.5]),
        helper.make_node("Constant", [], ["c"], value_ints=[-(2**63), 2**63 - 1, -1]),
        helper.make_node("Einsum", ["a", "a"], ["d"], equation="ij,jk->ik"),
        helper.make_node("Gemm", ["a", "d"], ["e"], alpha=0.25, transB=1),
    ]
    initializers = [
        helper.make_tensor("i8", TensorProto.INT8, [3], [-128, 0, 127]),
        helper.make_tensor("i64", TensorProto.INT64, [2], [-1, 2**40]),
        numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "raw"),
        helper.make_tensor("none", TensorProto.FLOAT, [0, 4], []),
    ]
    output = helper.make_tensor_value_info("e", TensorProto.FLOAT, [2, 2])
    body = helper.make_graph(nodes, "odd", [], [output], initializers, doc_string="ünïcode")
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="test")


def tensor_of(theirs: onnx.TensorProto, ours: OnnxTensor) -> None:
    assert (ours.name, ours.dims, ours.data_type) == (theirs.name, tuple(theirs.dims), theirs.data_type)
    assert bytes(ours.raw or b"") == theirs.raw_data
    assert b"".join(ours.floats) == np.array(theirs.float_data, "<f4").tobytes()
    assert ours.ints == (*theirs.int32_data, *theirs.int64_data)
    assert dict(ours.external or ()) == {pair.key: pair.value for pair in theirs.external_data}


@pytest.mark.parametrize(
    "theirs", [samples.ranker_model(), samples.train_model(), odd_model()], ids=lambda m: m.graph.name
)
def test_reads_what_the_onnx_package_reads(theirs: onnx.ModelProto) -> None:
    ours = read_model(theirs.SerializeToString(), "x.onnx")
    assert ours.ir_version == theirs.ir_version == 8
    assert ours.opsets == (("", 17),)
    assert ours.inputs == tuple(info.name for info in theirs.graph.input)
    assert ours.outputs == tuple(info.name for info in theirs.graph.output)
    for a, b in zip(theirs.graph.initializer, ours.initializers, strict=True):
        tensor_of(a, b)
    for their_node, our_node in zip(theirs.graph.node, ours.nodes, strict=True):
        assert (our_node.op_type, our_node.domain) == (their_node.op_type, their_node.domain)
        assert our_node.inputs == tuple(their_node.input)
        assert our_node.outputs == tuple(their_node.output)
        for their_part, our_part in zip(their_node.attribute, our_node.attributes, strict=True):
            assert our_part.name == their_part.name
            floats = [their_part.f] if their_part.type == onnx.AttributeProto.FLOAT else list(their_part.floats)
            ints = [their_part.i] if their_part.type == onnx.AttributeProto.INT else list(their_part.ints)
            assert b"".join(our_part.floats) == np.array(floats, "<f4").tobytes()
            assert our_part.ints == tuple(ints)
            if their_part.HasField("t"):
                tensor_of(their_part.t, our_part.tensors[0])
    assert (ours.functions, ours.training, ours.sparse, ours.metadata) == (0, 0, 0, ())
    graph_rules.check_tensors(ours, "x.onnx")
    graph_rules.check_finite(ours, "x.onnx", samples.weights_bytes(samples.weights(0)))


def test_counts_what_no_bundle_may_hold() -> None:
    model = samples.ranker_model()
    model.functions.add(name="f", domain="d")
    model.training_info.add()
    model.graph.sparse_initializer.add()
    model.metadata_props.add(key="ort_config", value="{}")
    read = read_model(model.SerializeToString(), "x.onnx")
    assert (read.functions, read.training, read.sparse, read.metadata) == (1, 1, 1, (("ort_config", "{}"),))


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def block(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


PLACE = block(13, block(1, b"k"))
MIN_TENSOR = block(8, b"w") + varint(2 << 3) + varint(1)


@pytest.mark.parametrize(
    ("data", "why"),
    {
        "cut inside a number": (b"\x08\x80", "ends inside a number"),
        "a number of 65 bits": (b"\x08" + b"\xff" * 9 + b"\x02", "64 bits"),
        "a number of 11 bytes": (b"\x08" + b"\x80" * 10 + b"\x01", "64 bits"),
        "longer than the file": (b"\x3a\x7f", "longer than what holds it"),
        "longer than memory": (b"\x3a" + varint(2**62), "longer than what holds it"),
        "a group": (b"\x0b\x0c", "wire type 3"),
        "field number 0": (b"\x02\x00", "field 0"),
        "an unknown field": (block(99, b"x"), "field 99"),
        "a huge field number": (varint(2**60 << 3 | 2) + b"\x00", "field 1152921504606846976"),
        "the graph twice (protobuf would merge)": (block(7, b"") * 2, "field 7 twice"),
        "a version of the wrong wire type": (b"\x0a\x01\x08", "field 1 of wire type 2"),
        "a name that is no UTF-8": (block(7, block(1, block(4, b"\xff"))), "UTF-8"),
        "a type that protobuf would cut to 32 bits": (
            block(7, block(5, block(8, b"w") + varint(14 << 3) + varint(2**32 + 1) + block(13, b""))),
            "out of range",
        ),
        "external without a place": (block(7, block(5, MIN_TENSOR + b"\x70\x01")), "another file"),
        "a place without external": (block(7, block(5, MIN_TENSOR + PLACE)), "another file"),
        "int32 data of 40 bits": (block(7, block(5, MIN_TENSOR + block(5, varint(2**40)))), "32 bits"),
    }.values(),
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_strict(data: bytes, why: str) -> None:
    with pytest.raises(BundleRefused, match=why):
        read_model(data, "x.onnx")


@pytest.mark.parametrize(
    "data",
    [
        block(7, block(1, b"") * 2_000_000),
        block(7, block(5, block(7, b"\x01" * 8_000_000))),
        block(7, block(5, (b"\x38\x01") * 4_000_000)),
        block(8, b"") * 3_000_000,
        b"\x80" * 8_000_000,
    ],
    ids=["many nodes", "packed numbers", "numbers one by one", "opsets", "endless number"],
)
def test_a_large_file_costs_little(data: bytes) -> None:
    start = time.process_time()
    with pytest.raises(BundleRefused):
        read_model(data, "x.onnx")
    assert time.process_time() - start < 2.0  # MAX_ITEMS bounds it, whatever the size
    assert MAX_ITEMS == 200_000


def judge(data: bytes) -> OnnxModel | None:
    """All that a device does with a hostile graph before anything runs."""
    weights = samples.weights_bytes(samples.weights(0))
    try:
        model = read_model(data, "x.onnx")
        graph_rules.check_plain(model, "x.onnx")
        graph_rules.check_operators(model, "x.onnx")
        graph_rules.check_tensors(model, "x.onnx")
        graph_rules.check_external(model, "x.onnx", len(weights))
        graph_rules.check_finite(model, "x.onnx", weights)
        graph_rules.check_filled(model, "x.onnx")
    except BundleRefused:
        return None
    return model


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=400))
def test_fuzzed_bytes_give_only_our_errors(data: bytes) -> None:
    judge(data)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_mutated_models_give_only_our_errors(seed: int) -> None:
    """And where a mutant is accepted, the `onnx` package reads the same operators and weights from it."""
    rng = random.Random(seed)
    data = bytearray(rng.choice([GOOD, odd_model().SerializeToString()]))
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at : at + rng.randrange(1, 9)]
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 5))
            case _:
                data[at:at] = data[at : at + rng.randrange(1, 40)]
    ours = judge(bytes(data))
    if ours is None:
        return
    try:
        theirs = onnx.ModelProto.FromString(bytes(data))
    except DecodeError:  # in a part that is not looked into, such as a comment: no engine loads it
        return
    assert [node.op_type for node in theirs.graph.node] == [node.op_type for node in ours.nodes]
    for a, b in zip(theirs.graph.initializer, ours.initializers, strict=True):
        tensor_of(a, b)
