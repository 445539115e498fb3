"""The devices of an experiment on a World, simulated arm by arm by the SDK's own path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

import keyart
from keyart.campaigns import Engagement, dissimilarity
from keyart.model import EncodedCatalog, LoadedModel

from ..learning.model import GlobalModel
from ..types import Doubles, Ints
from ..world import World
from .devices import Devices

DEVICES_PER_PART = 256
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Arm:
    """The model and the policy of an arm's devices."""

    name: str
    installed: LoadedModel
    policy: keyart.Policy


def live(
    world: World, arms: Sequence[Arm], of: Ints, past: int, steps: int, seed: int, progress: Progress
) -> tuple[list[Engagement], Doubles]:
    """Simulate every device, and return its engagement and the Unix seconds at which its arm began.

    Args:
        world: The world.
        arms: The arms.
        of: Arm of each device, [devices].
        past: Number of impressions of a device with the first arm's model and policy.
        steps: Number of impressions after them, with those of its own arm.
        seed: Seed of the devices.
        progress: Called with the parts that are done, and all of them.
    """
    total = past + steps
    seen = _Seen(world, total)
    spec = arms[0].installed.spec
    encoded = EncodedCatalog.build(world.catalog, spec)
    parts = []
    for a, arm in enumerate(arms):
        members = np.flatnonzero(of == a)
        for part in np.array_split(members, max(1, -(-len(members) // DEVICES_PER_PART))):
            settings: dict[str, Any] = {"seed": seed, "reward": keyart.Reward(), "head": arm.installed.prior}
            devices = Devices(
                seen,
                part,
                spec,
                total,
                policy=_unsticky(arms[0].policy),
                encoded=encoded,
                **settings,
            )
            devices.install(_model(arms[0].installed))
            parts.append((devices, arm))
    for done, (devices, arm) in enumerate(parts):
        for k in range(total):
            if k == past:
                devices.policy = _unsticky(arm.policy)
                devices.install(_model(arm.installed))
            devices.step(k)
        progress(done + 1, len(parts))
    lived: list[Engagement | None] = [None] * world.devices
    for devices, _ in parts:
        for row, i in enumerate(devices.members.tolist()):
            journal = devices.journal
            shown = np.flatnonzero(journal.propensity[row])
            lived[i] = seen.lived(i, shown, journal.artwork[row], journal.played[row], journal.quality[row], encoded)
    return [one for one in lived if one is not None], seen.at[:, past]


def _unsticky(policy: keyart.Policy) -> keyart.Policy:
    return replace(policy, stickiness=timedelta(0))


def _model(installed: LoadedModel) -> GlobalModel:
    latents, spec = installed.latents, installed.spec
    nothing = GlobalModel.zero_shot(installed.encoded)
    return GlobalModel(
        spec=spec,
        theta=installed.weights.flat().astype(np.float64),
        population_taste=installed.population_taste.astype(np.float64),
        appeal=installed.appeal.astype(np.float64),
        title_latents=latents.titles.astype(np.float64) if latents is not None else nothing.title_latents,
        artwork_latents=latents.artworks.astype(np.float64) if latents is not None else nothing.artwork_latents,
        base_rate=installed.base_rate or nothing.base_rate,
        version=installed.version,
    )


class _Seen:
    """A World that remembers what a log of a simulation leaves out: when, on what device, and how long."""

    def __init__(self, world: World, impressions: int) -> None:
        self._world, self.catalog, self.devices = world, world.catalog, world.devices
        self.history, self.expected_reward = world.history, world.expected_reward
        shape = (world.devices, impressions)
        self.at, self.seconds = np.zeros(shape), np.zeros(shape)
        self.device: list[list[str]] = [[] for _ in range(world.devices)]
        self.daypart: list[list[str]] = [[] for _ in range(world.devices)]

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        title, context = self._world.impression(i, k)
        self.at[i, k] = context.at.timestamp()
        self.device[i].append(context.device)
        self.daypart[i].append(context.daypart)
        return title, context

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        outcome = self._world.outcome(i, k, artwork_id)
        self.seconds[i, k] = outcome.seconds
        return outcome

    def lived(
        self, i: int, shown: Ints, artworks: Any, played: Any, quality: Any, encoded: EncodedCatalog
    ) -> Engagement:
        """Return the engagement of device i over the impressions that were made, `shown`."""
        watched = [view.at.timestamp() for view in self.history(i)]
        return Engagement(
            at=self.at[i, shown],
            played=played[shown].astype(np.float64),
            quality=quality[shown].astype(np.float64),
            seconds=self.seconds[i, shown],
            unlike=dissimilarity(encoded.artwork[artworks[shown]]),
            device=tuple(self.device[i][k] for k in shown),
            daypart=tuple(self.daypart[i][k] for k in shown),
            active=np.sort(np.concatenate([self.at[i, shown], watched])),
        )
