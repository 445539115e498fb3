"""World: what a simulation asks of the place where devices, titles and viewers live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import keyart

from .types import Doubles


@runtime_checkable
class World(Protocol):
    """Anybody's world. A learner sees everything here but `expected_reward`, which measures regret only."""

    @property
    def catalog(self) -> keyart.Catalog:
        """Titles and their artworks."""

    @property
    def devices(self) -> int:
        """Number of devices, indexed from 0."""

    def history(self, i: int) -> Sequence[keyart.View]:
        """What device i had watched before the first impression."""

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        """k-th impression on device i: the title's id and the context."""

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        """What happens if this picture is shown; the same draw, whatever is asked first."""

    def expected_reward(self, i: int, k: int) -> Doubles:
        """Expected reward per candidate, in catalogue order."""
