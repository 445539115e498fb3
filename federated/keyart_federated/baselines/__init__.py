"""Peers: other ways to choose a picture, played on the same impressions of the same world.

A peer sees what a learner may see, the protocol of `World` without `expected_reward`. It learns centrally and at
once from every outcome of everybody, which is more than any deployment could give it.
"""

from .bandits import EpsilonGreedy, Thompson
from .baseline_policy import BaselinePolicy, Played, play
from .references import Fixed, Uniform, best_fixed

__all__ = ["BaselinePolicy", "EpsilonGreedy", "Fixed", "Played", "Thompson", "Uniform", "best_fixed", "play"]
