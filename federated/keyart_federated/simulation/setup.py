"""The setup of a simulation: a world, and all that is varied beside it."""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import keyart
from keyart.errors import SettingError
from keyart.model import HeadPrior

from .. import worlds
from ..accounting.privacy import Privacy, TrainingPlan
from ..learning.model import GlobalModel
from ..world import World

Learner = Literal["federated", "central", "none"]


def _read_only(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)


class _Pickler(pickle.Pickler):
    """Pickles read-only mappings, too, which catalogues and contexts hold."""

    dispatch_table = copyreg.dispatch_table.copy()
    dispatch_table[MappingProxyType] = lambda mapping: (_read_only, (dict(mapping),))


def unsticky_policy() -> keyart.Policy:
    """Return the default policy of a simulation: each impression is a draw of its own."""
    return keyart.Policy(stickiness=timedelta(0))


@dataclass(frozen=True)
class SimulationSetup:
    """Everything that the choices of a simulation depend on.

    Attributes:
        world: devices, titles, and what happens.
        rounds: simulated rounds.
        steps_per_round: impressions of a device in each.
        cohort: devices that are drawn for a round of training.
        seed: seed of every draw.
        policy: by which devices draw artworks.
        reward: thresholds of a quality play.
        head: prior of the personal heads; None: devices do not learn for themselves.
        learner: "federated"; "central" sees every log; "none" keeps the zero-shot bundle.
        privacy: the budget; None: no noise and no clipping.
        campaign_id: id of the campaign, from which the server's own randomness follows.
        start: the first bundle's model; None: zero-shot.

    Raises:
        SettingError: a number is out of range.
    """

    world: World
    rounds: int
    steps_per_round: int
    cohort: int
    seed: int = 0
    policy: keyart.Policy = field(default_factory=unsticky_policy)
    reward: keyart.Reward = field(default_factory=keyart.Reward)
    head: HeadPrior | None = field(default_factory=HeadPrior)
    learner: Learner = "federated"
    privacy: Privacy | None = None
    campaign_id: str = "simulation"
    start: GlobalModel | None = None

    def __post_init__(self) -> None:
        for label, number in (("steps_per_round", self.steps_per_round), ("rounds", self.rounds)):
            if number < 1:
                raise SettingError(f"{label} is {number}; it must be at least 1.")
        if not 1 <= self.cohort <= self.world.devices:
            raise SettingError(
                f"cohort is {self.cohort}; it must be between 1 and the world's {self.world.devices} devices."
            )

    @property
    def impressions(self) -> int:
        """The number of impressions of a device in all."""
        return self.rounds * self.steps_per_round

    @property
    def plan(self) -> TrainingPlan:
        """The rounds in which the fleet trains, and their cohorts."""
        return TrainingPlan.of(self.privacy, self.rounds, self.cohort)

    def to_config(self, file: Path) -> dict[str, Any]:
        """Write the setup to a file and return the config from which other processes of this machine read it.

        Raises:
            SettingError: the world cannot be pickled.
        """
        try:
            with file.open("wb") as written:
                _Pickler(written).dump(self)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise SettingError(
                f"This world cannot be sent to other processes ({error}). Name it as 'module:factory', or simulate "
                "with engine='local'."
            ) from None
        return {"file": str(file)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SimulationSetup:
        """Return the setup of a config: the file that `to_config` wrote, or a world by name.

        Args:
            config: "file"; or "world" and "world-settings" (as for `worlds.load`), "rounds", "steps", "seed",
                "cohort" (0: every device), "epsilon" (0: no privacy), "delta" and "personal-head".

        Raises:
            SettingError: the config has other names, or values that no simulation has.
            WorldError: the world cannot be made.
        """
        if "file" in config:
            setup: SimulationSetup = pickle.loads(Path(config["file"]).read_bytes())  # noqa: S301 (our own file)
            return setup
        known = {**CONFIG, **config}
        if unknown := sorted(set(known) - set(CONFIG)):
            raise SettingError(f"The simulation has no setting {unknown[0]!r}; it has {', '.join(CONFIG)}.")
        for name, default in CONFIG.items():
            value, kind = known[name], type(default)
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise SettingError(f"The simulation's setting {name!r} is {value!r}; its default is {default!r}.")
        world = worlds.load(known["world"], **known["world-settings"])
        return cls(
            world,
            rounds=known["rounds"],
            steps_per_round=known["steps"],
            cohort=known["cohort"] or world.devices,
            seed=known["seed"],
            head=HeadPrior() if known["personal-head"] else None,
            privacy=Privacy(known["epsilon"], known["delta"]) if known["epsilon"] else None,
        )


CONFIG: dict[str, Any] = {
    "world": "synthetic",
    "world-settings": {},
    "rounds": 20,
    "steps": 10,
    "seed": 0,
    "cohort": 0,
    "epsilon": 0.0,
    "delta": 1e-6,
    "personal-head": True,
}
