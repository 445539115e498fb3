"""Privacy: what a fleet may tell about each of its people, and the plan that spends it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from keyart.errors import SettingError
from keyart.model import LATENTS

from .epsilon import noise_for

# Rounds of training: more of them split the budget into parts that noise drowns. Ten are best for 2,000 devices at
# ε = 8, twenty for 20,000 (decision 0013); between and beyond, as the root of devices · ε.
ROUNDS, OF_DEVICES, AT_EPSILON = 10, 2_000, 8.0
MIN_ROUNDS, MAX_ROUNDS = 5, 30
# Norm of the clip, as a share of the norm that is expected. A short one lets noise be less, and pulls what is learned
# away from the devices that have more to say; where noise is faint, that pull is what is left.
MIN_CLIP, MAX_CLIP = 0.5, 2.0
# Share of the devices that a clip leaves whole at the size that was measured, and the doublings of that size after
# which the share is a half.
MIN_UNCLIPPED, UNCLIPPED_DOUBLINGS = 0.05, 4.0
SPACING = 1.6  # they lie closer at the start, where each teaches most
POPULATION_SHARE = 0.06  # of the budget, for one question about the population's shape
COWATCH_SHARE = 0.1  # of the budget, for questions about what is watched together
COWATCH_EXCHANGES = (2, 5)  # such questions: two where noise is all that matters, five where they must converge
# Devices that make latents seen through one exchange, for noise of 1 in one title. A latent's eigenvalue grows with
# the devices, and noise turns its direction by the root of the titles (`learning.title_latents`).
COWATCH_DEVICES = 283.0
# Noise in what all artworks' latents add to a vector, as a share of the variance in which devices differ.
ARTWORK_LATENTS_NOISE = 0.1
# Without noise: nobody is clipped, and a step is so small that rounding is nothing beside what devices differ by.
NO_CLIP, FINE_UNITS = 256.0, 1 << 32
MIN_SUM = 2  # devices: a sum of one vector is that vector
NO_THRESHOLD = 501  # thousandths of a cohort that must stay, at least, whatever else is asked
MASKED_DEVICES = 200  # a simulation of more adds up unmasked, unless told


@dataclass(frozen=True, slots=True)
class Privacy:
    """The privacy that a campaign promises to each person.

    epsilon and delta hold for the whole campaign and all that it releases, as long as the devices that the noise
    counts on add theirs.

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

    def __post_init__(self) -> None:
        if not (math.isfinite(self.epsilon) and self.epsilon > 0 and 0 < self.delta < 1):
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
class TrainingPlan:
    """When a fleet trains, and in cohorts of which size. The noise of each sum follows from the campaign's budget.

    Attributes:
        rounds: numbers of the simulated rounds, from 1, whose end trains the model.
        cohort: devices that a round asks.
        minimum_devices: devices that the noise counts on; a round of fewer fails.
        threshold_permille: share of a round's devices that must stay to the end, in thousandths.
        clip: the clipping norm as in `Privacy`; None: no privacy, and no clipping.
        masked: whether a simulation masks the sums.
    """

    rounds: tuple[int, ...]
    cohort: int
    minimum_devices: int
    threshold_permille: int
    clip: float | None
    masked: bool

    @classmethod
    def of(cls, privacy: Privacy | None, rounds: int, cohort: int) -> TrainingPlan:
        """Return the plan for a budget.

        Args:
            privacy: the budget, or None for a campaign without privacy, which trains after each round.
            rounds: simulated rounds in all.
            cohort: devices that a round asks.
        """
        if privacy is None:
            return cls(tuple(range(1, rounds + 1)), max(cohort, MIN_SUM), MIN_SUM, NO_THRESHOLD, None, False)
        trained = min(rounds, privacy.rounds or _rounds(cohort, privacy.epsilon))
        at = {max(1, round(rounds * ((i + 1) / (trained + 1)) ** SPACING)) for i in range(trained)}
        if trained == rounds:
            at = set(range(1, rounds + 1))
        return cls(
            tuple(sorted(at)),
            max(cohort, MIN_SUM),
            max(math.ceil(privacy.threshold * cohort), MIN_SUM),
            max(int(1000 * privacy.threshold), NO_THRESHOLD),
            privacy.clip or clip_for(cohort, privacy.epsilon),
            cohort <= MASKED_DEVICES if privacy.masked is None else privacy.masked,
        )


def _rounds(devices: float, epsilon: float) -> int:
    return round(min(max(ROUNDS * _size(devices, epsilon), MIN_ROUNDS), MAX_ROUNDS))


def clip_for(devices: float, epsilon: float) -> float:
    """Return the clipping norm that suits a cohort of so many devices, as `Privacy.clip`."""
    return min(max(MIN_CLIP * _size(devices, epsilon), MIN_CLIP), MAX_CLIP)


def unclipped_share(devices: float, epsilon: float) -> float:
    """Return the share of the devices whose vectors a clip should leave whole.

    Where noise is what matters it is a twentieth: less noise is worth it that nearly every device is shortened. Where
    noise is faint, clipping is what is left, and the share goes to 1.
    """
    if math.isinf(epsilon):
        return 1.0
    faintness = math.log2(max(_size(devices, epsilon), 1.0)) / UNCLIPPED_DOUBLINGS
    return NormalDist().cdf(NormalDist().inv_cdf(MIN_UNCLIPPED) * (1.0 - faintness))


@lru_cache(maxsize=64)
def cowatch_exchanges(devices: float, titles: int, epsilon: float, delta: float) -> int:
    """Return the number of rounds that find title latents: as many as noise leaves a use to, 0 where it hides them.

    Args:
        devices: number of devices that the noise counts on.
        titles: number of titles in the catalogue.
        epsilon: ε of the campaign.
        delta: δ of the campaign.
    """
    if math.isinf(epsilon):
        return COWATCH_EXCHANGES[-1]
    noise = noise_for(epsilon, delta, 1) * math.sqrt(titles / COWATCH_SHARE)
    # The budget is divided over the exchanges, and each goes on from what noise has turned in the one before.
    seen = (count for count in COWATCH_EXCHANGES if devices >= COWATCH_DEVICES * noise * count)
    return max(seen, default=0)


@lru_cache(maxsize=64)
def shows_artwork_latents(devices: float, artworks: int, rounds: int, epsilon: float, delta: float) -> bool:
    """Return whether noise does not hide the latents of single artworks.

    Noise of multiplier σ adds τ = σ² c² d / n to the variance in which n devices differ, for d entries and clip c.

    Args:
        devices: number of devices that the noise counts on, n.
        artworks: number of artworks in the catalogue.
        rounds: number of training rounds.
        epsilon: ε of the campaign.
        delta: δ of the campaign.
    """
    if math.isinf(epsilon):
        return True
    noise = (noise_for(epsilon, delta, rounds) * clip_for(devices, epsilon)) ** 2
    return noise * 2 * artworks * LATENTS <= ARTWORK_LATENTS_NOISE * devices


def _size(devices: float, epsilon: float) -> float:
    """Return how much a fleet can learn at this budget, relative to the one that was measured."""
    return math.sqrt(devices / OF_DEVICES * epsilon / AT_EPSILON)
