"""Evaluation cases: a viewer, a title, a context, and how to credit a choice.

No model is part of an evaluation set, so several models can be evaluated on the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

import keyart
from keyart.campaigns import MAX_IMPORTANCE_WEIGHT
from keyart.errors import HistoryError
from keyart_federated import World

from ..logs import Log

Doubles = npt.NDArray[np.float64]


class PolicyCredit(Protocol):
    """The reward that a policy earns on a case."""

    def of(self, probability: Doubles) -> tuple[float, float]:
        """Return the reward and the weight of a policy.

        Args:
            probability: [A], the policy's probability of each candidate.

        Returns:
            Reward and weight; the sum of rewards over the sum of weights is the policy's value.
        """


@dataclass(frozen=True, slots=True)
class ExpectedRewards:
    """Credit by the world's expected reward of each candidate, [A]."""

    expected: Doubles

    def of(self, probability: Doubles) -> tuple[float, float]:
        """Return the expected reward of the policy; its weight is 1."""
        return float(probability @ self.expected), 1.0


@dataclass(frozen=True, slots=True)
class LoggedReward:
    """Credit by SNIPS (Swaminathan and Joachims 2015, eq. 7), with clipped weights (Ionides 2008).

    Attributes:
        place: index of the candidate that was shown.
        propensity: its logged propensity.
        reward: its reward.
    """

    place: int
    propensity: float
    reward: float

    def of(self, probability: Doubles) -> tuple[float, float]:
        """Return the weighted reward of the logged artwork, and its importance weight."""
        weight = min(float(probability[self.place]) / self.propensity, MAX_IMPORTANCE_WEIGHT)
        return weight * self.reward, weight


@dataclass(frozen=True, slots=True)
class EvaluationCase:
    """A case; `title` is the title's index in the catalogue."""

    device: int
    title: int
    context: keyart.Context
    credit: PolicyCredit


@dataclass(frozen=True)
class EvaluationSet:
    """Cases from a world or a log.

    Attributes:
        judged_by: "world" or "log".
        catalog: catalogue of the titles.
        history: returns a device's views before the cases, by its number.
        each: cases, ordered by device.
    """

    judged_by: str
    catalog: keyart.Catalog
    history: Callable[[int], Sequence[keyart.View]]
    each: Sequence[EvaluationCase]

    @classmethod
    def of_world(cls, world: World, count: int) -> EvaluationSet:
        """Take the first impressions of each device, as many of each, at least `count` in all.

        Raises:
            WorldError: a device has fewer impressions.
        """
        per_device = -(-count // world.devices)
        each = []
        for i in range(world.devices):
            for k in range(per_device):
                title_id, context = world.impression(i, k)
                truth = ExpectedRewards(np.asarray(world.expected_reward(i, k), dtype=np.float64))
                each.append(EvaluationCase(i, world.catalog.index(title_id), context, truth))
        return cls("world", world.catalog, world.history, each)

    @classmethod
    def of_log(cls, log: Log, catalog: keyart.Catalog, max_cases: int | None) -> EvaluationSet:
        """Take the first decisions of each viewer, about `max_cases` in all, from a log of this catalogue.

        `Log.within` limits a log to a catalogue. None for `max_cases` takes all decisions.

        Raises:
            HistoryError: some decisions have a reward of their own and others do not.
        """
        own = sum(decision.reward is not None for viewer in log.viewers for decision in viewer.decisions)
        if own not in (0, log.decisions):
            raise HistoryError(
                f"{own:,} of {log.decisions:,} decisions have a 'reward', and the reward of the others would follow "
                "from their outcomes: two measures in one estimate. Give all of them a reward, or none."
            )
        reward = keyart.Reward()
        each: list[EvaluationCase] = []
        places = [{artwork.id: place for place, artwork in enumerate(title.artworks)} for title in catalog]
        viewers = max(sum(bool(viewer.decisions) for viewer in log.viewers), 1)
        per_viewer = None if max_cases is None else -(-max_cases // viewers)
        for i, viewer in enumerate(log.viewers):
            for decision in viewer.decisions[:per_viewer]:
                t = catalog.index(decision.title_id)
                earned = decision.reward
                if earned is None:
                    earned = reward.of(decision.outcome, catalog.titles[t].duration)
                each.append(
                    EvaluationCase(
                        i,
                        t,
                        decision.context,
                        LoggedReward(places[t][decision.artwork_id], decision.propensity, earned),
                    )
                )
        return cls("log", catalog, lambda i: log.viewers[i].before, each)
