"""The baseline of every choice: a bare onnxruntime run of the bundle's ranker on a slate of 20 candidates.

This file reads a bundle by its format alone, since it also runs in the Python of the baseline libraries, which has no
keyart.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from .interleaved_timing import Call

SLATE = 20
OUTPUTS = ["value", "play", "keep"]


def bare_run(bundle: Path) -> Call:
    """Return a call of `session.run` on the bundle's own test case of 20 candidates.

    Raises:
        ImportError: onnxruntime or numpy is not installed.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import, or a device id is written
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    for key, value in manifest["session_config"].items():
        options.add_session_config_entry(key, value)
    session = ort.InferenceSession(str(bundle / "ranker.onnx"), options, providers=["CPUExecutionProvider"])
    cases = json.loads((bundle / "vectors.json").read_text(encoding="utf-8"))["cases"]
    described = next(case["inputs"] for case in cases if len(case["scores"]) == SLATE)
    inputs = {
        name: np.array(entry["data"], dtype=entry["type"]).reshape(entry["shape"])
        for name, entry in described.items()
    }
    return lambda: session.run(OUTPUTS, inputs)


def warmed_up(run: Call) -> Call:
    """Return the same call after two untimed runs.

    The call measured before has emptied the caches: after a whole page, the first bare run takes three times as long
    as the third.
    """
    run()
    run()
    return run
