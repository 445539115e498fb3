"""The engines of the ranker: onnxruntime if it is installed, else numpy."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

from ...errors import EngineError, SettingError
from ...types import Floats
from ..features.rows import FeatureRows
from ..features.spec import FeatureSpec
from .numpy_engine import NumpyRanker, Scores
from .weights import stored_arrays, weights_from_bytes

Engine = Literal["auto", "onnxruntime", "numpy"]


class Ranker(Protocol):
    """The interface of an engine."""

    @property
    def name(self) -> str:
        """Return the name of the engine."""

    def score(self, rows: FeatureRows) -> Scores:
        """Return the logits of candidates."""

    def run(self, inputs: dict[str, Floats]) -> tuple[Floats, Floats, Floats]:
        """Return value, play and keep, [N] each, for inputs by the graph's names."""


def onnxruntime_installed() -> bool:
    """Return True if onnxruntime could be imported, without importing it."""
    return importlib.util.find_spec("onnxruntime") is not None


def load_ranker(
    folder: Path,
    spec: FeatureSpec,
    session_config: Mapping[str, str],
    engine: Engine = "auto",
    files: Mapping[str, bytes] | None = None,
) -> Ranker:
    """Return the ranker of a bundle.

    If onnxruntime cannot load the graph, the first score raises BundleDamaged, since a session is made when it is
    needed.

    Args:
        folder: Folder of the bundle.
        spec: The feature spec.
        session_config: Entries that an ONNX session needs.
        engine: Engine to use.
        files: Files by name, if they were read and checked already.

    Raises:
        BundleDamaged: The weights do not fit the spec.
        EngineError: onnxruntime is asked for and absent.
        SettingError: The engine is unknown.
    """
    if engine not in ("auto", "onnxruntime", "numpy"):
        raise SettingError(f"engine is {engine!r}; use 'auto', 'onnxruntime' or 'numpy'.")
    installed = engine != "numpy" and onnxruntime_installed()
    if engine == "onnxruntime" and not installed:
        raise EngineError("onnxruntime is not installed. Install it, or open the profile with engine='numpy'.")
    weights = files["ranker.bin"] if files is not None else (folder / "ranker.bin").read_bytes()
    if not installed:
        return NumpyRanker(weights_from_bytes(weights, spec))
    from .onnx_engine import OnnxRanker

    graph = files["ranker.onnx"] if files is not None else (folder / "ranker.onnx").read_bytes()
    return OnnxRanker(graph, stored_arrays(weights, spec), session_config)
