"""Baselines: other ways to choose an artwork, played on the same impressions of the same world.

A baseline sees what a learner may see, the protocol of `World` without `expected_reward`. It learns centrally and
at once from every outcome of every device, which is more than any deployment could give it. The package uses
`world` and `metrics`.
"""

from .bandits import EpsilonGreedy, Thompson
from .baseline_policy import BaselinePolicy, Played, play
from .references import Fixed, Uniform, best_fixed

__all__ = ["BaselinePolicy", "EpsilonGreedy", "Fixed", "Played", "Thompson", "Uniform", "best_fixed", "play"]
