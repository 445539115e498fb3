"""The protocol of a baseline, and how it is played: one impression after the other, one outcome each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

import keyart
from keyart.errors import WorldError

from ..types import Floats, SmallInts
from ..world import World


class BaselinePolicy(Protocol):
    """A policy that chooses an artwork, and then learns from its reward."""

    def choose(self, i: int, title: int, context: keyart.Context) -> int:
        """Return which artwork of the title, from 0, device i shows; `title` is a place in the catalogue."""

    def learn(self, title: int, picture: int, reward: float) -> None:
        """Learn the reward of the artwork that was chosen last: 1 for a quality play, else 0."""


@dataclass(frozen=True)
class Played:
    """The choices and outcomes of a baseline, [devices, impressions] each.

    Attributes:
        shown: Place in the catalogue of the artwork.
        played: 1 for a play, else 0.
        quality: 1 for a quality play, else 0.
    """

    shown: SmallInts
    played: Floats
    quality: Floats


def play(
    world: World,
    policy: BaselinePolicy,
    impressions: int,
    *,
    reward: keyart.Reward | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Played:
    """Play a baseline on a world.

    The k-th impression of every device comes before the k+1-th of any, as in a simulation.

    Args:
        world: The world.
        policy: The baseline.
        impressions: Number of impressions of each device.
        reward: Thresholds of a quality play.
        progress: Called with the impressions that are done, and all of them.

    Raises:
        WorldError: The world breaks its protocol.
        KeyartError: The world raises it.
    """
    reward = reward or keyart.Reward()
    catalog, shape = world.catalog, (world.devices, impressions)
    places = {title.id: t for t, title in enumerate(catalog)}
    first = np.cumsum([0, *(len(title.artworks) for title in catalog)]).tolist()
    shown = np.zeros(shape, dtype=np.int32)
    played, quality = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    for k in range(impressions):
        for i in range(world.devices):
            title_id, context = world.impression(i, k)
            t = places.get(title_id)
            if t is None:
                raise WorldError(f"World.impression({i}, {k}) names title {title_id!r}, which is not in its catalog.")
            title = catalog.titles[t]
            picture = policy.choose(i, t, context)
            outcome = world.outcome(i, k, title.artworks[picture].id)
            earned = reward.of(outcome, title.duration)
            policy.learn(t, picture, earned)
            shown[i, k] = first[t] + picture
            played[i, k], quality[i, k] = outcome.kind == "played", earned
        progress(k + 1, impressions)
    return Played(shown, played, quality)
