"""The ranker on onnxruntime. No other module of keyart imports it, and this one only when it is needed.

onnxruntime ≥ 1.29 sends telemetry unless ORT_DISABLE_TELEMETRY is set before its first import; here it is set.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BundleDamaged, EngineError
from ...types import Floats
from ..features.rows import FeatureRows
from .numpy_engine import Scores

log = logging.getLogger("keyart.model.ranker")
OUTPUTS = ["value", "play", "keep"]
INPUTS = ["artwork", "match", "main", "appeal", "viewer", "context"]  # the names of `Rows`
BOUND_SIZES = 16  # slates of so many different sizes have a binding of their own; of at most
BOUND_CANDIDATES = 64  # so many candidates: a page is run without one


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
    """`ranker.onnx` in a session of one thread (a second one gains nothing and hangs in forked children).

    It works on bytes, and no file is opened: what was checked is what runs. The session is made by the first score,
    so that opening a profile does not wait for onnxruntime, and a child that is forked before makes its own.
    """

    name = "onnxruntime"

    def __init__(
        self,
        graph: bytes,
        initializers: Mapping[str, npt.NDArray[np.generic]],
        session_config: Mapping[str, str],
    ) -> None:
        self._graph, self._session_config = graph, dict(session_config)
        self._initializers = dict(initializers)  # a session reads them for as long as it lives
        self._made: Any = None
        self._bound = threading.local()

    @property
    def _session(self) -> Any:
        if self._made is None:  # without a lock, which a fork might copy locked: at worst two threads make one each
            self._made = self._make_session()
        return self._made

    def _make_session(self) -> Any:
        ort = _onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        for key, value in self._session_config.items():
            options.add_session_config_entry(key, value)
        try:
            values = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in self._initializers.items()}
            options.add_external_initializers(list(values), list(values.values()))
            return ort.InferenceSession(self._graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own from C++, with no common base
            raise BundleDamaged(f"ranker.onnx cannot be loaded ({error}). Fetch the bundle again.") from None

    def run(self, inputs: Mapping[str, Floats]) -> tuple[Floats, Floats, Floats]:
        """Return value, play and keep, [N] each, for inputs by the graph's names."""
        session = self._session
        try:
            value, play, keep = session.run(OUTPUTS, dict(inputs))
        except Exception as error:  # as above
            raise EngineError(f"The ranker cannot run on these inputs: {error}.") from None
        return value, play, keep

    def score(self, rows: FeatureRows) -> Scores:
        """Return the logits of the candidates of one viewer in one context."""
        binding = self._binding(len(rows.artwork))
        if binding is not None:
            return binding.score(rows)
        inputs = {name: getattr(rows, name) for name in INPUTS}
        inputs |= {name: np.ascontiguousarray(inputs[name][None]) for name in ("viewer", "context")}
        _, play, keep = self.run(inputs)
        return Scores(play, keep)

    def _binding(self, size: int) -> _Binding | None:
        """Return this thread's binding for candidate sets of a size; None if there is to be none."""
        bound: dict[int, _Binding] = self._bound.__dict__.setdefault("by_size", {})
        binding = bound.get(size)
        if binding is None and size <= BOUND_CANDIDATES and len(bound) < BOUND_SIZES:
            binding = bound[size] = _Binding(self._session, size)
        return binding


class _Binding:
    """The session's inputs and outputs for candidate sets of one size, bound once, which saves work in each run.

    The arrays are reused, so it serves one thread at a time.
    """

    def __init__(self, session: Any, size: int) -> None:
        self._run, self._binding = session.run_with_iobinding, session.io_binding()
        arrays = {}
        for declared in session.get_inputs():  # [N, …], or [1, …] of what is the same for all candidates
            shape = [length if isinstance(length, int) else size for length in declared.shape]
            arrays[declared.name] = np.zeros(shape, dtype=np.float32)
            self._binding.bind_cpu_input(declared.name, arrays[declared.name])
        self._inputs = FeatureRows(**{name: arrays[name] for name in INPUTS})
        self._logits = np.zeros((2, size), dtype=np.float32)
        for name, row in zip(("play", "keep"), self._logits, strict=True):
            self._binding.bind_output(name, "cpu", 0, np.float32, [size], row.ctypes.data)

    def score(self, rows: FeatureRows) -> Scores:
        bound = self._inputs
        try:
            bound.artwork[...] = rows.artwork
            bound.match[...] = rows.match
            bound.main[...] = rows.main
            bound.appeal[...] = rows.appeal
            bound.viewer[...] = rows.viewer
            bound.context[...] = rows.context
            self._run(self._binding)
        except Exception as error:  # as above
            raise EngineError(f"The ranker cannot run on these inputs: {error}.") from None
        logits = self._logits.copy()
        return Scores(logits[0], logits[1])
