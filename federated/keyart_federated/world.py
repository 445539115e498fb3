"""The protocol of a world: what a simulation asks of the place where devices, titles and viewers live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

import keyart
from keyart.errors import WorldError

from .types import Bools, Doubles, Ints


@runtime_checkable
class World(Protocol):
    """The protocol of a world. A learner sees everything here but `expected_reward`, which measures regret only."""

    @property
    def catalog(self) -> keyart.Catalog:
        """The titles and their artworks."""

    @property
    def devices(self) -> int:
        """The number of devices, indexed from 0."""

    def history(self, i: int) -> Sequence[keyart.View]:
        """Return what device i had watched before the first impression."""

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        """Return the title's id and the context of the k-th impression on device i."""

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        """Return what happens if this artwork is shown: the same draw, whatever is asked first."""

    def expected_reward(self, i: int, k: int) -> Doubles:
        """Return the expected reward of each candidate, in catalogue order."""


@dataclass(frozen=True)
class BatchedImpressions:
    """The k-th impression on each of d devices.

    Attributes:
        titles: Places of the titles in the catalogue, [d].
        contexts: Contexts, each once. Devices whose contexts differ in nothing that a choice reads may share one.
        context_of: Place of each device's context in `contexts`, [d].
    """

    titles: Ints
    contexts: Sequence[keyart.Context]
    context_of: Ints


class BatchedWorld(World, Protocol):
    """The protocol of a world that answers for many devices at once.

    A world need not have it; simulations of a world that has it are faster, and have the same outcomes.
    """

    def impression_batch(self, devices: Ints, k: int) -> BatchedImpressions:
        """Return `impression` k of devices [d]."""

    def outcome_batch(self, devices: Ints, k: int, artworks: Ints) -> tuple[Bools, Doubles]:
        """Return `outcome` k of devices [d] that show artworks [d], by their places in the catalogue.

        Returns:
            Whether the title was played [d], and for how many seconds [d].
        """

    def expected_reward_batch(self, devices: Ints, k: int) -> Doubles:
        """Return `expected_reward` k of devices [d], [d, A]; NaN where a title has fewer than A artworks."""


BATCHED = {f"{name}_batch": name for name in ("impression", "outcome", "expected_reward")}


def batched(world: World) -> BatchedWorld:
    """Return a world that answers for many devices at once.

    It is the world itself if it can, else one that asks it one by one.

    A subclass that overrides one answer without its batch is asked one by one, since the batch it inherits would not
    know of it.
    """
    lineage = type(world).__mro__

    def depth(name: str) -> int:
        """Return how far up the lineage a method stands; past its end if nowhere."""
        if name in getattr(world, "__dict__", {}):
            return -1
        return next((n for n, ancestor in enumerate(lineage) if name in vars(ancestor)), len(lineage))

    if all(depth(many) < len(lineage) and depth(many) <= depth(one) for many, one in BATCHED.items()):
        return world  # type: ignore[return-value]
    return OneByOne(world)


class OneByOne:
    """A `BatchedWorld` over a plain world: each device is asked in turn."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.catalog, self.devices = world.catalog, world.devices
        self.history, self.impression = world.history, world.impression
        self.outcome, self.expected_reward = world.outcome, world.expected_reward
        self._ids = [artwork.id for title in world.catalog for artwork in title.artworks]

    def impression_batch(self, devices: Ints, k: int) -> BatchedImpressions:
        """See `BatchedWorld`. Raises KeyartError for a title that is not in the catalogue."""
        titles, contexts = [], []
        for i in devices.tolist():
            title_id, context = self._world.impression(i, k)
            titles.append(self.catalog.index(title_id))
            contexts.append(context)
        return BatchedImpressions(np.array(titles, dtype=np.intp), contexts, np.arange(len(devices)))

    def outcome_batch(self, devices: Ints, k: int, artworks: Ints) -> tuple[Bools, Doubles]:
        """See `BatchedWorld`. Raises WorldError for an answer that is no outcome."""
        played, seconds = np.zeros(len(devices), dtype=np.bool_), np.zeros(len(devices))
        for row, (i, artwork) in enumerate(zip(devices.tolist(), artworks.tolist(), strict=True)):
            outcome = self._world.outcome(i, k, self._ids[artwork])
            if not isinstance(outcome, keyart.Outcome):
                raise WorldError(f"World.outcome must return a keyart.Outcome, not {type(outcome).__name__}.")
            played[row], seconds[row] = outcome.kind == "played", outcome.seconds
        return played, seconds

    def expected_reward_batch(self, devices: Ints, k: int) -> Doubles:
        """See `BatchedWorld`. Raises WorldError for rewards that do not fit the title's artworks."""
        width = max(len(title.artworks) for title in self.catalog)
        rewards = np.full((len(devices), width), np.nan)
        for row, i in enumerate(devices.tolist()):
            title_id, _ = self._world.impression(i, k)
            expected = np.asarray(self._world.expected_reward(i, k))
            count = len(self.catalog[title_id].artworks)
            if expected.shape != (count,) or not np.isfinite(expected).all():
                raise WorldError(
                    f"World.expected_reward({i}, {k}) must give one finite number a picture of {title_id!r}."
                )
            rewards[row, :count] = expected
        return rewards
