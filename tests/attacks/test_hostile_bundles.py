"""Bundles that a hostile or careless publisher may ship, every digest right: each is refused by its rule.

Each case is refused before any model runs, the message names the rule, and the last good bundle still serves: by
`verify`, in a folder of slots, in an app that chooses, and in a device that updates from a repository whose keys the
publisher holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from attacks.fuzz.probe import alarmed, bounded_memory
from onnx import TensorProto, helper, numpy_helper
from support import bundles as samples
from support import catalogs as choosing
from support import repositories as sites
from tuf.api.metadata import Metadata, MetaFile, TargetFile

import keyart
from keyart.bundle import Manifest, Slots, loading, verify
from keyart.bundle import folder as bundle_folder
from keyart.bundle.fields import FileEntry
from keyart.bundle.manifest import feature_spec_digest
from keyart.bundle.plainfile import read_plain
from keyart.bundle.trust import check_vocabulary
from keyart.errors import BundleDamaged, BundleError, BundleRefused
from keyart.model import ranker
from keyart.model.features import FeatureSpec
from keyart.model.features.spec import SENSITIVE_KINDS
from keyart.model.latents import LATENTS, MAX_QUANTIZED
from keyart.model.ranker.onnx_engine import OnnxRanker
from keyart.model.ranker.weights import stored_layout, weight_shapes
from keyart_federated.export import graphs
from keyart_server.signing import tuf_keys

CATALOG = choosing.sample_catalog(titles=3, artworks=4)
SPEC = FeatureSpec.from_catalog(CATALOG)
ALL_DOORS = frozenset({"rules", "app", "update"})
FOLDERS = frozenset({"rules", "app"})  # what no transport of files brings


@dataclass(frozen=True)
class Attack:
    """change: makes the good bundle in a folder a hostile one. message: of its rule. doors: that refuse it."""

    change: Callable[[Path], None]
    message: str
    doors: frozenset[str]


ATTACKS: dict[str, Attack] = {}


def attack(name: str, message: str, doors: frozenset[str] = ALL_DOORS) -> Callable[[Callable[[Path], None]], None]:
    """Registers a function that turns the good bundle in a folder into a hostile one."""

    def register(change: Callable[[Path], None]) -> None:
        assert name not in ATTACKS
        ATTACKS[name] = Attack(change, message, doors)

    return register


def manifest_with(name: str, message: str, doors: frozenset[str] = ALL_DOORS, **fields: Any) -> None:
    """Registers a bundle with other fields in its manifest, and the digest right."""
    attack(name, message, doors)(lambda folder: reseal(folder, **fields))


def manifest_bytes(name: str, message: str, old: bytes, new: bytes) -> None:
    """Registers a bundle with other bytes in its manifest; the digest cannot be right."""

    def change(folder: Path) -> None:
        data = (folder / "manifest.json").read_bytes()
        assert old in data
        (folder / "manifest.json").write_bytes(data.replace(old, new, 1))

    attack(name, message)(change)


def spec_with(name: str, message: str, doors: frozenset[str] = ALL_DOORS, **fields: Any) -> None:
    """Registers a bundle with another feature spec, and its hash right."""
    attack(name, message, doors)(lambda folder: respec(folder, **fields))


def reseal(folder: Path, **fields: Any) -> None:
    """The manifest of what is in `folder` now."""
    path = folder / "manifest.json"
    listed = json.loads(path.read_bytes())["files"]
    entries = {n: FileEntry.of((folder / n).read_bytes()).to_json() for n in listed if (folder / n).is_file()}
    path.write_bytes(samples.resealed(path.read_bytes(), **{"files": entries, **fields}))


def respec(folder: Path, **fields: Any) -> None:
    spec = {k: v for k, v in {**SPEC.to_json(), **fields}.items() if v is not ...}
    reseal(folder, feature_spec=spec, feature_spec_sha256=feature_spec_digest(spec))


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


def on_json(file: str, name: str, message: str, doors: frozenset[str] = ALL_DOORS) -> Any:
    """Registers a function that changes vectors.json or vocabulary.json."""

    def register(change: Callable[[dict[str, Any]], None]) -> None:
        def apply(folder: Path) -> None:
            document = json.loads((folder / file).read_bytes())
            change(document)
            (folder / file).write_text(json.dumps(document).replace('"1e999"', "1e999"))
            reseal(folder)

        attack(name, message, doors)(apply)

    return register


def parameters(**changed: Any) -> dict[str, Any]:
    """The manifest's parameters, with some replaced or, by `...`, left out."""
    found = {**{name: list(shape) for name, shape in weight_shapes(SPEC).items()}, **changed}
    return {name: shape for name, shape in found.items() if shape is not ...}


def weight(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def place(model: onnx.ModelProto, key: str, value: str) -> None:
    for pair in weight(model, "keep_artwork").external_data:
        if pair.key == key:
            pair.value = value


def write_weight(folder: Path, name: str, value: float) -> None:
    """Puts a float32 at the start of a parameter in ranker.bin."""
    data, at = bytearray((folder / "ranker.bin").read_bytes()), 0
    for parameter, (dtype, shape) in stored_layout(SPEC).items():
        if parameter == name:
            data[at : at + 4] = np.float32(value).tobytes()
        at += int(np.prod(shape)) * dtype.itemsize
    (folder / "ranker.bin").write_bytes(data)
    reseal(folder)


# What the manifest says

for path in (
    *("../ranker.bin", "/etc/passwd", "..\\ranker.bin", "a/ranker.bin", "", "."),
    *("RANKER.BIN", "ranker.bin.", "ranker.bin ", "ranker.bin:x", "ｒanker.bin", "r" * 65),
):
    manifest_with(f"a file named {path}", "only plain names", files={path: {"sha256": "0" * 64, "bytes": 1}})

manifest_with("another format", "update keyart", format=2)
manifest_with("a model that is its own parent", "not older", parent=2)
manifest_with("a model version of 400 digits", "model_version", model_version=10**400)
manifest_with("no model card", "card", card={})
manifest_with("a feature spec under another one's hash", "feature spec", feature_spec={"version": 1})
for rate in (0, -0.1, 1, 2.5, "0.1", True):
    manifest_with(f"a base rate of {rate!r}", "policy", policy={"base_rate": rate})
for variance in (0, -0.03, 1e9, 1e-12, 10**400, "0.03", None, [0.03]):
    prior = {"tag_variance": 0.03, "bias_variance": variance}
    manifest_with(f"a head with a variance of {str(variance)[:12]}", "head", head=prior)
for entry in (
    {"session.use_env_allocators": "1"},
    {"session.custom_ops_library": "/tmp/evil.so"},
    {"session.load_model_format": "ORT"},
    {"session.model_external_initializers_file_folder_path": "/etc"},
    {"ep.context_file_path": "../../context"},
    {"session.disable_quant_qdq": "0"},
):
    settings = {"session.disable_quant_qdq": "1", **entry}
    manifest_with(f"a session with {next(iter(entry))}", "session_config", session_config=settings)
manifest_with("a session without the entry that it needs", "session_config", session_config={})

VERSION = b' "model_version": 2'
manifest_bytes("a key of the manifest twice", "canonical", VERSION, b' "model_version": 1,\n' + VERSION)
manifest_bytes("a file entry twice", "canonical", b'"bytes"', b'"bytes": 1,\n   "bytes"')
manifest_bytes("a number of 5,000 digits", "not JSON", VERSION, VERSION + b"2" * 5000)
manifest_bytes("a base rate that is no number", "not JSON", b'"base_rate": 0.08', b'"base_rate": NaN')
manifest_bytes("a base rate that is infinite", "not JSON", b'"base_rate": 0.08', b'"base_rate": 1e999')
manifest_bytes("a variance that is no number", "not JSON", b'"bias_variance": 0.16', b'"bias_variance": -Infinity')
manifest_bytes("a manifest in another spelling", "canonical", b'"base_rate": 0.08', b'"base_rate": 8e-2')


@attack("a file of the format left out", "train.onnx")
def _(folder: Path) -> None:
    (folder / "train.onnx").unlink()
    reseal(folder)


@attack("one file more than the format has", "plugin.so")
def _(folder: Path) -> None:
    (folder / "plugin.so").write_bytes(b"\x7fELF")
    files = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "manifest.json"}
    reseal(folder, files={name: FileEntry.of(data).to_json() for name, data in files.items()})


@attack("another opset", "made for opset 21")
def _(folder: Path) -> None:
    on_both_models(folder, lambda model: setattr(model.opset_import[0], "version", 21))
    reseal(folder, opset=21)


@attack("another IR", "and IR 14")
def _(folder: Path) -> None:
    on_both_models(folder, lambda model: setattr(model, "ir_version", 14))
    reseal(folder, ir_version=14)


for change, message in (
    ({"keep_artwork": [7]}, "do not fit the feature spec"),
    ({"more": [1]}, "do not fit the feature spec"),
    ({"keep_artwork": ...}, "do not fit the feature spec"),
):
    manifest_with(f"parameters with {change}", message, parameters=parameters(**change))


# What the feature spec says

for name, fields in {
    "viewers' tags": {"viewer_tags": [*SPEC.viewer_tags, "gender:any"]},
    "pictures' tags": {"artwork_tags": [*SPEC.artwork_tags, "ethnicity"]},
    "match kinds": {"match_kinds": [*SPEC.match_kinds, "religion"]},
    "open kinds": {"open_kinds": ["politics"]},
    "devices": {"devices": [*SPEC.devices, "age:child"]},
    "a field of its own": {"more": {"x": ["health:any"]}},
    "another spelling": {"viewer_tags": [*SPEC.viewer_tags, " Gender :any"]},
}.items():
    spec_with(f"a sensitive kind in {name}", "sensitive kind|does not know 'more'", **fields)
for name, fields in {
    "a tag twice": {"viewer_tags": [*SPEC.viewer_tags, SPEC.viewer_tags[0]]},
    "tags that are numbers": {"artwork_tags": list(range(SPEC.artwork_size))},
    "5,000 tags": {"artwork_tags": [f"x:{i}" for i in range(5000)]},
    "a smoothing below 0": {"smoothing_views": -1.0},
    "no dayparts": {"dayparts": []},
    "a field that is unknown": {"pictures": 64},
    "a field left out": {"sharpening": ...},
    "a later version": {"version": 2},
}.items():
    spec_with(f"a spec with {name}", "spec", **fields)


SPECS: list[tuple[dict[str, Any], str]] = [
    ({"version": True}, "is not version 1"),
    ({"version": 1.0}, "is not version 1"),
    ({"version": ...}, "is not version 1"),
    ({"pictures": 64}, "does not know 'pictures' of the feature spec; update keyart"),
    ({"embedding": 64}, "embedding axes of the bundle's feature spec must have 'size'"),
    ({"sharpening": ..., "devices": ...}, "lacks devices, sharpening"),
    ({"artwork_tags": "genre:drama"}, "'artwork_tags', a list of at most 4,096"),
    ({"artwork_tags": {}}, "'artwork_tags', a list"),
    ({"viewer_tags": None}, "'viewer_tags', a list"),
    ({"viewer_tags": [*SPEC.viewer_tags, 1]}, "'viewer_tags', something else"),
    ({"viewer_tags": [*SPEC.viewer_tags, ""]}, "'viewer_tags', something else"),
    ({"viewer_tags": [*SPEC.viewer_tags, " "]}, "'viewer_tags', something else"),
    ({"viewer_tags": [*SPEC.viewer_tags, ["genre:x"]]}, "'viewer_tags', something else"),
    ({"viewer_tags": [*SPEC.viewer_tags, "genre:" + "x" * 251]}, "something else than a text of 1 to 256"),
    ({"viewer_tags": [*SPEC.viewer_tags, "genre:\ud800"]}, "not Unicode"),
    ({"viewer_tags": [*SPEC.viewer_tags, SPEC.viewer_tags[0]]}, "a text twice"),
    ({"viewer_tags": [f"genre:{i}" for i in range(4097)]}, "at most 4,096"),
    ({"match_kinds": [f"k{i}" for i in range(257)]}, "at most 256"),
    ({"devices": [f"d{i}" for i in range(65)]}, "at most 64"),
    ({"dayparts": ["night", "morning", "afternoon"]}, "must have the dayparts"),
    ({"dayparts": ["night", "morning", "afternoon", "dawn"]}, "must have the dayparts"),
    ({"match_kinds": ["genre:drama"]}, "a tag, 'genre:drama', among its kinds"),
    ({"open_kinds": ["genre"]}, "gives places to tags of 'genre', which it calls an open kind"),
    ({"match_kinds": ["cast"]}, "matches by 'cast', a closed kind without tags"),
    *(({"viewer_tags": [kind]}, f"names '{kind}', a sensitive kind") for kind in sorted(SENSITIVE_KINDS)),
    *(({"open_kinds": [text]}, "a sensitive kind") for text in ("Race", " race", "RACE:x", "race :x")),
    *(
        ({name: value}, f"'{name}', a number in")
        for name in ("smoothing_views", "abandoned_weight", "sharpening")
        for value in (0, -1, 0.0, 1e-9, 1e9, 10**400, float("nan"), float("inf"), True, "1", None, [1.0])
    ),
]


@pytest.mark.parametrize(("fields", "message"), SPECS, ids=lambda value: str(value)[:60])
def test_a_feature_spec_is_refused(fields: dict[str, Any], message: str) -> None:
    document = {key: value for key, value in {**SPEC.to_json(), **fields}.items() if value is not ...}
    with pytest.raises(BundleRefused, match=re.escape(message)):
        FeatureSpec.from_json(document)


@pytest.mark.parametrize("document", [None, [], "spec", 1, {}])
def test_what_is_no_feature_spec_is_refused(document: Any) -> None:
    with pytest.raises(BundleRefused, match="update keyart"):
        FeatureSpec.from_json(document)


def test_a_feature_spec_at_the_limits_is_read() -> None:
    wide = replace(
        SPEC,
        artwork_tags=tuple(f"genre:{'é' * 240}{i}" for i in range(4096)),
        viewer_tags=tuple(f"genre:{i}" for i in range(4096)),
        match_kinds=("genre", "cast"),
        open_kinds=("cast",),
        smoothing_views=1000.0,
        abandoned_weight=1.0,
        sharpening=10.0,
    )
    assert FeatureSpec.from_json(wide.to_json()) == wide


# What the folder holds


@attack("a file that the manifest does not list", "does not list")
def _(folder: Path) -> None:
    (folder / "extra.json").write_text("{}")


@attack("many files that the manifest does not list", "does not list")
def _(folder: Path) -> None:
    for i in range(100):
        (folder / f"extra{i}.json").write_text("{}")


@attack("a name in capitals", "only plain names")
def _(folder: Path) -> None:
    (folder / "ranker.bin").rename(folder / "Ranker.bin")


@attack("a second name in capitals", "only plain names")
def _(folder: Path) -> None:
    shutil.copy(folder / "ranker.bin", folder / "RANKER.BIN")


@attack("a folder among the files", "does not list", FOLDERS)
def _(folder: Path) -> None:
    (folder / "more").mkdir()


@attack("weights that are a symbolic link", "link or a folder", FOLDERS)
def _(folder: Path) -> None:
    (folder / "ranker.bin").rename(folder.parent / "elsewhere.bin")
    (folder / "ranker.bin").symlink_to(folder.parent / "elsewhere.bin")


@attack("a manifest that is a symbolic link", "link or a folder", FOLDERS)
def _(folder: Path) -> None:
    (folder / "manifest.json").rename(folder.parent / "elsewhere.json")
    (folder / "manifest.json").symlink_to(folder.parent / "elsewhere.json")


@attack("weights that are a folder", "link or a folder", FOLDERS)
def _(folder: Path) -> None:
    (folder / "ranker.bin").unlink()
    (folder / "ranker.bin").mkdir()


@attack("weights that are a pipe nobody writes to", "link or a folder", FOLDERS)
def _(folder: Path) -> None:
    (folder / "ranker.bin").unlink()
    os.mkfifo(folder / "ranker.bin")


@attack("a manifest that is a pipe nobody writes to", "link or a folder", FOLDERS)
def _(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")


@attack("a manifest that is a pipe, among many files", "link or a folder", FOLDERS)
def _(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")
    for i in range(100):
        (folder / f"extra{i}.json").write_text("{}")


@attack("weights that never end", "link or a folder", FOLDERS)
def _(folder: Path) -> None:
    (folder / "ranker.bin").unlink()
    (folder / "ranker.bin").symlink_to("/dev/zero")


@attack("weights that are a device", "link or a folder", FOLDERS)
def _(folder: Path) -> None:
    (folder / "ranker.bin").unlink()
    try:
        os.mknod(folder / "ranker.bin", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except OSError:
        pytest.skip("only root makes devices")


@attack("weights that are a socket", "link or a folder", FOLDERS)
def _(folder: Path) -> None:
    (folder / "ranker.bin").unlink()
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(folder):
        listener.bind("ranker.bin")


@attack("a link to itself", "link or a folder", FOLDERS)
def _(folder: Path) -> None:
    (folder / "ranker.bin").unlink()
    (folder / "ranker.bin").symlink_to("ranker.bin")


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


@on_ranker("an operator of the standard domain by its other name", "domain 'ai.onnx'")
def _(model: onnx.ModelProto) -> None:
    model.graph.node[-1].domain = "ai.onnx"


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


def located(location: str) -> None:
    @on_ranker(f"weights at {location}", "only ranker.bin")
    def _(model: onnx.ModelProto) -> None:
        place(model, "location", location)


for location in (
    *("../../ranker.bin", "/etc/passwd", "/dev/zero", "./ranker.bin", "RANKER.BIN", "ranker.bin\0"),
    *("a\\..\\ranker.bin", "file:///etc/passwd", "*/_ORT_MEM_ADDR_/*", "pipe", ""),
):
    located(location)


@on_ranker("weights beyond the end of the file", "ends outside")
def _(model: onnx.ModelProto) -> None:
    place(model, "offset", "999999")


def offset_of(text: str) -> None:
    @on_ranker(f"weights at the offset {text}", "plain number")
    def _(model: onnx.ModelProto) -> None:
        place(model, "offset", text)


for text in ("-4", "+4", "4.0", "1e3", " 4", "٤", "0x4", "", "9" * 5000):
    offset_of(text)


def sized(*dims: int) -> None:
    @on_ranker(f"a weight of the shape {dims}", "impossible shape|has another size|not that of its shape")
    def _(model: onnx.ModelProto) -> None:
        del weight(model, "keep_artwork").dims[:]
        weight(model, "keep_artwork").dims.extend(dims)


for dims in ((-1,), (2**62, 4), (2**63 - 1, 2**63 - 1), (2**32, 2**32), (0, 2**40), (1,) * 9):
    sized(*dims)


@on_ranker("a constant of the shape 2⁶² × 4", "another size")
def _(model: onnx.ModelProto) -> None:
    weight(model, "last_axis").dims[:] = [2**62, 4]


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
    model.graph.initializer.append(weight(graphs.ranker(SPEC), "keep_artwork"))


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


def shaped(name: str, why: str, *nodes: onnx.NodeProto, extra: onnx.TensorProto | None = None) -> None:
    @on_ranker(f"a shape that is {name}", why)
    def _(model: onnx.ModelProto) -> None:
        model.graph.node.extend([*nodes, helper.make_node("ConstantOfShape", ["shape"], ["zeros"])])
        if extra is not None:
            model.graph.initializer.append(extra)


HIDDEN = "is not a constant inside the file"
large = helper.make_node("Constant", [], ["large"], value_ints=[2**40])
shaped("handed on", HIDDEN, large, helper.make_node("Identity", ["large"], ["shape"]))
shaped("put together", HIDDEN, large, helper.make_node("Concat", ["large", "large"], ["shape"], axis=0))
shaped("worked out", HIDDEN, large, helper.make_node("Mul", ["large", "large"], ["shape"]))
shaped("an input", HIDDEN, helper.make_node("Cast", ["viewer"], ["shape"], to=TensorProto.INT64))
shaped("of nine sizes", HIDDEN, extra=numpy_helper.from_array(np.array([2**10] * 9, np.int64), "shape"))
shaped("of nine sizes in a node", HIDDEN, helper.make_node("Constant", [], ["shape"], value_ints=[2**10] * 9))
for ints, values in (([1], [2**40]), ([2**40], [1])):
    two_faced = helper.make_node("Constant", [], ["shape"], value_ints=ints)
    two_faced.attribute[0].t.CopyFrom(numpy_helper.from_array(np.array(values, np.int64)))
    shaped(f"{ints} and {values} at once", HIDDEN, two_faced)


@on_ranker("a shape in ranker.bin", HIDDEN)
def _(model: onnx.ModelProto) -> None:
    tensor = weight(model, "keep_artwork")
    tensor.data_type = TensorProto.INT64
    tensor.dims[:] = [1]
    place(model, "length", "8")
    model.graph.node.append(helper.make_node("ConstantOfShape", ["keep_artwork"], ["zeros"]))


@on_ranker("a tensor of another size than its shape", "another size")
def _(model: onnx.ModelProto) -> None:
    weight(model, "last_axis").raw_data = b"\x01"


@on_ranker("a weight with two sets of values", "another size")
def _(model: onnx.ModelProto) -> None:
    weight(model, "last_axis").int64_data.append(1)


@on_ranker("a weight of a type that nobody knows", "unknown type")
def _(model: onnx.ModelProto) -> None:
    weight(model, "last_axis").data_type = TensorProto.STRING


@on_ranker("two weights of one name", "one name")
def _(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(weight(model, "last_axis"))


@on_ranker("a weight that an input could replace", "input too")
def _(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("keep_artwork", TensorProto.FLOAT, [1]))


@on_ranker("other outputs", "outputs must be")
def _(model: onnx.ModelProto) -> None:
    del model.graph.output[1:]


@on_ranker("ten thousand nodes", "nodes")
def _(model: onnx.ModelProto) -> None:
    model.graph.node.extend([model.graph.node[-1]] * 10_000)


@attack("weights that are not numbers", "NaN or an infinity")
def _(folder: Path) -> None:
    write_weight(folder, "keep_artwork", np.nan)


@attack("a scale that is infinite", "NaN or an infinity")
def _(folder: Path) -> None:
    write_weight(folder, "play_artwork_scale", np.inf)


@attack("a ranker that is no model", "not an ONNX file")
def _(folder: Path) -> None:
    (folder / "ranker.onnx").write_bytes(b"MZ" * 500)
    reseal(folder)


# What the vocabulary says


@attack("a vocabulary that is a list", "JSON object")
def _(folder: Path) -> None:
    (folder / "vocabulary.json").write_text("[]")
    reseal(folder)


@attack("a vocabulary that says things twice", "key twice")
def _(folder: Path) -> None:
    (folder / "vocabulary.json").write_text('{"tags": [], "tags": ["genre:drama"]}')
    reseal(folder)


def vocabulary_with(name: str, message: str, doors: frozenset[str] = ALL_DOORS, **fields: Any) -> None:
    on_json("vocabulary.json", f"a vocabulary with {name}", message, doors)(lambda document: document.update(fields))


for value in (float("nan"), float("inf"), "1e999"):
    vocabulary_with(f"an appeal of {value}", "not strict JSON", appeal={"t0/a": [value, 0.0]})
    vocabulary_with(f"a taste of {value}", "not strict JSON", population_taste=[value] * SPEC.viewer_size)
for value in (1e39, -1e9, 10**400, "0.1", None, True, [0.1]):
    vocabulary_with(f"an appeal of {str(value)[:9]}", "two logits", appeal={"t0/a": [0.0, value]})
    vocabulary_with(f"a taste of {str(value)[:9]}", "shares", population_taste=[value] * SPEC.viewer_size)
vocabulary_with("an appeal of three numbers", "two logits", appeal={"t0/a": [0.0, 0.0, 0.0]})
vocabulary_with("appeals in a list", "two logits", appeal=[[0.0, 0.0]])
vocabulary_with("appeals that are one pair", "two logits", appeal=[0.0, 0.0])
vocabulary_with("a taste in an object", "shares", population_taste={"genre:drama": 1.0})


def latents(**changed: Any) -> dict[str, Any]:
    """Sound latents, with fields of both tables replaced or, by `...`, left out."""
    table = {
        "scale": [0.1] * LATENTS,
        "numbers": {"t0": [MAX_QUANTIZED, -MAX_QUANTIZED, *range(LATENTS - 2)]},
        **changed,
    }
    kept = {key: value for key, value in table.items() if value is not ...}
    return {"titles": kept, "artworks": kept}


LATENT_ROWS = f"{LATENTS} whole numbers for each id, and their scale"
for value in (float("nan"), float("inf"), "1e999"):
    vocabulary_with(f"a scale of {value}", "not strict JSON", latents=latents(scale=[value] * LATENTS))
    vocabulary_with(f"a latent of {value}", "not strict JSON", latents=latents(numbers={"t0": [value] * LATENTS}))
for value in (10.5, -1e9, 1e39, 10**400, "0.1", None, True, [0.1]):
    vocabulary_with(
        f"a scale of {str(value)[:9]}", LATENT_ROWS, latents=latents(scale=[0.1] * (LATENTS - 1) + [value])
    )
for value in (MAX_QUANTIZED + 1, -MAX_QUANTIZED - 1, 10**400, 0.5, 1.0, "1", None, True, [1]):
    vocabulary_with(
        f"a latent of {str(value)[:9]}",
        LATENT_ROWS,
        latents=latents(numbers={"t0": [0] * LATENTS, "t1": [0] * (LATENTS - 1) + [value]}),
    )
for name, numbers in {
    "a latent too few": {"t0": [1] * (LATENTS - 1)},
    "a latent too many": {"t0": [1] * (LATENTS + 1)},
    "latents in a row": {"t0": [[1] * LATENTS]},
    "a latent that is alone": {"t0": 1},
    "latents by id in an id": {"t0": {"0": 1}},
    "latents in a list": [[1] * LATENTS],
    "latents that are one text": "1" * LATENTS,
    "latents that are nothing": None,
    "latents left out": ...,
}.items():
    vocabulary_with(name, LATENT_ROWS, latents=latents(numbers=numbers))
for name, scale in {
    "a scale too few": [0.1] * (LATENTS - 1),
    "one scale": 0.1,
    "scales by name": {"0": 0.1},
    "no scale at all": [],
    "a scale left out": ...,
}.items():
    vocabulary_with(name, LATENT_ROWS, latents=latents(scale=scale))
for value in (None, [], {}, 1, "latents", [latents()], {"titles": []}):
    vocabulary_with(f"latents of {value}"[:60], LATENT_ROWS, latents=value)
for name in ("titles", "artworks"):
    one = latents()[name]
    vocabulary_with(f"latents of {name} alone", LATENT_ROWS, latents={name: one})
    for value in (None, [], [one], "table"):
        vocabulary_with(f"{name} of {value}"[:60], LATENT_ROWS, latents={**latents(), name: value})


def test_latents_at_the_limits_are_read() -> None:
    """What no rule is against: unknown ids, no ids, a scale of 0 or below."""
    for fields in (
        {},
        {"numbers": {}},
        {"scale": [10, -10.0, *[0.0] * (LATENTS - 2)]},
        {"numbers": {"": [0] * LATENTS}},
    ):
        document = {"population_taste": [0.5] * SPEC.viewer_size, "appeal": {}, "latents": latents(**fields)}
        data = json.dumps(document).encode()
        check_vocabulary(data, SPEC.viewer_size)
        _, _, found = loading._vocabulary(data, SPEC, CATALOG)
        assert found is not None
        assert found.titles.shape == (3, LATENTS) and found.artworks.shape == (12, LATENTS)
        assert np.isfinite(found.titles).all() and np.isfinite(found.artworks).all()


@pytest.mark.parametrize("value", [10.5, -1e9, 1e39, float("nan")])
def test_a_scale_beyond_the_limit_is_refused_where_latents_are_read(value: float) -> None:
    document = {
        "population_taste": [0.5] * SPEC.viewer_size, "appeal": {},
        "latents": latents(scale=[0.1] * (LATENTS - 1) + [value]),
    }  # fmt: skip
    with pytest.raises(BundleRefused, match=r"vocabulary\.json"):
        loading._vocabulary(json.dumps(document).encode(), SPEC, CATALOG)


@attack("a vocabulary of a million lists", "lists and objects")
def _(folder: Path) -> None:
    (folder / "vocabulary.json").write_text('{"more": [' + "[]," * 1_300_000 + "0]}")
    reseal(folder)


# What the vectors say


@on_json("vectors.json", "seven cases", "at least 8")
def _(document: dict[str, Any]) -> None:
    del document["cases"][7:]


@on_json("vectors.json", "no case with 20 candidates", "20 candidates")
def _(document: dict[str, Any]) -> None:
    document["cases"] = [case for case in document["cases"] if len(case["scores"]) != 20]


@on_json("vectors.json", "a choice that is not the best", "highest score")
def _(document: dict[str, Any]) -> None:
    case = document["cases"][0]
    case["choice"] = (case["choice"] + 1) % 20


@on_json("vectors.json", "scores that are not numbers", "not strict JSON|finite")
def _(document: dict[str, Any]) -> None:
    document["cases"][0]["scores"][0] = float("nan")


@on_json("vectors.json", "inputs that the graph does not have", "the graph takes")
def _(document: dict[str, Any]) -> None:
    document["cases"][0]["inputs"]["gender"] = document["cases"][0]["inputs"]["viewer"]


@on_json("vectors.json", "data that does not fill its shape", "does not fill")
def _(document: dict[str, Any]) -> None:
    document["cases"][0]["inputs"]["viewer"]["shape"] = [2**31, 2**31]


@attack("vectors nested without end", "not strict JSON")
def _(folder: Path) -> None:
    (folder / "vectors.json").write_text("[" * 500_000)
    reseal(folder)


@attack("a vector with a number beyond a double", "not strict JSON")
def _(folder: Path) -> None:
    text = (folder / "vectors.json").read_text()
    (folder / "vectors.json").write_text(text.replace('"data": [', '"data": [1e999, ', 1))
    reseal(folder)


@on_json("vectors.json", "two thousand cases", "more than 1,000")
def _(document: dict[str, Any]) -> None:
    document["cases"] = [{"inputs": {}, "scores": [0.5], "choice": 0}] * 2000


# The doors


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundle 2, which each attack changes a copy of."""
    return choosing.sample_bundle(tmp_path_factory.mktemp("good") / "bundle", CATALOG, seed=2, version=2)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundle 1, which serves."""
    return choosing.sample_bundle(tmp_path_factory.mktemp("first") / "bundle", CATALOG, seed=1, version=1)


@pytest.fixture(scope="module")
def art(first: Path) -> Iterator[keyart.Personalizer]:
    with keyart.Personalizer.open("memory", catalog=CATALOG, keys=keyart.EphemeralKey(), bundle=first) as opened:
        yield opened


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory, first: Path) -> Publisher:
    return Publisher(tmp_path_factory.mktemp("publisher"), first)


@pytest.fixture(autouse=True)
def bounds() -> Iterator[None]:
    """What is waited on, or never ends, fails its test and does not take the machine with it."""
    with bounded_memory(), alarmed(signal.SIGALRM):
        signal.alarm(20)
        yield
        signal.alarm(0)


class Publisher:
    """Holds the keys of targets, snapshot and timestamp, and signs whatever is in a folder as bundle 2."""

    def __init__(self, place: Path, first: Path) -> None:
        self.repository = sites.Repository.create(place / "site", place / "keys")
        self.repository.publish(first)
        self.device = sites.device(self.repository)
        self.device.canary = canary
        self.device.update()
        self.version = 10

    def publish(self, folder: Path) -> None:
        """As `Repository.publish` does, but for the rules."""
        files = {f"2/{path.name}": path.read_bytes() for path in folder.iterdir()}
        listed = {name: TargetFile.from_data(name, data) for name, data in files.items()}
        self.version += 1
        targets = self._signed("targets", "2.targets.json", lambda s: s.targets.update(listed))
        snapshot = self._signed(
            "snapshot", "2.snapshot.json", lambda s: s.meta.update({"targets.json": self._described(targets)})
        )
        timestamp = self._signed(
            "timestamp", "timestamp.json", lambda s: setattr(s, "snapshot_meta", self._described(snapshot))
        )
        self.device.answers = {
            **{f"targets/{name}": data for name, data in files.items()},
            f"metadata/{self.version}.targets.json": targets,
            f"metadata/{self.version}.snapshot.json": snapshot,
            "metadata/timestamp.json": timestamp,
        }

    def _described(self, data: bytes) -> MetaFile:
        return MetaFile.from_data(self.version, data, ["sha256"])

    def _signed(self, role: str, name: str, change: Callable[[Any], object]) -> bytes:
        metadata: Metadata[Any] = Metadata.from_bytes((self.repository.metadata / name).read_bytes())
        metadata.signed.version = self.version
        change(metadata.signed)
        metadata.sign(tuf_keys.read(tuf_keys.path_of(self.repository.keys, role)))
        return metadata.to_bytes()


def canary(folder: Path, manifest: Manifest) -> Callable[..., Any]:
    """That of docs/reference/bundles.md."""
    spec = FeatureSpec.from_json(manifest.feature_spec)
    return ranker.load_ranker(folder, spec, manifest.session_config).run


def test_there_are_enough() -> None:
    assert len(ATTACKS) >= 25


def test_the_good_bundle_passes_every_door(good: Path, first: Path, publisher: Publisher, tmp_path: Path) -> None:
    """Without this, a refusal at a door would say little."""
    assert verify(good).model_version == 2
    with keyart.Personalizer.open("memory", catalog=CATALOG, keys=keyart.EphemeralKey(), bundle=first) as opened:
        assert opened.install(good) == 2
    other = Publisher(tmp_path, first)
    other.publish(good)
    assert other.device.update().model_version == other.device.version == 2


@pytest.mark.parametrize("name", ATTACKS)
def test_refused_by_the_rules(tmp_path: Path, good: Path, first: Path, name: str) -> None:
    """By `verify` before any model runs, and so by an installation into slots."""
    attack = ATTACKS[name]
    slots = Slots(tmp_path / "slots")
    slots.install(first, verify)
    hostile = shutil.copytree(good, tmp_path / "hostile" / "bundle")
    attack.change(hostile)
    never = []
    with pytest.raises((BundleDamaged, BundleRefused), match=attack.message):
        verify(hostile, run=lambda inputs: never.append(inputs) or [])
    with pytest.raises((BundleDamaged, BundleRefused), match=attack.message):
        slots.install(hostile, verify)
    assert not never, "a model ran before the rules were met"
    with pytest.raises((BundleDamaged, BundleRefused), match=attack.message):  # also where nobody has installed it
        keyart.Personalizer.open("memory", catalog=CATALOG, keys=keyart.EphemeralKey(), bundle=hostile)
    current = slots.current()
    assert current is not None
    assert Manifest.read(current).model_version == 1
    assert not (slots.folder / ".staging").exists()


@pytest.mark.parametrize("name", ATTACKS)
def test_refused_by_an_app(
    tmp_path: Path, good: Path, art: keyart.Personalizer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Personalizer.install` raises before onnxruntime sees the graph, and the bundle before chooses as before."""
    before = art.preview("t0", choosing.TV)
    hostile = shutil.copytree(good, tmp_path / "hostile")
    ATTACKS[name].change(hostile)
    made = []
    monkeypatch.setattr(OnnxRanker, "_make_session", made.append)
    with pytest.raises(BundleError):
        art.install(hostile)
    assert not made
    assert art.model_version == 1
    assert art.preview("t0", choosing.TV) == before


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if "update" in attack.doors])
def test_refused_by_an_update(tmp_path: Path, good: Path, publisher: Publisher, name: str) -> None:
    """Signed by the right keys; what was installed serves on."""
    hostile = shutil.copytree(good, tmp_path / "hostile")
    ATTACKS[name].change(hostile)
    publisher.publish(hostile)
    with pytest.raises(BundleError):
        publisher.device.update()
    assert publisher.device.version == 1
    assert not (publisher.device.home / "tuf" / "downloads").exists()
    assert not (publisher.device.slots.folder / ".staging").exists()


# What changes while it is read, and what is no file

SWAPS: list[Callable[[Path], None]] = [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir]


def test_a_file_that_grows_while_it_is_read(tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a byte more is taken than was checked."""
    growing = shutil.copytree(good, tmp_path / "growing")
    read, taken = bundle_folder.read_plain, []

    def read_later(path: Path, most: int) -> bytes:
        with path.open("ab") as file:
            file.truncate(path.stat().st_size + 2**40)
        taken.append(len(read(path, most)))
        return read(path, most)

    monkeypatch.setattr(bundle_folder, "read_plain", read_later)
    installed = Slots(tmp_path / "slots").install(growing, lambda staged: None)
    sizes = [path.stat().st_size for path in good.iterdir()]
    assert sum(taken[: len(sizes)]) == sum(sizes)
    assert {path.name: path.read_bytes() for path in installed.iterdir()} == {
        path.name: path.read_bytes() for path in good.iterdir()
    }


@pytest.mark.parametrize("swap", [*SWAPS, lambda path: path.symlink_to(__file__)])
@pytest.mark.parametrize("moment", [(Path, "lstat"), (os, "open")], ids=["looked at", "opened"])
def test_a_file_that_is_swapped_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: Any, swap: Callable[[Path], None]
) -> None:
    """After the look at it, and between the look and its opening: nothing is read at all."""
    kept, done = getattr(*moment), []
    (tmp_path / "file").write_bytes(b"good")

    def swapped(path: Path, *arguments: Any, **more: Any) -> Any:
        if path.name != "file" or done:
            return kept(path, *arguments, **more)
        done.append(path)
        answer = kept(path, *arguments, **more) if moment[0] is Path else None
        path.unlink()
        swap(path)
        return answer or kept(path, *arguments, **more)

    monkeypatch.setattr(*moment, swapped)
    with pytest.raises((BundleRefused, OSError)):
        read_plain(tmp_path / "file", 100)
    assert done


def test_hard_links_are_plain_files_of_their_own_bytes(tmp_path: Path, good: Path) -> None:
    """Installers of packages make them; a change under the other name does not reach what was installed."""
    linked = shutil.copytree(good, tmp_path / "linked")
    (tmp_path / "other-name").hardlink_to(linked / "ranker.bin")
    slots = Slots(tmp_path / "slots")
    installed = slots.install(linked, verify)
    assert (installed / "ranker.bin").stat().st_nlink == 1
    (tmp_path / "other-name").write_bytes(b"secret")
    assert slots.current() == installed
    with pytest.raises(BundleDamaged, match="not the file"):
        verify(linked)


@pytest.mark.parametrize("swap", SWAPS)
def test_a_pointer_that_is_no_file(tmp_path: Path, first: Path, good: Path, swap: Callable[[Path], None]) -> None:
    slots = Slots(tmp_path / "slots")
    slots.install(first, verify)
    newest = slots.install(good, verify)
    (slots.folder / "current").unlink()
    swap(slots.folder / "current")
    assert slots.current() == newest


@pytest.mark.parametrize("swap", SWAPS)
def test_a_manifest_that_is_no_file_is_not_read(tmp_path: Path, swap: Callable[[Path], None]) -> None:
    swap(tmp_path / "manifest.json")
    with pytest.raises(BundleRefused, match="link or a folder"):
        Manifest.read(tmp_path)
