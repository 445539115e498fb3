"""Privacy: what a fleet may tell about each of its people, and the plan that spends it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from keyart.errors import SettingError
from keyart.outbound.clip import UNITS, integer_norm
from keyart.outbound.skellam import MAX_VARIANCE

from ..accounting import Skellam, noise_for, to_epsilon
from ..latents import EXCHANGES

# Rounds of training: more of them split the budget into parts that noise drowns. Ten are best for 2,000 devices at
# ε = 8, twenty for 20,000 (decision 0013); between and beyond, as the root of devices · ε.
ROUNDS, OF_DEVICES, AT_EPSILON = 10, 2_000, 8.0
FEWEST_ROUNDS, MOST_ROUNDS = 5, 30
# Norm of the clip, as a share of the norm that is expected. A short one lets noise be less, and pulls what is learned
# away from the devices that have more to say; where noise is faint, that pull is what is left.
LEAST_CLIP, MOST_CLIP = 0.5, 2.0
SPACING = 1.6  # they lie closer at the start, where each teaches most
POPULATION_SHARE = 0.06  # of the budget, for one question about the population's shape
COWATCH_SHARE, COWATCH_EXCHANGES = 0.1, 2  # of the budget, for questions about what is watched together
# Devices that make latents seen through noise, for noise of 1 in one title. A latent's eigenvalue grows with the
# devices, and noise turns its direction by the root of the titles (`latents.title_latents`).
COWATCH_DEVICES = 400.0
TOLERANCE = 1e-4
# Without noise: nobody is clipped, and a step is so small that rounding is nothing beside what devices differ by.
NO_CLIP, FINE_UNITS = 256.0, 1 << 32
MASKED_DEVICES = 200  # a simulation of more adds up unmasked, unless told


@dataclass(frozen=True, slots=True)
class Privacy:
    """epsilon, delta: of one person, for the whole campaign and all that it releases, as long as the devices that the
    noise counts on add theirs.

    clip: norm that a device's vector is shortened to, as a share of the norm that is expected of it; None: what suits
    the fleet's size. threshold: share of a round's devices that must answer to the end; the noise counts on these
    alone. rounds: of training, at most; None: as many as the fleet's size pays for. masked: whether a simulation
    masks the sums, too: it adds up the same integers and takes many times as long; None: in fleets of up to
    `MASKED_DEVICES`. Raises SettingError.
    """

    epsilon: float
    delta: float
    clip: float | None = None
    threshold: float = 0.8
    rounds: int | None = None
    masked: bool | None = None

    @classmethod
    def none(cls) -> Privacy:
        """No noise, no clipping, a round of training after each round of impressions, and nothing to account for."""
        return cls(math.inf, 0.0, masked=False)

    @property
    def exact(self) -> bool:
        """Whether sums are exact: see `none`."""
        return self.epsilon == math.inf

    @property
    def units(self) -> int:
        """Integer steps to a norm of 1."""
        return FINE_UNITS if self.exact else UNITS

    def __post_init__(self) -> None:
        if not (self.exact and self.delta == 0.0) and not (
            math.isfinite(self.epsilon) and self.epsilon > 0 and 0 < self.delta < 1
        ):
            raise SettingError(
                f"A privacy budget needs epsilon > 0 and 0 < delta < 1, and is ({self.epsilon}, {self.delta})."
            )
        if self.clip is not None and not (math.isfinite(self.clip) and self.clip > 0):
            raise SettingError(
                f"clip is {self.clip}; it must be above 0, a share of the norm that is expected, or None."
            )
        if not 0.5 < self.threshold <= 1:
            raise SettingError(f"threshold is {self.threshold}; it must be above .5 and at most 1.")
        if self.rounds is not None and self.rounds < 1:
            raise SettingError(f"rounds is {self.rounds}; it must be at least 1, or None.")


@dataclass(frozen=True, slots=True)
class Plan:
    """rounds: numbers of the rounds, from 1, whose end trains the model; the first also asks about the population.
    training, population: how each of these sums is noised. survivors: devices that the noise counts on. clip: as in
    `Privacy`. cowatch: how each of `exchanges` sums of what is watched together is noised; None: they are not asked
    for. artwork_latents: whether training vectors say by artwork what latents tell."""

    rounds: tuple[int, ...]
    training: Skellam
    population: Skellam
    survivors: int
    clip: float
    cowatch: Skellam | None = None
    exchanges: int = 0
    artwork_latents: bool = False

    @classmethod
    def of(
        cls,
        privacy: Privacy,
        rounds: int,
        devices: int,
        share: float,
        training_size: int,
        population_size: int,
        cowatch_size: int = 0,
        titles: int = 0,
        latents_size: int = 0,
    ) -> Plan:
        """devices: of the fleet; share: of them, drawn for each round; sizes: entries of the vectors. cowatch_size: 0
        where no latents are wanted. latents_size: entries that latents add to a training vector.

        Raises SettingError where the budget cannot be kept with any noise that leaves something to learn.
        """
        if privacy.exact:
            training, population = (
                Skellam(0.0, integer_norm(FINE_UNITS, size), size, share) for size in (training_size, population_size)
            )
            cowatch = (
                Skellam(0.0, integer_norm(FINE_UNITS, cowatch_size), cowatch_size, share) if cowatch_size else None
            )
            at_all = tuple(range(1, rounds + 1))
            return cls(at_all, training, population, 1, privacy.clip or NO_CLIP, cowatch, EXCHANGES, True)
        trained = min(rounds, privacy.rounds or _rounds(share * devices, privacy.epsilon))
        at = {max(1, round(rounds * ((i + 1) / (trained + 1)) ** SPACING)) for i in range(trained)}
        if trained == rounds:
            at = set(range(1, rounds + 1))
        count = len(at)
        clip = privacy.clip or clip_for(share * devices, privacy.epsilon)
        alone = noise_for(privacy.epsilon, privacy.delta, 1)
        together = cowatch_size > 0 and _seen(privacy, share * devices, titles, alone)
        asked = COWATCH_SHARE if together else 0.0
        training_size += latents_size if together else 0
        ratios = math.sqrt(count / (1 - POPULATION_SHARE - asked)), math.sqrt(1 / POPULATION_SHARE)
        of_cowatch = math.sqrt(COWATCH_EXCHANGES / COWATCH_SHARE)

        def plan(noise: float) -> Plan:
            training, population = (
                Skellam(noise * ratio, integer_norm(UNITS, size), size, share)
                for ratio, size in zip(ratios, (training_size, population_size), strict=True)
            )
            survivors = math.ceil(privacy.threshold * share * devices)
            made = cls(tuple(sorted(at)), training, population, survivors, clip)
            if not together:
                return made
            cowatch = Skellam(noise * of_cowatch, integer_norm(UNITS, cowatch_size), cowatch_size, share)
            return replace(made, cowatch=cowatch, exchanges=COWATCH_EXCHANGES)

        def costs(noise: float) -> float:
            made = plan(noise)
            divergences = count * made.training.divergences() + made.population.divergences()
            if made.cowatch is not None:
                divergences = divergences + made.exchanges * made.cowatch.divergences()
            return to_epsilon(divergences, privacy.delta)

        made = plan(_least(lambda noise: costs(noise) <= privacy.epsilon, alone))
        for event in (made.training, made.population):
            if devices * made.variance(event) > MAX_VARIANCE:
                raise SettingError(
                    f"An epsilon of {privacy.epsilon:g} asks for noise {event.noise_multiplier:.0f} times as long as "
                    "a vector, in which nothing can be learnt. Allow a larger epsilon."
                )
        return made

    def variance(self, event: Skellam) -> int:
        """Of the noise that each device adds, in integer steps: the survivors' together is what `event` says."""
        return math.ceil((event.noise_multiplier * event.l2) ** 2 / self.survivors)


def _rounds(devices: float, epsilon: float) -> int:
    return round(min(max(ROUNDS * _size(devices, epsilon), FEWEST_ROUNDS), MOST_ROUNDS))


def clip_for(devices: float, epsilon: float) -> float:
    """What suits a cohort of that size, as `Privacy.clip`."""
    return min(max(LEAST_CLIP * _size(devices, epsilon), LEAST_CLIP), MOST_CLIP)


def _seen(privacy: Privacy, devices: float, titles: int, noise: float) -> bool:
    """Whether so many devices make latents that noise does not hide. noise: multiplier of one sum that costs all."""
    multiplier = noise * math.sqrt(COWATCH_EXCHANGES / COWATCH_SHARE)
    return privacy.threshold * devices >= COWATCH_DEVICES * multiplier * math.sqrt(titles)


def _size(devices: float, epsilon: float) -> float:
    """How much a fleet can learn at this budget, against the one that was measured."""
    return math.sqrt(devices / OF_DEVICES * epsilon / AT_EPSILON)


def _least(enough: Callable[[float], bool], guess: float) -> float:
    """The least number that is enough, from above."""
    low, high = 0.0, guess
    while not enough(high):
        low, high = high, 1.2 * high
        if high > 1e4 * guess:
            raise SettingError("No noise keeps this budget. Allow a larger epsilon or delta.")
    while high - low > TOLERANCE * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
