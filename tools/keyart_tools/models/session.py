"""A model in onnxruntime on one thread; its session is created by the first run, so that opening is fast."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class Session:
    """A session of `model.onnx` in one model's folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._made: Any = None

    def run(self, inputs: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        """Return all outputs, in the order of the graph; a single array is its single input."""
        if self._made is None:
            self._made = self._make()
        if not isinstance(inputs, Mapping):
            inputs = {self._made.get_inputs()[0].name: inputs}
        outputs: list[npt.NDArray[np.float32]] = self._made.run(None, dict(inputs))
        return outputs

    def _make(self) -> Any:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the first import, or a device id is written
        import onnxruntime

        from .cache import GRAPH

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(self.home / GRAPH), options, providers=["CPUExecutionProvider"])
