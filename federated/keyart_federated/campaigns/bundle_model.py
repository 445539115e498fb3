"""A bundle as a model that learning can start from, and a model as the files of a bundle."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from keyart import Catalog
from keyart.bundle import load_model, verify
from keyart.model import LATENTS, LoadedModel
from keyart_federated.export import write_bundle
from keyart_federated.learning.model import GlobalModel

from .campaign import Campaign
from .noise import DELTA, EPSILON
from .protocol import DeployedModel


def installed(bundle: Path, catalog: Catalog) -> LoadedModel:
    """Return a bundle as a device with the server's catalogue loads it. Raises a BundleError."""
    return load_model(bundle, catalog, "numpy")


def model_of(found: LoadedModel) -> GlobalModel:
    """Return the model that a device has loaded, with its weights as they serve: int8 where devices have int8."""
    encoded, latents = found.encoded, found.latents
    titles, artworks = len(encoded.first) - 1, len(encoded.artwork)
    return GlobalModel(
        spec=found.spec,
        theta=found.weights.flat(),
        population_taste=found.population_taste.astype(np.float64),
        appeal=found.appeal.astype(np.float64),
        title_latents=np.zeros((titles, LATENTS)) if latents is None else latents.titles.astype(np.float64),
        artwork_latents=np.zeros((artworks, LATENTS)) if latents is None else latents.artworks.astype(np.float64),
        base_rate=float(found.base_rate or 0.0),
        version=found.version,
    )


def payload_of(bundle: Path, catalog: Catalog) -> bytes:
    """Return the payload of an offer that evaluates a bundle.

    It holds weights [P], then appeal [n, 2] (`keyart.campaigns.kinds.evaluation`).
    """
    found = installed(bundle, catalog)
    return np.concatenate([found.weights.flat(), found.appeal.ravel()]).astype("<f4").tobytes()


def catalog_digest(catalog: Catalog) -> str:
    """Return a digest of all ids in order: tables of a catalogue with another one do not fit."""
    ids = [[title.id, *(artwork.id for artwork in title.artworks)] for title in catalog]
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()


def files_of(
    model: GlobalModel,
    base: DeployedModel,
    created: datetime,
    data: str,
    training: Mapping[str, Any],
    campaign: Campaign,
) -> dict[str, bytes]:
    """Return the files of a bundle that follows the base, once it meets every rule. Raises a BundleError."""
    with tempfile.TemporaryDirectory(prefix="keyart-candidate-") as place:
        folder = write_bundle(
            Path(place) / str(model.version),
            model,
            base.catalog,
            data=data,
            training=training,
            privacy=_privacy(campaign),
            head=base.loaded.prior,
            parent=base.version,
            created=created,
            check=verify,
        )
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _privacy(campaign: Campaign) -> dict[str, float | None]:
    """Return what the bundle's manifest says of the budget; nothing where there is none."""
    epsilon = campaign.epsilon or EPSILON
    if math.isinf(epsilon):
        return {"epsilon": None, "delta": None}
    return {"epsilon": epsilon, "delta": campaign.delta or DELTA}
