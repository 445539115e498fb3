"""Blame: which devices have caused that secrets of a round cannot be rebuilt. Pure.

A dealer names the digest of each share that it deals, so that two things can be told apart. Enough shares that are
the dealer's own, and do not make the secret that it has committed to, convict the dealer: nobody else can make such
shares. A neighbour that answers without such a share is in dispute with the dealer: the dealer dealt it something
else, or the neighbour does not say what it was dealt. One dispute does not tell who lies, but no two honest devices
are ever in dispute. So a device with more disputes than any honest device has lying neighbours is a liar, and each
honest device is safe as long as no more of its neighbours lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LostSecret:
    """The reason that a secret of a device could not be rebuilt.

    Attributes:
        proven: True if as many shares as it takes are its own, and do not make what it has committed to.
        disputes: Numbers of the neighbours that have answered without a share of its own.
        spare: How many of the neighbours that have answered could have been done without.
    """

    proven: bool
    disputes: frozenset[int]
    spare: int


def guilty(lost: Mapping[int, LostSecret], tolerated: int) -> set[int]:
    """Return the devices that have caused the losses; empty if it cannot be told.

    The device with the most disputes goes first, and its disputes do not count against others any more, so that one
    liar among many honest dealers is found as surely as one dealer of noise among many honest neighbours. A loss that
    is explained by the liars found so far accuses nobody else.

    Args:
        lost: The losses, by the number of the device whose secret it is.
        tolerated: Number of disputes that a device may have: as many neighbours of an honest device may lie.
    """
    found = {number for number, secret in lost.items() if secret.proven}
    unexplained = {number: set(secret.disputes) for number, secret in lost.items() if not secret.proven}
    while True:
        unexplained = {
            number: disputes - found
            for number, disputes in unexplained.items()
            if number not in found and len(disputes - found) > lost[number].spare
        }
        opponents: dict[int, set[int]] = {}
        for number, disputes in unexplained.items():
            for other in disputes:
                opponents.setdefault(number, set()).add(other)
                opponents.setdefault(other, set()).add(number)
        worst = max(opponents, key=lambda number: (len(opponents[number]), number), default=None)
        if worst is None or len(opponents[worst]) <= tolerated:
            return found
        found.add(worst)
