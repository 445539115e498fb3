"""Which engine serves: onnxruntime where it is installed, numpy anywhere."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

from ..errors import EngineError, SettingError
from ..features.encode import Floats
from ..features.rows import Rows
from ..features.spec import FeatureSpec
from .numpy_engine import NumpyRanker, Scores
from .weights import from_bytes

Engine = Literal["auto", "onnxruntime", "numpy"]


class Ranker(Protocol):
    """What the decision path needs of an engine."""

    @property
    def name(self) -> str: ...

    def score(self, rows: Rows) -> Scores: ...

    def run(self, inputs: dict[str, Floats]) -> tuple[Floats, Floats, Floats]: ...


def onnxruntime_installed() -> bool:
    """Whether onnxruntime could be imported, without importing it."""
    return importlib.util.find_spec("onnxruntime") is not None


def load(folder: Path, spec: FeatureSpec, session_config: Mapping[str, str], engine: Engine = "auto") -> Ranker:
    """The ranker of a bundle. Raises BundleDamaged, EngineError (onnxruntime asked for and absent), SettingError."""
    if engine not in ("auto", "onnxruntime", "numpy"):
        raise SettingError(f"engine is {engine!r}; use 'auto', 'onnxruntime' or 'numpy'.")
    if engine == "numpy" or (engine == "auto" and not onnxruntime_installed()):
        return NumpyRanker(from_bytes((folder / "ranker.bin").read_bytes(), spec))
    if not onnxruntime_installed():
        raise EngineError("onnxruntime is not installed. Install it, or open the profile with engine='numpy'.")
    from .onnx_engine import OnnxRanker

    return OnnxRanker(folder / "ranker.onnx", session_config)
