"""Simulated campaigns in small: setups, a fleet before its first offer, and a fleet that notes what it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from keyart.campaigns.limits import Limits
from keyart.campaigns.offer import Offer
from keyart_federated.accounting.privacy import Privacy
from keyart_federated.campaigns import own_offer
from keyart_federated.simulation.identities import keys_of
from keyart_federated.simulation.local_engine import devices_in_parts, local_fleet, members_of, run_campaign
from keyart_federated.simulation.local_fleet import Arrays, Contribution, LocalFleet, SimulatedFleet
from keyart_federated.simulation.participation import Participation
from keyart_federated.simulation.setup import SimulationSetup
from keyart_federated.simulation.training_run import TrainingRun, limits_of
from keyart_federated.world import World
from support.worlds import HandWorld, StyleWorld, tiny_catalog

STEPS, SEED = 5, 4
EPSILON, DELTA = 4.0, 1e-5


def small_world(devices: int = 24) -> HandWorld:
    return HandWorld(tiny_catalog(20), devices=devices)


def styled_world(devices: int = 60) -> StyleWorld:
    return StyleWorld(devices=devices, likes=0.5, dislikes=0.05)


def setup_of(world: World, rounds: int = 1, cohort: int | None = None, **changes: Any) -> SimulationSetup:
    """Return the setup of a campaign that is not masked by default. changes: of `Privacy` and of the setup."""
    own = {name: changes.pop(name) for name in ("seed", "policy", "head") if name in changes}
    privacy = Privacy(**{"epsilon": EPSILON, "delta": DELTA, "masked": False, **changes})
    return SimulationSetup(world, rounds, STEPS, cohort or world.devices, **{"seed": SEED, "privacy": privacy, **own})


@dataclass
class NotedFleet:
    """A fleet that notes the offers and what came of them. noted: "play" of a version's folder, and "ask"."""

    fleet: SimulatedFleet
    noted: list[str] = field(default_factory=list)
    asked: list[tuple[bytes, float]] = field(default_factory=list)
    sums: list[Contribution] = field(default_factory=list)

    def play(self, bundle: Path, first: int, steps: int) -> None:
        self.noted.append(f"play {bundle.name}")
        self.fleet.play(bundle, first, steps)

    def contribute(self, message: bytes, at: float) -> Contribution:
        self.noted.append("ask")
        self.asked.append((message, at))
        self.sums.append(self.fleet.contribute(message, at))
        return self.sums[-1]

    def collect(self) -> list[Arrays]:
        return self.fleet.collect()


@dataclass(frozen=True)
class OneRound:
    """A campaign of one round, which is over. Its bundle, and the offers of the population and of training."""

    setup: SimulationSetup
    folder: Path
    training: TrainingRun
    fleet: NotedFleet

    @property
    def message(self) -> bytes:
        return self.fleet.asked[-1][0]

    @property
    def at(self) -> float:
        return self.fleet.asked[-1][1]

    def offer(self, which: int = -1, **changes: Any) -> Offer:
        """Return the offer of training (-1), or that of the population (0)."""
        return replace(own_offer(self.fleet.asked[which][0]), **changes)

    def signed(self, which: int = -1, **changes: Any) -> bytes:
        """Return an offer, changed, signed by the simulation's server."""
        return self.offer(which, **changes).sign(keys_of(self.setup.seed)[0])

    def fresh(self, parts: int = 1, limits: Limits | None = None, **changes: Any) -> LocalFleet:
        """Return the same fleet after its first impressions, before it was asked anything.

        Args:
            parts: number of parts.
            limits: other limits than those of simulated devices.
            changes: other arguments of `LocalFleet`.
        """
        setup = self.setup
        members = members_of(setup.world, parts)
        fleet = local_fleet(setup, devices_in_parts(setup, members))
        if limits is not None or changes:
            participation = Participation(
                setup.world.devices, limits or limits_of(setup.privacy, setup.plan, setup.seed)
            )
            base = {"seed": setup.seed, "cohort_share": setup.cohort / setup.world.devices}
            fleet = LocalFleet(fleet.parts, participation, **{**base, **changes})
        fleet.play(self.folder / "1", 0, STEPS)
        return fleet


def one_round(setup: SimulationSetup, folder: Path, parts: int = 1) -> OneRound:
    """Play a campaign of one round."""
    fleet = NotedFleet(local_fleet(setup, devices_in_parts(setup, members_of(setup.world, parts))))
    return OneRound(setup, folder, run_campaign(setup, fleet, folder), fleet)


def everybody(devices: int) -> np.ndarray:
    return np.ones(devices, dtype=np.bool_)


def shown_by(journals: Sequence[Arrays], devices: int) -> np.ndarray:
    """Return what was shown [devices, impressions], from the journals of all parts."""
    columns = np.zeros((devices, journals[0]["artwork"].shape[1]), dtype=np.int64)
    for journal in journals:
        columns[journal["members"]] = journal["artwork"]
    return columns
