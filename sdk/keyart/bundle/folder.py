"""A bundle in a folder: bytes are read from the disk, and every rule is applied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BundleDamaged, BundleMissing
from . import trust
from .fields import FileEntry
from .manifest import MANIFEST_NAME, Manifest
from .plainfile import check_plain, read_plain

if TYPE_CHECKING:
    from .onnxfile import OnnxModel
    from .reference_vectors import RunRanker


def read_files(folder: str | Path) -> dict[str, bytes]:
    """Read every file of the bundle in `folder`, by name, within the size limits. Nothing is followed or unpacked.

    Raises:
        BundleMissing: There is no manifest.
        BundleDamaged: A file cannot be read.
        BundleRefused: There is a link or a folder, or a file is too large.
    """
    root = Path(folder)
    try:
        names = sorted(path.name for path in root.iterdir())
        if MANIFEST_NAME not in names:
            raise FileNotFoundError
        if len(names) > len(trust.MAX_FILE_BYTES):
            trust.check_listing(names, Manifest.read(root))
        statuses = {name: (root / name).lstat() for name in names}
    except (FileNotFoundError, NotADirectoryError):
        raise BundleMissing(
            f"No bundle at {root}: there is no {MANIFEST_NAME}. Install one, or open the profile without a bundle."
        ) from None
    except OSError as error:
        raise BundleDamaged(f"Cannot read {root}: {error.strerror or error}. Fetch it again.") from error
    for name, status in statuses.items():
        trust.check_name(name)
        check_plain(status, name)
    trust.check_sizes({name: status.st_size for name, status in statuses.items()})
    return {name: _read(root / name, status.st_size) for name, status in statuses.items()}


def check_contents(files: Mapping[str, bytes]) -> Manifest:
    """Return the manifest if every file is the one that it describes. It hashes files and reads no model."""
    manifest = Manifest.parse(files[MANIFEST_NAME])
    trust.check_listing(files, manifest)
    trust.check_digests({name: FileEntry.of(data) for name, data in files.items() if name != MANIFEST_NAME}, manifest)
    return manifest


def verify(folder: str | Path, *, run: RunRanker | None = None, installed: Manifest | None = None) -> Manifest:
    """Return the manifest of the bundle in `folder` if it meets all rules.

    Args:
        folder: Folder of the bundle.
        run: Runs the ranker on inputs, for the canary against `vectors.json`. It is called last, when all other rules
            are met.
        installed: Manifest of the bundle that this one would follow.

    Raises:
        BundleError: A rule is broken.
    """
    return verify_files(read_files(folder), run=run, installed=installed)


def verify_files(
    files: Mapping[str, bytes], *, run: RunRanker | None = None, installed: Manifest | None = None
) -> Manifest:
    """Verify files that were already read (`read_files`), as `verify` does."""
    from . import reference_vectors

    manifest = check_contents(files)
    trust.check_versions(manifest)
    spec = trust.check_feature_spec(manifest)
    trust.check_parent(manifest)
    if installed is not None:
        trust.check_succession(manifest, installed)
    trust.check_vocabulary(files["vocabulary.json"], spec.viewer_size)
    inputs = _check_ranker(files, manifest)
    _check_graph(files, "train.onnx", manifest, weights=None)
    cases = reference_vectors.parse_vectors(files["vectors.json"])
    reference_vectors.check_inputs(cases, inputs)
    if run is not None:
        reference_vectors.check_vectors(run, cases)
    return manifest


def _check_ranker(files: Mapping[str, bytes], manifest: Manifest) -> tuple[str, ...]:
    from . import graph_rules

    model = _check_graph(files, "ranker.onnx", manifest, weights=files[graph_rules.WEIGHTS])
    graph_rules.check_interface(model, "ranker.onnx")
    graph_rules.check_parameters(model, "ranker.onnx", manifest)
    return model.inputs


def _check_graph(files: Mapping[str, bytes], name: str, manifest: Manifest, weights: bytes | None) -> OnnxModel:
    from . import graph_rules
    from .onnxfile import read_model

    model = read_model(files[name], name)
    graph_rules.check_header(model, name, manifest)
    graph_rules.check_plain(model, name)
    graph_rules.check_operators(model, name)
    graph_rules.check_tensors(model, name)
    graph_rules.check_external(model, name, None if weights is None else len(weights))
    graph_rules.check_finite(model, name, weights or b"")
    graph_rules.check_filled(model, name)
    return model


def _read(path: Path, size: int) -> bytes:
    """Read `size` bytes.

    Bytes that were added since the size was checked are left unread, and the digest shows it.
    """
    try:
        return read_plain(path, size)
    except OSError as error:
        raise BundleDamaged(f"Cannot read {path}: {error.strerror or error}. Fetch the bundle again.") from error
