"""Bundles that a hostile or careless publisher may ship, every digest right: each is refused by its rule.

Each case is refused before any model runs, the message names the rule, and the last good bundle still serves.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bundle_samples as samples
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from keyart.bundle import Manifest, Slots, verify
from keyart.errors import BundleDamaged, BundleRefused

Attack = tuple[Callable[[Path], None], str]
ATTACKS: dict[str, Attack] = {}


def attack(name: str, message: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Registers a function that turns the good bundle in a folder into a hostile one."""

    def register(change: Callable[[Path], None]) -> Callable[[Path], None]:
        ATTACKS[name] = (change, message)
        return change

    return register


def reseal(folder: Path, **fields: Any) -> None:
    """The manifest of what is in `folder` now."""
    path = folder / "manifest.json"
    listed = json.loads(path.read_bytes())["files"]
    files = {name: (folder / name).read_bytes() for name in listed if (folder / name).is_file()}
    entries = {name: entry.to_json() for name, entry in samples.sample_manifest(files).files.items()}
    path.write_bytes(samples.resealed(path.read_bytes(), **{"files": entries, **fields}))


def on_ranker(name: str, message: str) -> Callable[[Callable[[onnx.ModelProto], None]], None]:
    return _on_model("ranker.onnx", name, message)


def on_train(name: str, message: str) -> Callable[[Callable[[onnx.ModelProto], None]], None]:
    return _on_model("train.onnx", name, message)


def _on_model(file: str, name: str, message: str) -> Callable[[Callable[[onnx.ModelProto], None]], None]:
    def register(change: Callable[[onnx.ModelProto], None]) -> None:
        def apply(folder: Path) -> None:
            model = onnx.ModelProto.FromString((folder / file).read_bytes())
            change(model)
            (folder / file).write_bytes(model.SerializeToString())
            reseal(folder)

        attack(name, message)(apply)

    return register


def on_both_models(folder: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    for name in ("ranker.onnx", "train.onnx"):
        model = onnx.ModelProto.FromString((folder / name).read_bytes())
        change(model)
        (folder / name).write_bytes(model.SerializeToString())


def on_vectors(name: str, message: str) -> Callable[[Callable[[dict[str, Any]], None]], None]:
    def register(change: Callable[[dict[str, Any]], None]) -> None:
        def apply(folder: Path) -> None:
            document = samples.vectors_document()
            change(document)
            (folder / "vectors.json").write_text(json.dumps(document))
            reseal(folder)

        attack(name, message)(apply)

    return register


def weight(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def place(model: onnx.ModelProto, key: str, value: str) -> None:
    for pair in weight(model, "keep_artwork").external_data:
        if pair.key == key:
            pair.value = value


# What the manifest says


@attack("a file name that leads out", "only plain names")
def _(folder: Path) -> None:
    reseal(folder, files={"../ranker.bin": {"sha256": "0" * 64, "bytes": 1}})


@attack("an absolute file name", "only plain names")
def _(folder: Path) -> None:
    reseal(folder, files={"/etc/passwd": {"sha256": "0" * 64, "bytes": 1}})


@attack("a file name with a separator of Windows", "only plain names")
def _(folder: Path) -> None:
    reseal(folder, files={"..\\ranker.bin": {"sha256": "0" * 64, "bytes": 1}})


@attack("a file of the format left out", "train.onnx")
def _(folder: Path) -> None:
    (folder / "train.onnx").unlink()
    reseal(folder)


@attack("one file more than the format has", "plugin.so")
def _(folder: Path) -> None:
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}
    (folder / "plugin.so").write_bytes(b"\x7fELF")
    entries = {n: e.to_json() for n, e in samples.sample_manifest({**files, "plugin.so": b"\x7fELF"}).files.items()}
    reseal(folder, files=entries)


@attack("a file that the manifest does not list", "does not list")
def _(folder: Path) -> None:
    (folder / "extra.json").write_text("{}")


@attack("many files that the manifest does not list", "does not list")
def _(folder: Path) -> None:
    for i in range(100):
        (folder / f"extra{i}.json").write_text("{}")


@attack("another opset", "made for opset 21")
def _(folder: Path) -> None:
    on_both_models(folder, lambda model: setattr(model.opset_import[0], "version", 21))
    reseal(folder, opset=21)


@attack("another IR", "and IR 14")
def _(folder: Path) -> None:
    on_both_models(folder, lambda model: setattr(model, "ir_version", 14))
    reseal(folder, ir_version=14)


@attack("another format", "update keyart")
def _(folder: Path) -> None:
    reseal(folder, format=2)


@attack("a feature spec under another one's hash", "feature spec")
def _(folder: Path) -> None:
    reseal(folder, feature_spec={"version": 1, "artwork_tags": ["genre:horror"]})


@attack("a model that is its own parent", "not older")
def _(folder: Path) -> None:
    reseal(folder, parent=2)


@attack("settings for the session that the format does not have", "session_config")
def _(folder: Path) -> None:
    reseal(folder, session_config={"session.disable_quant_qdq": "1", "session.use_env_allocators": "1"})


@attack("no model card", "card")
def _(folder: Path) -> None:
    reseal(folder, card={})


@attack("parameters of another shape", "has the shape")
def _(folder: Path) -> None:
    reseal(folder, parameters={"keep_artwork": [7], "play_artwork": [6, 4]})


@attack("a parameter that is not there", "has the shape")
def _(folder: Path) -> None:
    reseal(folder, parameters={"keep_artwork": [6], "play_artwork": [6, 4], "more": [1]})


@attack("a weight that the manifest hides", "not among the manifest's parameters")
def _(folder: Path) -> None:
    reseal(folder, parameters={"play_artwork": [6, 4]})


# What the folder holds


@attack("weights that are a symbolic link", "link or a folder")
def _(folder: Path) -> None:
    (folder / "ranker.bin").rename(folder.parent / "elsewhere.bin")
    (folder / "ranker.bin").symlink_to(folder.parent / "elsewhere.bin")


@attack("a manifest that is a symbolic link", "link or a folder")
def _(folder: Path) -> None:
    (folder / "manifest.json").rename(folder.parent / "elsewhere.json")
    (folder / "manifest.json").symlink_to(folder.parent / "elsewhere.json")


@attack("weights that are a folder", "link or a folder")
def _(folder: Path) -> None:
    (folder / "ranker.bin").unlink()
    (folder / "ranker.bin").mkdir()


@attack("weights that are a pipe nobody writes to", "link or a folder")
def _(folder: Path) -> None:
    import os

    (folder / "ranker.bin").unlink()
    os.mkfifo(folder / "ranker.bin")


@attack("a ranker of 9 MB", "more than the 8,000,000")
def _(folder: Path) -> None:
    with (folder / "ranker.onnx").open("ab") as file:
        file.truncate(9_000_000)
    reseal(folder)


@attack("more than 64 MB in all", "limit of 64,000,000")
def _(folder: Path) -> None:
    for name, size in {
        "vocabulary.json": 47_000_000,
        "ranker.bin": 8_000_000,
        "train.onnx": 8_000_000,
    }.items():
        with (folder / name).open("ab") as file:
            file.truncate(size)
    with (folder / "vectors.json").open("ab") as file:
        file.truncate(8_000_000)


# What the graphs do


@on_ranker("an operator of a custom domain", "domain 'evil'")
def _(model: onnx.ModelProto) -> None:
    model.graph.node[-1].domain = "evil"


@on_ranker("an operator of the runtime's own domain", "domain 'com.microsoft'")
def _(model: onnx.ModelProto) -> None:
    model.graph.node[-1].domain = "com.microsoft"


@on_ranker("a second operator set", "the one opset")
def _(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("evil", 1))


@on_ranker("an older opset than the manifest says", "the one opset")
def _(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 11


@on_ranker("an operator that is not on the list", "operator 'RandomNormal'")
def _(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("RandomNormal", [], ["r"], shape=[1]))


@on_ranker("a loop", "operator 'Loop'|subgraph")
def _(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", [], ["r"], body=body))


@on_ranker("a subgraph hidden in a listed operator", "subgraph")
def _(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node[-1].attribute.append(helper.make_attribute("then_branch", body))


@on_ranker("a function that redefines an operator", "defines functions")
def _(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("", "Sigmoid", ["x"], ["y"], [], [helper.make_opsetid("", 17)]))


@on_ranker("settings for the runtime in the metadata", "metadata")
def _(model: onnx.ModelProto) -> None:
    model.metadata_props.add(key="ort_config", value='{"session_options": {}}')


@on_ranker("sparse weights", "sparse")
def _(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


@on_ranker("weights outside of the bundle", "only ranker.bin")
def _(model: onnx.ModelProto) -> None:
    place(model, "location", "../../ranker.bin")


@on_ranker("weights at an absolute path", "only ranker.bin")
def _(model: onnx.ModelProto) -> None:
    place(model, "location", "/etc/passwd")


@on_ranker("weights in memory of the runtime", "only ranker.bin")
def _(model: onnx.ModelProto) -> None:
    place(model, "location", "*/_ORT_MEM_ADDR_/*")


@on_ranker("weights beyond the end of the file", "ends outside")
def _(model: onnx.ModelProto) -> None:
    place(model, "offset", "999999")


@on_ranker("weights before the start of the file", "plain number")
def _(model: onnx.ModelProto) -> None:
    place(model, "offset", "-4")


@on_ranker("weights longer than their shape", "not that of its shape")
def _(model: onnx.ModelProto) -> None:
    place(model, "length", "48")


@on_ranker("two weights in one place", "share bytes")
def _(model: onnx.ModelProto) -> None:
    place(model, "offset", "4")


@on_ranker("an offset given twice", "given twice")
def _(model: onnx.ModelProto) -> None:
    weight(model, "keep_artwork").external_data.add(key="offset", value="0")


@on_ranker("a constant that lies in a file", "inside the file")
def _(model: onnx.ModelProto) -> None:
    tensor = TensorProto()
    tensor.CopyFrom(weight(model, "keep_artwork"))
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


@on_train("training weights that lie in a file", "inside the file")
def _(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(weight(samples.ranker_model(), "keep_artwork"))


@on_train("a training graph with a foreign operator", "domain 'ai.onnx.training'")
def _(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Gradient", ["x"], ["g"], domain="ai.onnx.training"))


@on_train("a constant that is infinite", "NaN or an infinity")
def _(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array([np.inf], np.float32), "c"))


@on_train("an attribute that is not a number", "NaN or an infinity")
def _(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value_float=float("nan")))


@on_train("a training part", "training part")
def _(model: onnx.ModelProto) -> None:
    model.training_info.add()


@on_ranker("a few bytes that ask for all memory", "asks for more")
def _(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array([2**20, 2**20], np.int64), "shape"))
    model.graph.node.append(helper.make_node("ConstantOfShape", ["shape"], ["zeros"]))


@on_ranker("the same by a constant node", "asks for more")
def _(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["shape"], value_ints=[2**40]))
    model.graph.node.append(helper.make_node("Expand", ["p", "shape"], ["large"]))


@on_ranker("a tensor of another size than its shape", "another size")
def _(model: onnx.ModelProto) -> None:
    weight(model, "flat").raw_data = b"\x01"


@on_ranker("a weight with two sets of values", "another size")
def _(model: onnx.ModelProto) -> None:
    weight(model, "flat").int64_data.append(1)


@on_ranker("a weight of a type that nobody knows", "unknown type")
def _(model: onnx.ModelProto) -> None:
    weight(model, "flat").data_type = TensorProto.STRING


@on_ranker("two weights of one name", "one name")
def _(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(weight(model, "flat"))


@on_ranker("a weight that an input could replace", "input too")
def _(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("keep_artwork", TensorProto.FLOAT, [6]))


@on_ranker("other outputs", "outputs must be")
def _(model: onnx.ModelProto) -> None:
    del model.graph.output[1:]


@on_ranker("ten thousand nodes", "nodes")
def _(model: onnx.ModelProto) -> None:
    model.graph.node.extend([model.graph.node[-1]] * 10_000)


@attack("weights that are not numbers", "NaN or an infinity")
def _(folder: Path) -> None:
    arrays = samples.weights(0)
    arrays["keep_artwork"][3] = np.nan
    (folder / "ranker.bin").write_bytes(samples.weights_bytes(arrays))
    reseal(folder)


@attack("a scale that is infinite", "NaN or an infinity")
def _(folder: Path) -> None:
    arrays = samples.weights(0)
    arrays["play_artwork_scale"][0] = np.inf
    (folder / "ranker.bin").write_bytes(samples.weights_bytes(arrays))
    reseal(folder)


@attack("a ranker that is no model", "not an ONNX file")
def _(folder: Path) -> None:
    (folder / "ranker.onnx").write_bytes(b"MZ" * 500)
    reseal(folder)


@attack("a vocabulary that is a list", "JSON object")
def _(folder: Path) -> None:
    (folder / "vocabulary.json").write_text("[]")
    reseal(folder)


@attack("a vocabulary that says things twice", "key twice")
def _(folder: Path) -> None:
    (folder / "vocabulary.json").write_text('{"tags": [], "tags": ["genre:drama"]}')
    reseal(folder)


# What the vectors say


@on_vectors("seven cases", "at least 8")
def _(document: dict[str, Any]) -> None:
    document["cases"].pop()


@on_vectors("no case with 20 candidates", "20 candidates")
def _(document: dict[str, Any]) -> None:
    document["cases"][0] = document["cases"][1]


@on_vectors("a choice that is not the best", "highest score")
def _(document: dict[str, Any]) -> None:
    case = document["cases"][0]
    case["choice"] = (case["choice"] + 1) % 20


@on_vectors("scores that are not numbers", "not strict JSON|finite")
def _(document: dict[str, Any]) -> None:
    document["cases"][0]["scores"][0] = float("nan")


@on_vectors("inputs that the graph does not have", "the graph takes")
def _(document: dict[str, Any]) -> None:
    document["cases"][0]["inputs"]["gender"] = document["cases"][0]["inputs"]["viewer"]


@on_vectors("data that does not fill its shape", "does not fill")
def _(document: dict[str, Any]) -> None:
    document["cases"][0]["inputs"]["viewer"]["shape"] = [2**31, 2**31]


@attack("vectors nested without end", "not strict JSON")
def _(folder: Path) -> None:
    (folder / "vectors.json").write_text("[" * 500_000)
    reseal(folder)


def test_there_are_enough() -> None:
    assert len(ATTACKS) >= 25


@pytest.mark.parametrize("name", ATTACKS)
def test_refused(tmp_path: Path, name: str) -> None:
    change, message = ATTACKS[name]
    slots = Slots(tmp_path / "slots")
    slots.install(samples.sample_bundle(tmp_path / "good"), verify)
    hostile = samples.sample_bundle(tmp_path / "hostile" / "bundle", 2, 1)
    verify(hostile)
    change(hostile)
    never = []
    with pytest.raises((BundleDamaged, BundleRefused), match=message):
        verify(hostile, run=lambda inputs: never.append(inputs) or [])
    with pytest.raises((BundleDamaged, BundleRefused), match=message):
        slots.install(hostile, verify)
    assert not never, "a model ran before the rules were met"
    current = slots.current()
    assert current is not None
    assert Manifest.read(current).model_version == 1
    assert not (slots.folder / ".staging").exists()
