"""Recovery: secrets rebuilt from neighbours' shares, some of which may be wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from keyart.secagg.shamir import interpolate_share, join_shares

TRIES: Final = 200  # with e wrong shares of m a random choice of t is free of them with chance about (1 − t/m)^e


class Recovery:
    """Rebuilds the secrets of a round. It remembers who gave shares that did not fit, and tries those last: only
    last, since a dealer may have given them wrong shares to make them look so."""

    def __init__(self, threshold: int) -> None:
        self.threshold = threshold
        self.doubts: Counter[int] = Counter()

    def secret(
        self, shares: Mapping[int, bytes], holders: Mapping[int, int], fits: Callable[[bytes], bool]
    ) -> bytes | None:
        """shares: by their giver. holders: which holder of the secret's shares a giver is. fits: tells the secret
        from a wrong one. None where no `threshold` shares that were tried give it."""
        givers = sorted(shares, key=lambda giver: (self.doubts[giver], holders[giver]))
        t = self.threshold
        if len(givers) < t:
            return None
        rng = np.random.default_rng(0)  # any order will do; the same one each time, so that a failure can be repeated
        for attempt in range(TRIES):
            chosen = givers[:t] if attempt == 0 else [givers[i] for i in rng.permutation(len(givers))[:t]]
            places = tuple(holders[giver] for giver in chosen)
            given = [shares[giver] for giver in chosen]
            found = join_shares(places, given)
            if found is not None and fits(found):
                if attempt:
                    self._doubt(shares, holders, places, given)
                return found
            if len(givers) == t:
                break
        return None

    def _doubt(
        self, shares: Mapping[int, bytes], holders: Mapping[int, int], places: tuple[int, ...], given: list[bytes]
    ) -> None:
        for giver, share in shares.items():
            if interpolate_share(places, given, holders[giver]).astype("<u4").tobytes() != share:
                self.doubts[giver] += 1
