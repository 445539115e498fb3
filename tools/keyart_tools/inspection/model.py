"""A model file: its training data and its quality on held-out viewers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keyart.model import weight_shapes
from keyart_federated.export import ModelFile

from .bundle import features, largest, weights_by_name
from .tables import fields


def document(path: Path) -> dict[str, Any]:
    """Describe the model file.

    Raises:
        InputError: the file cannot be read.
    """
    file = ModelFile.load(path)
    spec = file.model.spec
    return {
        "kind": "model",
        "file": str(path),
        "data": file.data,
        "evaluation_only": file.evaluation_only,
        "model_version": file.model.version,
        "training": dict(file.training),
        "quality": dict(file.quality),
        "base_rate": file.model.base_rate,
        "titles": len(file.names),
        "artworks": len(file.names.artwork_places),
        "features": features(spec),
        "parameters": {name: list(shape) for name, shape in weight_shapes(spec).items()},
        "weights": weights_by_name(spec, file.model.weights),
    }


def tables(document: Mapping[str, Any]) -> list[Any]:
    """Return tables of the document."""
    names = [name for name in document if name not in ("kind", "file", "weights", "parameters")]
    return [fields(f"Model {document['file']}", document, *names), largest(document["weights"])]
