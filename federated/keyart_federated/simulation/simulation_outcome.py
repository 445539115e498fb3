"""The outcome of a simulation, before it is measured: the last bundle, what was shown, and what the rounds cost."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart.errors import FederatedError

from ..propensity_check import Calibration
from ..types import Floats, SmallInts
from .devices import NOTHING_SHOWN
from .setup import SimulationSetup
from .training_run import TrainingRun

Arrays = Mapping[str, npt.NDArray[Any]]

SHOWN = {"artwork": np.int32, "played": np.float32, "quality": np.float32}


@dataclass(frozen=True)
class SimulationOutcome:
    """The outcome of a simulation. Arrays are [devices, impressions], in the world's order of devices.

    Attributes:
        bundle: Files of the last bundle by name.
        artwork: Place of the artwork that was shown; −1 where the age limit allowed none.
        played: 1 for a play.
        quality: 1 for a quality play.
        calibration: Logged propensities against what was drawn.
        rounds: Number of rounds that ended in a new model.
        client_updates: Number of vectors in the sums of training.
        bytes_up: Bytes of a device's masked vectors, all rounds.
        epsilon: ε of a device that answered each round. None without privacy.
    """

    bundle: Mapping[str, bytes] = field(repr=False)
    artwork: SmallInts
    played: Floats
    quality: Floats
    calibration: Calibration
    rounds: int
    client_updates: int
    bytes_up: int
    epsilon: float | None

    @classmethod
    def of(cls, training: TrainingRun, setup: SimulationSetup, journals: Iterable[Arrays]) -> SimulationOutcome:
        """Return the outcome of a campaign. journals: of each part, with its "members"."""
        return cls.of_bundle(
            training.base.bundle,
            setup,
            journals,
            rounds=training.rounds,
            client_updates=training.client_updates,
            bytes_up=training.bytes_up,
            epsilon=training.epsilon,
        )

    @classmethod
    def of_bundle(
        cls,
        folder: Path,
        setup: SimulationSetup,
        journals: Iterable[Arrays],
        *,
        rounds: int = 0,
        client_updates: int = 0,
        bytes_up: int = 0,
        epsilon: float | None = None,
    ) -> SimulationOutcome:
        """Return the outcome that ends with the bundle in a folder.

        Raises:
            FederatedError: a device is in no journal, or in two.
        """
        shape = (setup.world.devices, setup.impressions)
        columns: dict[str, npt.NDArray[Any]] = {name: np.zeros(shape, dtype=kind) for name, kind in SHOWN.items()}
        parts, seen = [], np.zeros(setup.world.devices, dtype=np.intp)
        for journal in journals:
            np.add.at(seen, journal["members"], 1)
            for name, column in columns.items():
                column[journal["members"]] = journal[name]
            columns["artwork"][journal["members"]] = np.where(
                journal["propensity"] > 0, journal["artwork"], NOTHING_SHOWN
            )
            parts.append(Calibration.from_state(journal))
        if (seen != 1).any():
            raise FederatedError(
                f"{(seen == 0).sum()} devices are on no node, and {(seen > 1).sum()} on several. Start each "
                "SuperNode with a partition-id of its own, from 0, and with their number as num-partitions."
            )
        return cls(
            {path.name: path.read_bytes() for path in sorted(folder.iterdir())},
            **columns,
            calibration=Calibration.joined(parts),
            rounds=rounds,
            client_updates=client_updates,
            bytes_up=bytes_up,
            epsilon=epsilon,
        )

    def to_bytes(self) -> bytes:
        """Return the outcome as the bytes of a numpy archive."""
        arrays: dict[str, Any] = {
            f"bundle/{name}": np.frombuffer(data, np.uint8) for name, data in self.bundle.items()
        }
        arrays |= {name: getattr(self, name) for name in SHOWN} | self.calibration.state()
        arrays["numbers"] = np.array([self.rounds, self.client_updates, self.bytes_up], dtype=np.int64)
        arrays["epsilon"] = np.array(np.nan if self.epsilon is None else self.epsilon)
        written = io.BytesIO()
        np.savez(written, **arrays)
        return written.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> SimulationOutcome:
        """Return the outcome that `to_bytes` wrote. Raises FederatedError for other bytes."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                arrays = dict(stored)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            raise FederatedError(f"The outcome of the run cannot be read ({error}). Run it again.") from None
        epsilon = float(arrays["epsilon"])
        rounds, client_updates, bytes_up = arrays["numbers"].tolist()
        return cls(
            {
                name.removeprefix("bundle/"): one.tobytes()
                for name, one in arrays.items()
                if name.startswith("bundle/")
            },
            artwork=arrays["artwork"],
            played=arrays["played"],
            quality=arrays["quality"],
            calibration=Calibration.from_state(arrays),
            rounds=rounds,
            client_updates=client_updates,
            bytes_up=bytes_up,
            epsilon=None if np.isnan(epsilon) else epsilon,
        )
