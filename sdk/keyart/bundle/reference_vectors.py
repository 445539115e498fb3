"""`vectors.json`: inputs of the ranker, with the scores and choices that any engine must give."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import BundleRefused
from .trust import load_json

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MIN_CASES, MAX_CASES, FULL_SLATE = 8, 1000, 20
MAX_DIMENSIONS = 4
MAX_VALUE = 1e30
TYPES = ("float32", "int8", "int32", "int64", "bool")
# AVX-512, AVX2 and ARM are bit-equal, SSE within 6e-6, WebAssembly within 1.5e-5.
TOLERANCE = 2e-5

# Inputs by the graph's names to its outputs, value first, or to the value alone.
RunRanker = Callable[[dict[str, "npt.NDArray[Any]"]], "Sequence[npt.NDArray[Any]] | npt.NDArray[Any]"]


@dataclass(frozen=True, eq=False)
class ReferenceCase:
    """A case of `vectors.json`.

    Attributes:
        inputs: Inputs by the graph's names.
        scores: The graph's first output, [N].
        choice: Place of the highest score.
    """

    inputs: Mapping[str, npt.NDArray[Any]]
    scores: npt.NDArray[np.float64]
    choice: int


def parse_vectors(data: bytes) -> tuple[ReferenceCase, ...]:
    """Return the cases of `vectors.json`.

    Raises:
        BundleRefused: There are not 8 to 1000 cases, or none has 20 candidates.
    """
    document = load_json(data, "vectors.json")
    entries = document.get("cases") if isinstance(document, dict) and set(document) == {"cases"} else None
    if not isinstance(entries, list) or len(entries) < MIN_CASES:
        raise _refused(f"it needs a list 'cases' of at least {MIN_CASES}, and nothing else")
    if len(entries) > MAX_CASES:
        raise _refused(f"it has {len(entries):,} cases, more than {MAX_CASES:,}")
    cases = tuple(_case(entry, f"case {i}") for i, entry in enumerate(entries))
    if not any(len(case.scores) == FULL_SLATE for case in cases):
        raise _refused(f"it needs a case with {FULL_SLATE} candidates")
    return cases


def check_inputs(cases: Sequence[ReferenceCase], names: Sequence[str]) -> None:
    """Check that every case gives the graph exactly the inputs that it asks for."""
    for i, case in enumerate(cases):
        if set(case.inputs) != set(names):
            raise _refused(f"case {i} gives {sorted(case.inputs)}, the graph takes {sorted(names)}")


def check_vectors(run: RunRanker, cases: Sequence[ReferenceCase], tolerance: float = TOLERANCE) -> None:
    """Run the canary: `run` must give each case's choice, and its scores within `tolerance`.

    Raises:
        BundleRefused: It gives something else.
    """
    import numpy as np

    for i, case in enumerate(cases):
        try:
            outputs = run(dict(case.inputs))
            value = np.asarray(outputs[0] if isinstance(outputs, tuple | list) else outputs, dtype=np.float64)
        except Exception as error:  # whatever an engine raises for a hostile model, the bundle is refused
            raise BundleRefused(f"The ranker cannot run case {i} of vectors.json: {error}") from error
        if value.shape != case.scores.shape or not np.isfinite(value).all():
            raise BundleRefused(f"In case {i} of vectors.json the scores have a wrong shape or are not finite.")
        # Near ties may go either way on another processor; a clear winner may not.
        if value[case.choice] < value.max() - 2 * tolerance:
            raise BundleRefused(f"In case {i} of vectors.json this device would show another artwork.")
        if (worst := float(np.abs(value - case.scores).max())) > tolerance:
            raise BundleRefused(f"In case {i} of vectors.json a score is off by {worst:.1e} (> {tolerance}).")


def _refused(why: str) -> BundleRefused:
    return BundleRefused(f"vectors.json cannot be used: {why}. Build the bundle again.")


def _case(entry: object, where: str) -> ReferenceCase:
    import numpy as np

    if not isinstance(entry, dict) or set(entry) != {"inputs", "scores", "choice"}:
        raise _refused(f"{where} must have 'inputs', 'scores' and 'choice', and nothing else")
    scores, choice, inputs = entry["scores"], entry["choice"], entry["inputs"]
    if not isinstance(scores, list) or not scores or not all(map(_finite, scores)):
        raise _refused(f"{where}: 'scores' must be a list of finite numbers")
    if type(choice) is not int or not 0 <= choice < len(scores) or scores[choice] != max(scores):
        raise _refused(f"{where}: 'choice' must be the place of the highest score")
    if not isinstance(inputs, dict):
        raise _refused(f"{where}: 'inputs' must be an object")
    arrays = {name: _array(value, f"{where}, input {name[:40]!r}") for name, value in inputs.items()}
    return ReferenceCase(arrays, np.array(scores, dtype=np.float64), choice)


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and abs(value) < MAX_VALUE  # no NaN is below


def _array(value: object, where: str) -> npt.NDArray[Any]:
    import numpy as np

    if not isinstance(value, dict) or set(value) != {"type", "shape", "data"} or value["type"] not in TYPES:
        raise _refused(f"{where} must have 'type' (one of {', '.join(TYPES)}), 'shape' and 'data'")
    shape, data = value["shape"], value["data"]
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS or not isinstance(data, list):
        raise _refused(f"{where}: 'shape' and 'data' must be lists, the shape of at most {MAX_DIMENSIONS} sizes")
    if any(type(size) is not int or size < 0 for size in shape) or math.prod(shape) != len(data):
        raise _refused(f"{where}: 'data' does not fill 'shape'")
    wanted = bool if value["type"] == "bool" else int if value["type"].startswith("int") else None
    if not all(_finite(item) if wanted is None else type(item) is wanted for item in data):
        raise _refused(f"{where}: 'data' holds something else than {value['type']}")
    try:
        return np.array(data, dtype=value["type"]).reshape(shape)
    except (OverflowError, ValueError) as error:
        raise _refused(f"{where}: {error}") from None
