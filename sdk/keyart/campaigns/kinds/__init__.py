"""The device's half of every kind of campaign, a module each: its layout, its vector, and its entry in the registry.

    training     gradient and residuals of the device's log
    population   the shape of the population
    trending     plays by title in the last day
    cowatch      titles that are watched together
    rates        mean reward by device class and daypart
    experiment   engagement metrics by arm (`engagement` computes the metrics)
    evaluation   the reward that a candidate model would have had
    comparison   a candidate model against the installed one, by segment

`gradient` and `segments` hold what two kinds share. The server's half has the same names in
`keyart_federated.campaigns`.
"""

from __future__ import annotations

from typing import Final

from ..offer import Offer
from ..vectors import DeviceKind
from . import comparison, cowatch, evaluation, experiment, population, rates, training, trending

KINDS: Final[tuple[DeviceKind, ...]] = (
    training.KIND,
    population.KIND,
    trending.KIND,
    cowatch.KIND,
    rates.KIND,
    experiment.KIND,
    evaluation.KIND,
    comparison.KIND,
)


def find_kind(offer: Offer) -> DeviceKind | None:
    """Return the kind that answers an offer, or None if this version of keyart knows none."""
    return next((kind for kind in KINDS if kind.accepts(offer)), None)


__all__ = ["KINDS", "find_kind"]
