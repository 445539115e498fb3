"""A trial: an experiment on a World. Devices choose, learn and are measured by the SDK's own path; arms are drawn by
each device's secret; only noised sums come out.

All devices live with the first arm's model first. A tenth of them then answers a pilot, by which the experiment is
planned, and is in no look: so each device hands in once. Then each arm gets its model and policy.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from keyart.campaigns.kinds.engagement import DAY_SECONDS, METRICS, Engagement
from keyart.campaigns.kinds.experiment import arm_of, experiment_vectors
from keyart.dp.skellam import RandomBytes
from keyart.errors import SettingError

from ..experiments import ASSUMED, Baseline, Experiment, Results, Told, next_thetas
from ..experiments.boundary import Doubles
from ..experiments.looks import added
from ..experiments.pilot import baselines
from ..world import World
from .arms import Arm, Ints, Progress, live

PILOT_SHARE = 0.1
CLOCK_DEVICES = 50  # whose days are counted


@dataclass(frozen=True)
class TrialPlan:
    """name: of the experiment. past, steps: impressions a device before the start, and from then on. The rest as in
    `Experiment`; of metrics, the first decides, and those that hardly differ between devices are not asked about."""

    name: str
    past: int
    steps: int
    looks: int = 4
    metrics: tuple[str, ...] = METRICS
    margin: float = 0.02
    epsilon: float = 1.0
    delta: float = 1e-6
    group: str = ""
    groups: tuple[str, ...] = ()

    def experiment(self, arms: Sequence[Arm], devices: int, days: int, known: Mapping[str, Baseline]) -> Experiment:
        """Looks are in its second half, so that each device has lived with its arm for a while."""
        first = max(1, math.ceil(days / 2))
        return Experiment(
            self.name,
            devices,
            known,
            tuple(arm.name for arm in arms),
            days=days,
            first_day=first if self.looks > 1 else days,
            looks=min(self.looks, days - first + 1),
            margin=self.margin,
            epsilon=self.epsilon,
            delta=self.delta,
            group=self.group,
            groups=self.groups,
        )


def run(
    world: World, arms: Sequence[Arm], plan: TrialPlan, seed: int = 0, progress: Progress = lambda done, of: None
) -> Results:
    """The experiment's results. Raises SettingError, before anything is simulated, FederatedError, and what the world
    raises."""
    if plan.past < 2 or plan.steps < 1:
        raise SettingError(
            f"A trial needs 2 impressions before the start and 1 after it; it has {plan.past} and {plan.steps}."
        )
    if len(arms) < 2 or len({arm.installed.spec.sha256 for arm in arms}) > 1:
        raise SettingError("A trial compares two arms or more, whose bundles have the same feature spec.")
    assumed, total = {name: ASSUMED[name] for name in plan.metrics}, plan.past + plan.steps
    days, past_days = _days(world, plan.past, total), _days(world, plan.past // 2, plan.past)
    draft = replace(plan, name=f"{plan.name} pilot", looks=1, group="", groups=())
    fewest = draft.experiment(arms, 10**9, 1, assumed).fewest_a_look
    asked_first = max(math.ceil(PILOT_SHARE * world.devices), fewest)
    if asked_first + fewest > world.devices:
        raise SettingError(
            f"{world.devices:,} devices are too few at ε = {plan.epsilon:g}: a pilot and a look take {fewest:,} "
            "each. Take more devices, or allow a larger ε."
        )
    plan.experiment(arms, world.devices - asked_first, days, assumed)  # refuses now what it would refuse later
    secrets = [_secret(seed, i) for i in range(world.devices)]
    of = np.array([arm_of(secret, plan.name, len(arms)) for secret in secrets], dtype=np.intp)
    turn = np.array([int.from_bytes(hashlib.sha256(secret + b"look").digest()[:8], "little") for secret in secrets])
    pilot, rest = np.split(np.argsort(turn, kind="stable"), [asked_first])
    lived, starts = live(world, arms, of, plan.past, plan.steps, seed, progress)
    cast = _Cast(lived, starts, of)
    random = np.random.default_rng([seed, 12]).bytes  # simulated people need no protection, and runs repeat
    first = draft.experiment(arms, len(pilot), past_days, assumed)
    experiment = plan.experiment(arms, len(rest), days, baselines(cast.pilot(first, pilot, random)))
    note = (
        f"{type(world).__name__}, simulated: {world.devices:,} devices, {len(pilot):,} of them in a pilot; "
        f"{plan.past} impressions before the start and {plan.steps} after it."
    )
    results = Results(experiment, note=note)
    for look, mine in enumerate(np.array_split(rest, experiment.looks)):
        results = cast.look(results, look, mine, random)
    return results


@dataclass(frozen=True)
class _Cast:
    """What became of all devices; starts: Unix seconds."""

    lived: Sequence[Engagement]
    starts: Doubles
    arm: Ints

    def pilot(self, experiment: Experiment, who: Ints, random: RandomBytes) -> Results:
        """Of the time before the start, whose second half stands for the experiment."""
        begins = np.array([self.lived[i].at[0] for i in who])
        cuts = (begins + self.starts[who]) / 2
        return self._look(Results(experiment), 0, who, cuts, self.starts[who], random)

    def look(self, results: Results, look: int, who: Ints, random: RandomBytes) -> Results:
        """And one look more."""
        starts = self.starts[who]
        return self._look(
            results, look, who, starts, starts + results.experiment.look_days[look] * DAY_SECONDS, random
        )

    def _look(
        self, results: Results, look: int, who: Ints, starts: Doubles, ends: Doubles, random: RandomBytes
    ) -> Results:
        experiment = results.experiment
        thetas = next_thetas(experiment, results.looks)
        question = experiment.question(thetas)
        now, past = np.empty((2, len(who), len(METRICS)))
        group = np.zeros(len(who), dtype=np.intp)
        for row, (i, start, end) in enumerate(zip(who, starts, ends, strict=True)):
            one = self.lived[i]
            window = one.within(start, end, experiment.most_decisions)
            now[row] = one.measured(window)
            past[row] = one.measured(one.within(-math.inf, start, experiment.most_decisions))
            group[row] = question.place(one.group(question.group, window, {})) if question.group else 0
        vectors = experiment_vectors(question, self.arm[who], group, now, past)
        total, variance = added(experiment, look, vectors, random)
        return results.with_look(Told(experiment.look_days[look], thetas, len(who), variance, total))


def _days(world: World, first: int, end: int) -> int:
    """Over which impressions first … end − 1 go, as most devices' clocks have it."""
    spans = []
    for i in range(min(world.devices, CLOCK_DEVICES)):
        begin, last = (world.impression(i, k)[1].at for k in (first, end - 1))
        spans.append((last - begin).total_seconds() / DAY_SECONDS)
    return max(1, math.ceil(median(spans)))


def _secret(seed: int, device: int) -> bytes:
    """Simulated devices are nobody's: their keys follow from the seed, so that runs repeat."""
    return hashlib.sha256(f"keyart simulated device {seed} {device}".encode()).digest()
