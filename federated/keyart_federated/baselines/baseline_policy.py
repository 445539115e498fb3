"""Peer, and how it is played: one impression after the other, one outcome each."""

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
    """A learner that chooses a picture, and is then told what came of it."""

    def choose(self, i: int, title: int, context: keyart.Context) -> int:
        """For device i and the title at this place in the catalogue: which of the title's pictures, from 0."""

    def learn(self, title: int, picture: int, reward: float) -> None:
        """What the picture chosen last earned: 1 for a quality play, else 0."""


@dataclass(frozen=True)
class Played:
    """[devices, impressions] each. shown: picture by place in the catalogue. played, quality: 0 or 1."""

    shown: SmallInts
    played: Floats
    quality: Floats


def play(
    world: World,
    peer: BaselinePolicy,
    impressions: int,
    *,
    reward: keyart.Reward | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Played:
    """The k-th impression of every device comes before the k+1-th of any, as in a simulation. progress: called with
    impressions a device, done and in all. Raises WorldError where the world breaks its protocol, KeyartError."""
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
            picture = peer.choose(i, t, context)
            outcome = world.outcome(i, k, title.artworks[picture].id)
            earned = reward.of(outcome, title.duration)
            peer.learn(t, picture, earned)
            shown[i, k] = first[t] + picture
            played[i, k], quality[i, k] = outcome.kind == "played", earned
        progress(k + 1, impressions)
    return Played(shown, played, quality)
