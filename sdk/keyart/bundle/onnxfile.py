"""Reader of ONNX files for the trust rules, without the `onnx` package that a device lacks.

It is a strict and bounded reader of the protobuf wire format (protobuf.dev/programming-guides/encoding) for the
messages of onnx.proto3: Model, Graph, Node, Attribute, Tensor, ValueInfo. It is stricter than protobuf where a second
reader could see something else: a field that it does not know, a single field given twice (protobuf would merge
them), a number outside its type (protobuf would cut it) are refused. It does not follow subgraphs or functions; it
counts them, and the rules refuse the count. Time is linear in the bytes and there is no recursion.

Every refusal is BundleRefused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..errors import BundleRefused

MAX_ITEMS = 200_000  # fields and numbers of one file; a ranker has some thousands
VARINT, LENGTH, FIXED32 = 0, 2, 5  # wire types; the other two occur in no message that is read here
INT32_MAX, INT64_MAX, UINT64_MAX = 2**31 - 1, 2**63 - 1, 2**64 - 1
EXTERNAL = 1  # TensorProto.DataLocation
Value = int | memoryview  # the number of a varint, the bytes of the other wire types


@dataclass(frozen=True)
class OnnxTensor:
    """A tensor of a model.

    Attributes:
        name: Name.
        dims: Shape.
        data_type: Number of the data type.
        raw: Little-endian bytes.
        floats: The typed float fields.
        ints: The typed integer fields (int32_data and int64_data).
        external: (key, value) pairs that locate the weights in another file; None if they are inline.
    """

    name: str
    dims: tuple[int, ...]
    data_type: int
    raw: memoryview | None
    floats: tuple[memoryview, ...]
    ints: tuple[int, ...]
    external: tuple[tuple[str, str], ...] | None


@dataclass(frozen=True)
class OnnxAttribute:
    """An attribute of a node.

    Attributes:
        name: Name.
        floats: Little-endian float32 of `f` and `floats`.
        ints: Integers of `i` and `ints`.
        tensors: Tensors.
        graphs: Number of subgraphs, which are not read.
    """

    name: str
    floats: tuple[memoryview, ...]
    ints: tuple[int, ...]
    tensors: tuple[OnnxTensor, ...]
    graphs: int


@dataclass(frozen=True)
class OnnxNode:
    """An operator of a graph: its type, its domain, and the names that it reads and writes."""

    op_type: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[OnnxAttribute, ...]


@dataclass(frozen=True)
class OnnxModel:
    """A model. functions, training, sparse: number of forbidden parts in the file, which are not read."""

    ir_version: int
    opsets: tuple[tuple[str, int], ...]
    nodes: tuple[OnnxNode, ...]
    initializers: tuple[OnnxTensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    metadata: tuple[tuple[str, str], ...]
    functions: int
    training: int
    sparse: int


def read_model(data: bytes, name: str) -> OnnxModel:
    """Read the model in the bytes of file `name`.

    Raises:
        BundleRefused: The bytes are anything else.
    """
    return _Reader(name).model(memoryview(data))


@dataclass(frozen=True)
class _MessageFields:
    """Field numbers of a message of onnx.proto3, by their content. Any other field is refused."""

    name: str
    texts: frozenset[int]  # one text, one block of bytes or one message
    numbers: frozenset[int] = frozenset()
    float32s: frozenset[int] = frozenset()
    repeated: frozenset[int] = field(default=frozenset())  # those of the above that may come more than once

    def wire_types(self, number: int) -> tuple[int, ...]:
        packed = (LENGTH,) if number in self.repeated else ()
        if number in self.texts:
            return (LENGTH,)
        if number in self.numbers:
            return (VARINT, *packed)
        return (FIXED32, *packed) if number in self.float32s else ()


def _set(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


_MODEL = _MessageFields("model", _set(2, 3, 4, 6, 7, 8, 14, 20, 25), _set(1, 5), repeated=_set(8, 14, 20, 25))
_OPSET = _MessageFields("opset", _set(1), _set(2))
_PAIR = _MessageFields("pair of texts", _set(1, 2))
_GRAPH = _MessageFields(
    "graph", _set(1, 2, 5, 10, 11, 12, 13, 14, 15, 16), repeated=_set(1, 5, 11, 12, 13, 14, 15, 16)
)
_VALUE_INFO = _MessageFields("input or output", _set(1, 2, 3, 4), repeated=_set(4))
_NODE = _MessageFields("node", _set(1, 2, 3, 4, 5, 6, 7, 9), repeated=_set(1, 2, 5, 9))
_ATTRIBUTE = _MessageFields(
    "attribute", _set(1, 4, 5, 6, 9, 10, 11, 13), _set(3, 8, 20), _set(2, 7), repeated=_set(7, 8, 9, 10, 11)
)
_TENSOR = _MessageFields("tensor", _set(8, 9, 12, 13), _set(1, 2, 5, 7, 14), _set(4), repeated=_set(1, 4, 5, 7, 13))


class _Reader:
    """Reads one file and counts what it has read, so that a small file cannot cost much time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.left = MAX_ITEMS

    def refuse(self, why: str) -> BundleRefused:
        return BundleRefused(f"{self.name} is not an ONNX file that keyart accepts: {why}. Build the bundle again.")

    def varint(self, view: memoryview, at: int) -> tuple[int, int]:
        """Return the number at `at`, 0 … 2⁶⁴ − 1, and the place after it."""
        self.left -= 1
        if self.left < 0:
            raise self.refuse(f"it has more than {MAX_ITEMS:,} fields and numbers")
        value = 0
        for shift in range(0, 70, 7):
            if at >= len(view):
                raise self.refuse("it ends inside a number")
            byte = view[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > UINT64_MAX:
                    break
                return value, at
        raise self.refuse("it holds a number of more than 64 bits")

    def walk(self, view: memoryview) -> Iterator[tuple[int, int, Value]]:
        """Yield (field number, wire type, value) of each field of a message."""
        at = 0
        while at < len(view):
            tag, at = self.varint(view, at)
            number, wire_type = tag >> 3, tag & 7
            if wire_type == VARINT:
                value, at = self.varint(view, at)
                yield number, wire_type, value
                continue
            if wire_type == LENGTH:
                size, at = self.varint(view, at)
            elif wire_type == FIXED32:
                size = 4
            else:
                raise self.refuse(f"field {number} has the wire type {wire_type}")
            if size > len(view) - at:
                raise self.refuse(f"field {number} is longer than what holds it")
            yield number, wire_type, view[at : at + size]
            at += size

    def fields(self, view: memoryview, message: _MessageFields) -> _ReadFields:
        """Return the fields of a message by number; wire types, and single fields given once, are checked."""
        values_by_number: dict[int, list[Value]] = {}
        for number, wire_type, value in self.walk(view):
            if wire_type not in message.wire_types(number):
                raise self.refuse(f"a {message.name} has a field {number} of wire type {wire_type}")
            values = values_by_number.setdefault(number, [])
            if values and number not in message.repeated:
                raise self.refuse(f"a {message.name} has its field {number} twice")
            values.append(value)
        return _ReadFields(self, values_by_number)

    def model(self, view: memoryview) -> OnnxModel:
        fields = self.fields(view, _MODEL)
        graph = self.fields(fields.block(7), _GRAPH)
        opsets = [self.fields(part, _OPSET) for part in fields.blocks(8)]
        return OnnxModel(
            ir_version=fields.int64(1),
            opsets=tuple((opset.text(1), opset.int64(2)) for opset in opsets),
            nodes=tuple(map(self.node, graph.blocks(1))),
            initializers=tuple(map(self.tensor, graph.blocks(5))),
            inputs=tuple(self.fields(part, _VALUE_INFO).text(1) for part in graph.blocks(11)),
            outputs=tuple(self.fields(part, _VALUE_INFO).text(1) for part in graph.blocks(12)),
            metadata=tuple(map(self.pair, fields.blocks(14))),
            functions=len(fields.blocks(25)),
            training=len(fields.blocks(20)),
            sparse=len(graph.blocks(15)),
        )

    def node(self, view: memoryview) -> OnnxNode:
        fields = self.fields(view, _NODE)
        return OnnxNode(
            op_type=fields.text(4),
            domain=fields.text(7),
            inputs=fields.texts(1),
            outputs=fields.texts(2),
            attributes=tuple(map(self.attribute, fields.blocks(5))),
        )

    def attribute(self, view: memoryview) -> OnnxAttribute:
        fields = self.fields(view, _ATTRIBUTE)
        return OnnxAttribute(
            name=fields.text(1),
            floats=(*fields.blocks(2), *fields.blocks(7)),
            ints=(*fields.int64s(3), *fields.int64s(8)),
            tensors=tuple(map(self.tensor, (*fields.blocks(5), *fields.blocks(10)))),
            graphs=len(fields.blocks(6)) + len(fields.blocks(11)),
        )

    def tensor(self, view: memoryview) -> OnnxTensor:
        fields = self.fields(view, _TENSOR)
        external = tuple(map(self.pair, fields.blocks(13)))
        is_external = fields.int32(14) == EXTERNAL
        if is_external != bool(external) or fields.int32(14) not in (0, EXTERNAL):
            raise self.refuse("a tensor leaves open whether its weights are in another file")
        int32s = fields.int64s(5)
        if any(not -INT32_MAX - 1 <= value <= INT32_MAX for value in int32s):
            raise self.refuse("a tensor has a number of more than 32 bits")
        return OnnxTensor(
            name=fields.text(8),
            dims=fields.int64s(1),
            data_type=fields.int32(2),
            raw=fields.block(9) if fields.blocks(9) else None,
            floats=fields.blocks(4),
            ints=(*int32s, *fields.int64s(7)),
            external=external if is_external else None,
        )

    def pair(self, view: memoryview) -> tuple[str, str]:
        fields = self.fields(view, _PAIR)
        return fields.text(1), fields.text(2)


@dataclass(frozen=True)
class _ReadFields:
    """The fields of one message, with its reader. Absent fields are empty or 0, as in proto3."""

    reader: _Reader
    found: Mapping[int, list[Value]]

    def blocks(self, number: int) -> tuple[memoryview, ...]:
        return tuple(value for value in self.found.get(number, ()) if isinstance(value, memoryview))

    def block(self, number: int) -> memoryview:
        return next(iter(self.blocks(number)), memoryview(b""))

    def texts(self, number: int) -> tuple[str, ...]:
        try:
            return tuple(str(block, "utf-8") for block in self.blocks(number))
        except UnicodeDecodeError:
            raise self.reader.refuse("a name in it is not UTF-8") from None

    def text(self, number: int) -> str:
        return next(iter(self.texts(number)), "")

    def int64s(self, number: int) -> tuple[int, ...]:
        numbers: list[int] = []
        for value in self.found.get(number, ()):
            if isinstance(value, int):
                numbers.append(value)
                continue
            at = 0
            while at < len(value):
                item, at = self.reader.varint(value, at)
                numbers.append(item)
        return tuple(item - 2**64 if item > INT64_MAX else item for item in numbers)

    def int64(self, number: int) -> int:
        return next(iter(self.int64s(number)), 0)

    def int32(self, number: int) -> int:
        value = self.int64(number)
        if not 0 <= value <= INT32_MAX:
            raise self.reader.refuse("a type or an enumeration in it is out of range")
        return value
