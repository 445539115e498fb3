"""The protocol of a world: what a simulation asks of the place where devices, titles and viewers live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import keyart

from .types import Doubles


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
