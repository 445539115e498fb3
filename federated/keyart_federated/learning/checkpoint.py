"""Checkpoint: where a campaign stands, as one file that is whole or not there.

The ledger is a file of its own, since it is written before a sum is asked for, and this one after it was used.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart.bundle import replace_file
from keyart.errors import FederatedError
from keyart.model import EncodedCatalog, FeatureSpec

from .curvature import Curvature
from .learner import Learner
from .learner_state import init
from .model import GlobalModel
from .viewer_population import Population

Arrays = Mapping[str, npt.NDArray[Any]]
ROUND, SPEC = "round", "feature_spec"


def to_bytes(learner: Learner, round: int, spec: FeatureSpec) -> bytes:
    """Return a learner after `round` rounds as bytes. Inverse of `from_bytes`."""
    arrays = dict(_flat("", learner)) | {ROUND: np.array(round), SPEC: np.array(spec.sha256)}
    written = io.BytesIO()
    np.savez(written, **arrays)  # type: ignore[arg-type]
    return written.getvalue()


def from_bytes(data: bytes, encoded: EncodedCatalog, name: str = "The checkpoint") -> tuple[Learner, int]:
    """Return the learner and its round.

    Args:
        data: Bytes of `to_bytes`.
        encoded: The catalogue.
        name: Name of the checkpoint in messages.

    Raises:
        FederatedError: The checkpoint is of another catalogue, or cannot be read.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            arrays = dict(stored)
        if str(arrays[SPEC]) != encoded.spec.sha256:
            raise FederatedError(f"{name} is of another catalogue. Give each campaign a checkpoint of its own.")
        return _read("", template(encoded), arrays), int(arrays[ROUND])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise FederatedError(f"{name} cannot be read ({error}). Start again from the last bundle.") from None


def save(path: Path, learner: Learner, round: int, spec: FeatureSpec) -> None:
    """Write `to_bytes` to a file. It is durable when this returns."""
    replace_file(path, to_bytes(learner, round, spec))


def load(path: Path, encoded: EncodedCatalog) -> tuple[Learner, int] | None:
    """Return the learner and its round, or None if there is no file.

    Raises:
        FederatedError: The checkpoint is of another catalogue, or cannot be read.
    """
    if not path.exists():
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FederatedError(f"{path} cannot be read ({error}). Start again from the last bundle.") from None
    return from_bytes(data, encoded, str(path))


def template(encoded: EncodedCatalog) -> Learner:
    """Return a learner before its first round, without devices."""
    state = init(GlobalModel.zero_shot(encoded), encoded)
    return Learner.start(state, Population.unknown(encoded), 0.0, encoded)


def _flat(name: str, value: Any) -> list[tuple[str, npt.NDArray[Any]]]:
    """Return a value's arrays by path of their fields."""
    if isinstance(value, FeatureSpec) or value is None:
        return []
    if is_dataclass(value):
        return [item for f in fields(value) for item in _flat(f"{name}/{f.name}", getattr(value, f.name))]
    if isinstance(value, Mapping):
        return [item for key, part in value.items() for item in _flat(f"{name}/{key}", part)]
    return [(name, np.asarray(value))]


def _read(name: str, like: Any, arrays: Arrays) -> Any:
    """Return a value in the shape of `like` from the arrays that `_flat` wrote."""
    if isinstance(like, FeatureSpec):
        return like
    if like is None:  # a curvature comes with the first round
        known = f"{name}/play" in arrays
        return Curvature(**{f.name: arrays[f"{name}/{f.name}"] for f in fields(Curvature)}) if known else None
    if is_dataclass(like) and not isinstance(like, type):
        return type(like)(**{f.name: _read(f"{name}/{f.name}", getattr(like, f.name), arrays) for f in fields(like)})
    if isinstance(like, Mapping):
        return {key: _read(f"{name}/{key}", part, arrays) for key, part in like.items()}
    stored = arrays[name]
    return stored if isinstance(like, np.ndarray) else type(like)(stored.tolist())
