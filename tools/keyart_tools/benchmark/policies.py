"""The policies of the benchmark: names, order and construction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

import keyart
from keyart_federated.baselines import BaselinePolicy, EpsilonGreedy, Thompson, Uniform

from . import mabwiser_linear, vowpal_wabbit
from .external_learner import ExternalScript

Group = Literal["keyart", "variant", "peer", "reference"]

KEYART, ORACLE, BEST_FIXED, RANDOM = "keyart", "oracle", "best fixed", "random"

# Arguments of `keyart_federated.simulate`. Without a guard, pictures that promise what a title lacks may be shown.
SIMULATED: Mapping[str, Mapping[str, Any]] = {
    KEYART: {},
    "guard off": {"policy": keyart.Policy(stickiness=timedelta(0), misleading="allow")},
    "no head": {"personal_head": False},
    "zero-shot + head": {"learner": "none"},
    "central": {"learner": "central"},
}
EXTERNAL_BASELINES: Mapping[str, ExternalScript] = {
    "VW SquareCB": ExternalScript("vowpalwabbit", vowpal_wabbit),
    "MABWiser LinUCB": ExternalScript("mabwiser", mabwiser_linear, ("LinUCB",)),
    "MABWiser LinTS": ExternalScript("mabwiser", mabwiser_linear, ("LinTS",)),
}
# Of the catalogue and a seed.
BUILT_IN_BASELINES: Mapping[str, Callable[[keyart.Catalog, int], BaselinePolicy]] = {
    "ε-greedy": EpsilonGreedy,
    "Thompson": Thompson,
    RANDOM: Uniform,
}

GROUPS: Mapping[str, Group] = {
    **{name: "keyart" if name == KEYART else "variant" for name in SIMULATED},
    **dict.fromkeys([*EXTERNAL_BASELINES, "ε-greedy", "Thompson"], "peer"),
    **dict.fromkeys([ORACLE, BEST_FIXED, RANDOM], "reference"),
}
POLICIES = tuple(GROUPS)  # in the order of every table and plot
ONLY_ON: Mapping[str, Sequence[str]] = {"guard off": ("clickbait",)}  # elsewhere it says little

# For the record.
SETTINGS: Mapping[str, Any] = {script.package: script.module.SETTINGS for script in EXTERNAL_BASELINES.values()}


def plays_on(policy: str, world: str) -> bool:
    """Return whether a policy runs on a world, both by name."""
    return world in ONLY_ON.get(policy, (world,))
