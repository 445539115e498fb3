"""The impressions of simulated devices: one step of all of them, and the log of all steps with their outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from ..types import Doubles, Floats, Ints, ShortInts, SmallInts


@dataclass(frozen=True)
class ImpressionBatch:
    """An impression on each of d devices.

    Attributes:
        titles: Places of the titles, [d].
        context: Context features, [d, C].
        slot_log: Logarithm of the slot, [d].
        trending: Trend of the title, [d].
        limits: Age limits as numbers (`keyart.model.age_limits`), [d, 1, 3]; None if there is none.
        intents: Intent by row, of the devices that have one.
    """

    titles: Ints
    context: Floats
    slot_log: Floats
    trending: Floats
    limits: ShortInts | None
    intents: Mapping[int, Mapping[str, float]]


@dataclass
class ImpressionLog:
    """Impressions and their outcomes, [devices, impressions] each, filled step by step.

    Attributes:
        artwork: Place of the artwork that was shown; that of any of the title's where no artwork was allowed.
        slot_log: Logarithm of the slot.
        counted: 1 if devices learn from it, else 0.
        device: Index of the device class.
        daypart: Index of the daypart.
        played: 1 for a play.
        quality: 1 for a quality play.
        propensity: Probability with which the artwork was drawn; 0 where no artwork was allowed. No impression was
            made then: there is no play, and it is not counted.
        steps: Number of impressions that are filled.
    """

    artwork: SmallInts
    slot_log: Floats
    counted: Floats
    device: npt.NDArray[np.int8]
    daypart: npt.NDArray[np.int8]
    played: Floats
    quality: Floats
    propensity: Doubles
    steps: int = 0

    @classmethod
    def empty(cls, devices: int, impressions: int) -> ImpressionLog:
        """Return a log without impressions."""
        shape = (devices, impressions)
        return cls(
            artwork=np.zeros(shape, dtype=np.int32),
            slot_log=np.zeros(shape, dtype=np.float32),
            counted=np.zeros(shape, dtype=np.float32),
            device=np.zeros(shape, dtype=np.int8),
            daypart=np.zeros(shape, dtype=np.int8),
            played=np.zeros(shape, dtype=np.float32),
            quality=np.zeros(shape, dtype=np.float32),
            propensity=np.zeros(shape),
        )

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the log as arrays, for `from_state`."""
        arrays: dict[str, npt.NDArray[np.generic]] = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name != "steps"
        }
        arrays["steps"] = np.array(self.steps)
        return arrays

    @classmethod
    def from_state(cls, arrays: Mapping[str, npt.NDArray[np.generic]], steps: int | None = None) -> ImpressionLog:
        """Return the log whose `state` is in the arrays, cut back to its first `steps` impressions; None: all."""
        values = {f.name: np.array(arrays[f.name]) for f in fields(cls)}
        return cls(**{**values, "steps": int(values["steps"]) if steps is None else steps})  # type: ignore[arg-type]
