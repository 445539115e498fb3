"""Occasions: a viewer, a title and a context, and what tells how good a choice there is. No model is in it, so that
several can be judged on the same ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

import keyart
from keyart.campaigns.kinds.evaluation import MAX_WEIGHT
from keyart_federated import World

from ..logs import Log

Doubles = npt.NDArray[np.float64]


class PolicyCredit(Protocol):
    """What a policy earns on an occasion."""

    def of(self, probability: Doubles) -> tuple[float, float]:
        """Reward and weight, of a policy that shows each candidate with its probability [A]; sums of the first over
        sums of the second are its value."""


@dataclass(frozen=True, slots=True)
class ExpectedRewards:
    """expected [A]: reward of each candidate, by a world's own word."""

    expected: Doubles

    def of(self, probability: Doubles) -> tuple[float, float]:
        return float(probability @ self.expected), 1.0


@dataclass(frozen=True, slots=True)
class LoggedReward:
    """Candidate number `place` was shown with a propensity, and earned a reward: SNIPS (Swaminathan and Joachims
    2015, eq. 7), with weights cut at `MAX_WEIGHT` (Ionides 2008)."""

    place: int
    propensity: float
    reward: float

    def of(self, probability: Doubles) -> tuple[float, float]:
        weight = min(float(probability[self.place]) / self.propensity, MAX_WEIGHT)
        return weight * self.reward, weight


@dataclass(frozen=True, slots=True)
class EvaluationCase:
    """title: place in the catalogue."""

    device: int
    title: int
    context: keyart.Context
    credit: PolicyCredit


@dataclass(frozen=True)
class EvaluationSet:
    """judged_by: "world" or "log". history: what a device had watched before, by its number. each: in the order of
    devices."""

    judged_by: str
    catalog: keyart.Catalog
    history: Callable[[int], Sequence[keyart.View]]
    each: Sequence[EvaluationCase]

    @classmethod
    def of_world(cls, world: World, count: int) -> EvaluationSet:
        """At least `count`, as many of each device: its first ones. Raises WorldError where it has fewer."""
        a_device = -(-count // world.devices)
        each = []
        for i in range(world.devices):
            for k in range(a_device):
                title_id, context = world.impression(i, k)
                truth = ExpectedRewards(np.asarray(world.expected_reward(i, k), dtype=np.float64))
                each.append(EvaluationCase(i, world.catalog.index(title_id), context, truth))
        return cls("world", world.catalog, world.history, each)

    @classmethod
    def of_log(cls, log: Log, catalog: keyart.Catalog, most: int) -> EvaluationSet:
        """Decisions of a log (`Log.within` the catalogue), the first ones of each viewer: about `most`."""
        reward = keyart.Reward()
        each: list[EvaluationCase] = []
        places = [{artwork.id: place for place, artwork in enumerate(title.artworks)} for title in catalog]
        a_viewer = -(-most // max(sum(bool(viewer.decisions) for viewer in log.viewers), 1))
        for i, viewer in enumerate(log.viewers):
            for one in viewer.decisions[:a_viewer]:
                t = catalog.index(one.title_id)
                earned = reward.of(one.outcome, catalog.titles[t].duration)
                each.append(
                    EvaluationCase(i, t, one.context, LoggedReward(places[t][one.artwork_id], one.propensity, earned))
                )
        return cls("log", catalog, lambda i: log.viewers[i].before, each)
