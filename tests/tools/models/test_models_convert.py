"""The converted models: of a form that old runtimes take, and layer for layer what was published."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from keyart_tools.models import MODELS, Models, Picture, default_folder
from keyart_tools.models.cache import GRAPH
from keyart_tools.models.onnx_graph import Graph
from keyart_tools.models.session import Session

CONVERTED = [model.name for model in MODELS.values() if model.converted]


def shapes(values: object) -> list[list[int | str]]:
    return [[d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim] for value in values]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", CONVERTED)
def test_ir_8_and_opset_17_of_standard_operators(models: Models, name: str) -> None:
    model = onnx.load(default_folder() / name / GRAPH)
    assert model.ir_version == 8
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]


def test_sizes(models: Models) -> None:
    graphs = {name: onnx.load(default_folder() / name / GRAPH).graph for name in CONVERTED}
    assert shapes(graphs["faces"].input) == [[1, 3, "height", "width"]]
    assert shapes(graphs["faces"].output)[0] == [1, 1, "rows", "columns"]
    assert shapes(graphs["expression"].input) == [["n", 1, 64, 64]]
    assert shapes(graphs["objects"].output) == [["n", 1280], ["n", 1000]]


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96), (384, 640)])
def test_a_heat_map_has_a_quarter_of_the_picture(models: Models, height: int, width: int) -> None:
    heat, *_ = Session(default_folder() / "faces").run(np.zeros((1, 3, height, width), dtype=np.float32))
    assert heat.shape == (1, 1, height // 4, width // 4)


def test_pictures_together_are_as_one_by_one(models: Models, photographs: dict[str, Picture]) -> None:
    small = [cv2.resize(photographs[name], (224, 224)) for name in ("coffee", "chelsea")]
    pictures = ((np.stack(small).transpose(0, 3, 1, 2) - 127.0) / 128).astype(np.float32)
    session = Session(default_folder() / "objects")

    together, _ = session.run(pictures)

    np.testing.assert_allclose(together[1], session.run(pictures[1:])[0][0], atol=1e-4)


def test_padding_of_an_even_picture_goes_to_the_end(tmp_path: Path) -> None:
    """As TensorFlow pads: a kernel of 3 and steps of 2 on 4 pixels begin on the first pixel."""
    graph = Graph()
    kernel = np.zeros((1, 1, 3, 3), dtype=np.float32)
    kernel[0, 0, 0, 0] = 1
    value = graph.convolution("in", kernel, stride=2, pad="SAME_UPPER")
    model = graph.model("padding", ("in", [1, 1, 4, 4]), [(value, [1, 1, 2, 2])])

    picture = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    onnx.save(model, tmp_path / GRAPH)
    (answer,) = Session(tmp_path).run(picture)

    np.testing.assert_array_equal(answer[0, 0], picture[0, 0, ::2, ::2])
