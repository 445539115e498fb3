"""Model bundles on the device: reading, verifying, installing and updating them.

It may use `keyart.model` and the modules below it. `manifest`, `trust` and the rules for graphs are pure. Import
names from here; each brings its module on first use, so that a choice loads no rules for graphs.

    manifest, fields     what a bundle says about itself
    trust                rules that a bundle must meet
    graph_rules, onnxfile    rules for the ONNX files, and their reader
    reference_vectors    inputs with the exact expected scores
    folder, plainfile    reading a bundle from disk
    slots, durable       installing a bundle in one step
    update               fetching a newer one (TUF)
    loading              from a bundle to the model that chooses
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy_exports

if TYPE_CHECKING:
    from .durable import locked_file, replace_file, sync_folder, write_synced
    from .fields import MAX_MODEL_VERSION
    from .folder import check_contents, read_files, verify
    from .loading import load_model
    from .manifest import MANIFEST_NAME, Manifest
    from .reference_vectors import RunRanker, check_vectors, parse_vectors
    from .slots import Slots
    from .trust import MAX_FILE_BYTES, check_name, check_sizes
    from .update import install_update

__all__ = [
    "MANIFEST_NAME",
    "MAX_FILE_BYTES",
    "MAX_MODEL_VERSION",
    "Manifest",
    "RunRanker",
    "Slots",
    "check_contents",
    "check_name",
    "check_sizes",
    "check_vectors",
    "install_update",
    "load_model",
    "locked_file",
    "parse_vectors",
    "read_files",
    "replace_file",
    "sync_folder",
    "verify",
    "write_synced",
]

__getattr__ = _lazy_exports(
    __name__,
    {
        "durable": "locked_file replace_file sync_folder write_synced",
        "fields": "MAX_MODEL_VERSION",
        "folder": "check_contents read_files verify",
        "loading": "load_model",
        "manifest": "MANIFEST_NAME Manifest",
        "reference_vectors": "RunRanker check_vectors parse_vectors",
        "slots": "Slots",
        "trust": "MAX_FILE_BYTES check_name check_sizes",
        "update": "install_update",
    },
)
