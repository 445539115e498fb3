"""The ranker on onnxruntime. The only module of keyart that imports it, and only once it is needed.

onnxruntime ≥ 1.29 sends telemetry unless ORT_DISABLE_TELEMETRY is set before its first import; here it is set.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BundleDamaged, EngineError
from ..features.encode import Floats
from ..features.rows import Rows
from .numpy_engine import Scores

log = logging.getLogger("keyart.ranker")
OUTPUTS = ["value", "play", "keep"]


def _onnxruntime() -> Any:
    if "onnxruntime" in sys.modules and os.environ.get("ORT_DISABLE_TELEMETRY") != "1":
        log.warning(
            "onnxruntime was imported before keyart and without ORT_DISABLE_TELEMETRY=1: it may send telemetry. "
            "Set the variable in the app's environment before the first import."
        )
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError(
            f"onnxruntime cannot be imported ({error}). Install it, or open the profile with engine='numpy'."
        ) from error
    return onnxruntime


class OnnxRanker:
    """`ranker.onnx` in a session of one thread (a second one gains nothing and hangs in forked children)."""

    name = "onnxruntime"

    def __init__(self, path: Path, session_config: Mapping[str, str]) -> None:
        ort = _onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        for key, value in session_config.items():
            options.add_session_config_entry(key, value)
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own from C++, with no common base
            raise BundleDamaged(f"{path.name} cannot be loaded ({error}). Fetch the bundle again.") from None

    def run(self, inputs: Mapping[str, Floats]) -> tuple[Floats, Floats, Floats]:
        """value, play, keep, [N] each, for inputs by the graph's names."""
        try:
            value, play, keep = self._session.run(OUTPUTS, dict(inputs))
        except Exception as error:  # as above
            raise EngineError(f"The ranker cannot run on these inputs: {error}.") from None
        return value, play, keep

    def score(self, rows: Rows) -> Scores:
        """Scores of the candidates of one viewer in one context."""
        value, play, keep = self.run(
            {
                "artwork": rows.artwork,
                "match": rows.match,
                "main": rows.main,
                "appeal": rows.appeal,
                "viewer": np.ascontiguousarray(rows.viewer[None]),
                "context": np.ascontiguousarray(rows.context[None]),
            }
        )
        return Scores(value, play, keep)
