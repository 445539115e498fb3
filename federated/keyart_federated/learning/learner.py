"""The learner: the server's step from noised sums to the next model, with what several rounds tell.

No device sends curvature: F comes from simulated viewers (`curvature`, `population`) at the number of decisions that
the devices tell. With g the gradient of the whole logs, L prior precisions by block and μ the prior,

    θ ← θ + damping · (F + L)⁻¹ (g − L (θ − μ))

Then come the tables of titles and artworks, from their residuals less what the step of θ explains, and the artworks'
latents, on what that leaves. The centre of taste is set once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

import keyart
from keyart.campaigns.kinds.training import (
    MAX_CURVATURE_RATIO,
    MOMENTS_NORM,
    MOMENTS_SIZE,
    SIDE_NORM,
    LatentBlocks,
    TrainingLayout,
    training_main_norm,
)
from keyart.dp.clip import UNITS
from keyart.linalg import inverse
from keyart.model.features import EncodedCatalog
from keyart.model.latents import LATENTS
from keyart.model.ranker import Weights

from . import artwork_latents, optimiser
from .artwork_latents import ArtworkLatents, LatentInformation
from .curvature import Curvature, Doubles, simulated
from .information import Information, Stiffness
from .optimiser import Blocks, Stage
from .population import Population

# Share of a step where noise leaves nothing of a gradient, and where it leaves all of it. Noise and prior hold the
# former back; the latter overshoots until what simulated curvature lacks is found.
DAMPING = (0.9, 0.65)
LATENT_DAMPING = 0.65
OF_TILTS = 0.1  # E[w²] over E[w], about: by which the square of a sum of w f is smaller than that of r f
DOUBT = 2.0  # standard deviations by which a slope must be off before noise is not to blame
MET_RANGE = (0.25, 4.0)
BOOST = 3.0  # pictures' sums are scaled down by it against the rest (learning.md)
MIN_OF_MEAN = 1e-2  # scales are no smaller than this share of the mean: what nobody sees is not blown up
# A weight's curvature is no less than this share of its block's mean: simulated viewers may never meet what real ones
# do, and a weight that nothing holds would run away.
MIN_OF_BLOCK = 0.3
MIN_FACTOR = 0.05
MAX_OF_MEAN = 3.0  # a device's decisions are counted up to this multiple of those expected
# Of the decisions that are counted at most, what a device has made: 1 / MAX_OF_MEAN is expected.
DECISIONS_RANGE, DECISIONS_SPREAD = (0.02, 1.0), 0.15
RATE_RANGE, RATE_SPREAD = (1e-3, 0.9), 0.03
EXPECTED_FACTOR, FACTOR_SPREAD = 0.6, 0.15  # of clipping, before anybody has told
QUANTILE, QUANTILE_SPREAD = 0.05, 0.1  # of devices that are not shortened
REACH_STEP = 0.2  # how fast the clip follows, as in Andrew et al.
INTERCEPT_VARIANCE = 1.0
ROUNDING = 0.25  # the most that rounding by chance adds to the variance of an integer, a device
TINY = 1e-12
FAINT = 1e-7  # no entry's noise counts as less than this share of its curvature: arithmetic is no better


@dataclass(frozen=True)
class Question:
    """What devices are asked for in a round.

    scale [`NoisedTraining.scaled`]: each entry is divided by it. clip: norm that the divided vector is shortened to.
    most: decisions above which none is counted. units: integer steps to a norm of 1. The rest is the server's own,
    kept for the answer: curvature of all decisions, of play and completion [P, P] by weight and [n, 2] by artwork;
    and `average`, a decision.
    """

    scale: Doubles
    clip: float
    most: float
    play: Doubles
    keep: Doubles
    artworks: Doubles
    average: Curvature
    latents: LatentBlocks = "none"
    units: int = UNITS


@dataclass(frozen=True)
class Learner:
    """The server's state between two rounds.

    state: as of `optimiser`, with the model. prior [P], prior_appeal [n, 2], prior_latents [n, F]: weights, appeal
    and artworks' latents of the model that it started from, which hold where nothing is told. play, keep [P],
    artworks [n], completions [n]: what gradients of the weights, and residuals of play and of completion by artwork,
    tell so far. weights [P], stiffness [2n]:
    of the curvature by weight, and by artwork, play then completion. latents: what is known of
    artworks' latents. decisions: that a device has made so far. exposure [n]: decisions by artwork, of all devices.
    rates: plays and quality plays a decision. reach: what the clip is multiplied by, so that `QUANTILE` of the
    devices are not shortened (Andrew, Thakkar, McMahan and Ramaswamy 2021, "Differentially private learning with
    adaptive clipping", section 2).
    """

    state: optimiser.State
    population: Population
    devices: float
    play: Information
    keep: Information
    artworks: Information
    completions: Information
    weights: Stiffness
    stiffness: Stiffness
    latents: LatentInformation
    exposure: Doubles
    prior: Doubles
    prior_appeal: Doubles
    prior_latents: Doubles
    decisions: float = 0.0
    rates: tuple[float, float] = (0.12, 0.08)
    reach: float = 1.0

    @classmethod
    def start(
        cls, state: optimiser.State, population: Population, devices: float, encoded: EncodedCatalog
    ) -> Learner:
        blocks = Blocks.of(encoded.spec)
        return cls(
            state,
            population,
            devices,
            Information.none(len(blocks.play)),
            Information.none(len(blocks.keep)),
            Information.none(len(encoded.artwork)),
            Information.none(len(encoded.artwork)),
            Stiffness.none(len(blocks.play) + len(blocks.keep)),
            Stiffness.none(2 * len(encoded.artwork)),
            LatentInformation.none(encoded),
            np.zeros(len(encoded.artwork)),
            state.model.theta,
            state.model.appeal,
            state.model.artwork_latents,
        )

    def ask(
        self,
        decisions: float,
        clip: float,
        encoded: EncodedCatalog,
        policy: keyart.Policy,
        rng: np.random.Generator,
        units: int = UNITS,
        latents: LatentBlocks = "none",
    ) -> tuple[Learner, Question]:
        """The next question, and the learner that has asked it.

        Args:
            decisions: that a device has made by now.
            clip: norm that vectors are shortened to, as a share of the norm that is expected.
            units: integer steps to a norm of 1.
            latents: what devices send of their latents. They have none before their model has title latents.
        """
        model, count = self.state.model, self.devices
        new = decisions - self.decisions
        shown, of_artworks = self.population.shown(model, encoded, policy, rng)
        exposure = self.exposure + shown * new * count
        total = self.population.totals(encoded, count, decisions * count, self.rates)
        curvature = simulated(total, model, encoded, policy, rng)
        if self.state.curvature is not None:
            share = max(new / decisions, optimiser.FRESH_SHARE)
            curvature = self.state.curvature.joined(curvature, share)
        play, keep = curvature.play * decisions * count, curvature.keep * decisions * count
        artworks = of_artworks * exposure[:, None]
        floor = np.maximum(artworks, MIN_OF_MEAN * artworks.mean(axis=0)) * BOOST**2
        diagonal = np.concatenate([np.diag(play), np.diag(keep)])
        diagonal = np.maximum(diagonal, MIN_OF_MEAN**2 * diagonal.mean())
        squares = [diagonal, *floor.T]
        # Each entry divided by its own spread has a mean square of 1; those of the artworks have 1 / BOOST².
        expected = len(diagonal) + artworks.size / BOOST**2
        if latents != "none":
            moments = np.diag(self.latents.second)
            by_tag = artworks[:, 0] @ encoded.artwork.astype(np.float64) ** 2
            by_tag = np.maximum(by_tag, MIN_OF_MEAN * by_tag.mean()) * BOOST**2
            squares.append(np.outer(by_tag, moments).ravel())
            expected += len(squares[-1]) / BOOST**2
            if latents == "artworks":
                squares += [np.outer(floor[:, 0], moments).ravel(), np.outer(floor[:, 0], moments).ravel() * OF_TILTS]
                expected += 2 * len(squares[-1]) / BOOST**2
        scale = np.sqrt(np.concatenate(squares) / count)
        asked = replace(self, state=replace(self.state, curvature=curvature), exposure=exposure, decisions=decisions)
        return asked, Question(
            scale,
            clip * np.sqrt(expected) * (self.reach if units == UNITS else 1.0),
            MAX_OF_MEAN * decisions,
            play,
            keep,
            np.maximum(artworks, 1e-9),
            curvature,
            latents,
            units,
        )

    def counted(
        self, asked: Question, total: npt.NDArray[np.int64], devices: float, variance: float, encoded: EncodedCatalog
    ) -> tuple[Learner, Question]:
        """Both, as if it had been known that so many devices answer, and how many decisions they have made: as the
        noised sum tells it, drawn towards what was expected as far as noise of `variance` may have moved it."""
        told = _layout(asked, encoded).parts(total.astype(np.float64))["side"][2]
        unit = SIDE_NORM * asked.units * devices
        share = _drawn(told / unit, 1 / MAX_OF_MEAN, DECISIONS_SPREAD, variance / unit**2)
        return self.heard(asked, devices, float(np.clip(share, *DECISIONS_RANGE)) * asked.most)

    def with_curvature(self, asked: Question, average: Curvature, artworks: Doubles) -> Question:
        """Return the question with the curvature of real decisions in place of the simulated one.

        Args:
            average: a decision.
            artworks: of play and of completion, of all decisions by artwork, [n, 2].
        """
        decisions = self.decisions * self.devices
        return replace(
            asked,
            play=average.play * decisions,
            keep=average.keep * decisions,
            artworks=np.maximum(artworks, 1e-9),
            average=average,
        )

    def heard(self, asked: Question, devices: float, decisions: float) -> tuple[Learner, Question]:
        """Both, as if it had been known that so many devices answer, with so many decisions each."""
        ratio = decisions * devices / (self.decisions * self.devices)
        return (
            replace(self, devices=devices, decisions=decisions, exposure=self.exposure * ratio),
            replace(asked, play=asked.play * ratio, keep=asked.keep * ratio, artworks=asked.artworks * ratio),
        )

    def answered(
        self, asked: Question, total: npt.NDArray[np.int64], variance: float, encoded: EncodedCatalog
    ) -> Learner:
        """The state after a round. total: the noised sum; variance: of the noise in each of its entries."""
        spec, state = encoded.spec, self.state
        part = _layout(asked, encoded).parts(total.astype(np.float64))
        unit, noise = SIDE_NORM * asked.units * self.devices, variance + ROUNDING * self.devices
        side, doubt = part["side"] / unit, variance / unit**2
        # From integers to sums: the scale, and on average what clipping took.
        factor = max(_drawn(side[0], EXPECTED_FACTOR, FACTOR_SPREAD, doubt), MIN_FACTOR)
        back = asked.scale * asked.clip / (asked.units * training_main_norm() * factor)
        variances = noise * back**2 + FAINT * self.devices * asked.scale**2
        size, tables_end = len(part["gradient"]), len(part["gradient"]) + len(part["artworks"])
        stages, informed, met = self._steps(
            asked, part["gradient"] * back[:size], variances[:size], self._met(asked, side[5:7], doubt), encoded
        )
        step = np.concatenate([stage.step for stage in stages])
        explained = optimiser.explained_by(step, asked.average, encoded)
        residuals, noises = (
            (x.reshape(2, -1).T) for x in (part["artworks"] * back[size:tables_end], variances[size:tables_end])
        )
        tables = [
            self._table(column, known, asked.artworks, residuals, noises, explained, encoded)
            for column, known in enumerate((self.artworks, self.completions))
        ]
        stiffness = Stiffness.joint([table[4] for table in tables])
        titles = np.stack([table[0] for table in tables], axis=1)
        artworks = np.stack([table[1] for table in tables], axis=1)
        moved = (
            Weights.from_flat(spec, step).play_artwork.astype(np.float64),
            (self.prior_appeal + titles[encoded.title_of] + artworks - state.model.appeal)[:, 0],
        )
        of_artworks, latents = self._latents(asked, part, back, variances, doubt, moved, encoded)
        theta, taste, prior = state.model.theta + step, state.model.population_taste, self.prior
        if state.rounds == 0:
            centre = self.population.taste(taste)
            theta, prior = (optimiser.recentred(one, centre - taste, spec) for one in (theta, prior))
            taste = centre
        rates = [
            float(np.clip(_drawn(told, old, RATE_SPREAD, doubt), *RATE_RANGE))
            for told, old in zip(side[3:5], self.rates, strict=True)
        ]
        model = replace(
            state.model,
            theta=theta,
            population_taste=taste,
            appeal=self.prior_appeal + titles[encoded.title_of] + artworks,
            artwork_latents=self.prior_latents + of_artworks.table(encoded),
            base_rate=float(np.clip(rates[1], *optimiser.BASE_RATE_RANGE)),
            version=state.model.version + 1,
        )
        new = replace(
            state,
            model=model,
            title_appeal=titles,
            artwork_appeal=artworks,
            play=stages[0],
            keep=stages[1],
            table_variance=np.stack([table[2] for table in tables]),
            latents=of_artworks,
            rounds=state.rounds + 1,
        )
        unclipped = _drawn(float(np.clip(side[1], 0.0, 1.0)), QUANTILE, QUANTILE_SPREAD, doubt)
        return replace(
            self,
            state=new,
            play=informed[0],
            keep=informed[1],
            artworks=tables[0][3],
            completions=tables[1][3],
            weights=met,
            stiffness=stiffness,
            latents=latents,
            prior=prior,
            rates=(rates[0], rates[1]),
            reach=self.reach * float(np.exp(-REACH_STEP * (unclipped - QUANTILE))),
        )

    def _latents(
        self,
        asked: Question,
        part: Mapping[str, Doubles],
        back: Doubles,
        variances: Doubles,
        doubt: float,
        moved: tuple[Doubles, Doubles],
        encoded: EncodedCatalog,
    ) -> tuple[ArtworkLatents, LatentInformation]:
        """The artworks' latents after a round, and what is known of them.

        Args:
            part: the sum, by part of its layout.
            back, variances: factor from integers to sums, and the noise of these sums, by scaled entry.
            doubt: variance of the noise in a mean of side entries.
            moved: by how much this round moves tag weights [Z, U] and artworks' logits of play [n].
        """
        state, known = self.state, self.latents
        if asked.latents == "none":
            return state.latents, known
        unit = asked.units * MOMENTS_NORM * self.devices
        doubt_of_moments = doubt * (SIDE_NORM / MOMENTS_NORM * MOMENTS_SIZE) ** 2
        known = known.measured(part["moments"] / unit * MOMENTS_SIZE, doubt_of_moments)
        if state.rounds == 0:  # the first round moves the ranker far: what is left would be taken for latents
            return state.latents, known
        ends = np.cumsum([len(part[name]) for name in ("gradient", "artworks", "tag_latents")])
        tags, artworks = slice(ends[1], ends[2]), slice(ends[2], None)
        by_artwork, shape = asked.latents == "artworks", (2, -1, LATENTS)
        sums = artwork_latents.Sums(
            part["tag_latents"] * back[tags],
            variances[tags],
            (part["artwork_latents"] * back[artworks]).reshape(shape) if by_artwork else None,
            variances[artworks].reshape(shape) if by_artwork else None,
        )
        decisions = self.decisions * self.devices
        return artwork_latents.advance(
            state.latents, known, sums, asked.artworks[:, 0], *moved, decisions, encoded, LATENT_DAMPING
        )

    def _met(self, asked: Question, told: Doubles, doubt: float) -> list[float]:
        """By how much the curvature that devices have met exceeds the simulated one, of play and of keep; 1 where
        noise of variance `doubt` may have made the difference (James and Stein 1961, the positive part)."""
        met, start = [], 0
        for fisher, one in zip((asked.play, asked.keep), told, strict=True):
            scale = asked.scale[start : start + len(fisher)]
            expected = float(np.trace(fisher) / self.devices / (scale**2).sum()) / MAX_CURVATURE_RATIO
            excess = one / expected - 1.0
            kept = max(0.0, 1.0 - doubt / expected**2 / max(excess**2, TINY))
            met.append(float(np.clip(1.0 + kept * excess, *MET_RANGE)))
            start += len(fisher)
        return met

    def _steps(
        self, asked: Question, gradient: Doubles, noise: Doubles, met: list[float], encoded: EncodedCatalog
    ) -> tuple[list[Stage], list[Information], Stiffness]:
        """Of play, then of keep. gradient, noise [P]: sums, and the variances of their noise."""
        spec, state, decisions = encoded.spec, self.state, self.decisions * self.devices
        blocks = Blocks.of(spec)
        stages, informed, stiff = [], [], []
        for place, block, simulated_fisher, stage, before in (
            (slice(len(blocks.play)), blocks.play, asked.play * met[0], state.play, self.play),
            (slice(len(blocks.play), None), blocks.keep, asked.keep * met[1], state.keep, self.keep),
        ):
            g, variance = gradient[place], noise[place]
            met_by_viewers = np.diag(simulated_fisher)
            floor = MIN_OF_BLOCK * (np.bincount(block, met_by_viewers) / np.bincount(block))[block]
            fisher = simulated_fisher + np.diag(np.maximum(floor - met_by_viewers, 0.0))
            stiffness = self.weights.part(place)
            known = before.aged(decisions, np.diag(fisher) * stiffness.ratio)
            stiffness = stiffness.joined(known, g, variance, decisions)
            # What is missing is added on the diagonal: a factor for each weight would tilt the directions that no
            # score depends on, and steps along these run away.
            lacking = np.maximum(stiffness.ratio - 1.0, 0.0) * np.diag(fisher)
            doubt = DOUBT * float(np.sqrt(2 * variance @ stage.step**2)) / decisions
            secants = optimiser.with_secant(stage, g / decisions, doubt)
            curvature = fisher + np.diag(lacking) + decisions * (secants.T @ secants)
            diagonal = np.diag(curvature)
            information = known.joined(g, variance, decisions, diagonal)
            left = float(np.mean(diagonal / (diagonal + decisions**2 / information.precision)))
            damping = DAMPING[0] + left * (DAMPING[1] - DAMPING[0])
            precision, pull = information.of_truth(curvature, decisions)
            away = state.model.theta[place] - self.prior[place]
            step, variances = _step(stage.variance, precision, pull, away, block, len(spec.main_names), damping)
            fall = curvature @ step / decisions
            stages.append(Stage(variances, step, float(g @ step) / decisions, fall, secants))
            informed.append(information.moved(fall, stiffness.misfit))
            stiff.append(replace(stiffness, fall=fisher @ step / decisions))
        return stages, informed, Stiffness.joint(stiff)

    def _table(
        self,
        column: int,
        known: Information,
        curvature: Doubles,
        residuals: Doubles,
        noise: Doubles,
        explained: Doubles,
        encoded: EncodedCatalog,
    ) -> tuple[Doubles, Doubles, Doubles, Information, Stiffness]:
        """Titles [T] and artworks [n] from what θ leaves, their variances by evidence, and what is known of them.

        Args:
            column: 0 for play, 1 for completion; that of the arrays [n, 2] that follow.
        """
        fisher, told, doubt = curvature[:, column], residuals[:, column], noise[:, column]
        decisions = self.decisions * self.devices
        appeal, moved = (self.state.model.appeal - self.prior_appeal)[:, column], explained[:, column]
        place = slice(column * len(fisher), (column + 1) * len(fisher))
        stiffness = self.stiffness.part(place)
        known = known.aged(decisions, fisher * stiffness.ratio)
        stiffness = stiffness.joined(known, told, doubt, decisions)
        simulated, fisher = fisher, fisher * stiffness.ratio
        information = known.joined(told, doubt, decisions, fisher)
        precision, pull = information.of_truth(fisher, decisions)
        # What θ explains now is not explained twice; and both tables together are what was there and a step.
        observed = pull + precision * (appeal - moved)
        titles, artworks, variances = shrunken(precision, observed, self.state.table_variance[column], encoded)
        step = titles[encoded.title_of] + artworks - appeal + moved
        stiffness = replace(stiffness, fall=simulated * step / decisions)
        return titles, artworks, variances, information.moved(fisher * step / decisions, stiffness.misfit), stiffness


def _layout(asked: Question, encoded: EncodedCatalog) -> TrainingLayout:
    return TrainingLayout(encoded.spec, len(encoded.artwork), asked.latents)


def _drawn(told: float, known: float, spread: float, doubt: float) -> float:
    """A mean that was told with noise of variance `doubt`, drawn towards what was known, give or take `spread`."""
    return known + (told - known) * spread**2 / (spread**2 + doubt)


def _step(
    variance: Doubles,
    precision: Doubles,
    pull: Doubles,
    away: Doubles,
    block: npt.NDArray[np.intp],
    mains: int,
    damping: float,
) -> tuple[Doubles, Doubles]:
    """A damped step to the posterior mean, and the blocks' variances by MacKay's evidence step at where it leads.

    precision [P, P], pull [P]: of the truth from here. away [P]: how far here is from the prior's mean."""
    own = variance[block].copy()
    intercept = len(block) - mains
    own[intercept] = INTERCEPT_VARIANCE
    covariance = inverse(precision + np.diag(1.0 / own))
    newton = covariance @ (pull - away / own)
    squares = (away + newton) ** 2
    determined = 1.0 - np.diag(covariance) / own
    squares[intercept] = determined[intercept] = 0.0
    return damping * newton, optimiser.evidence(variance, squares, determined, block)


def shrunken(
    precision: Doubles, vector: Doubles, variance: Doubles, encoded: EncodedCatalog
) -> tuple[Doubles, Doubles, Doubles]:
    """Titles [T] and artworks [n], whose sum is observed with `precision` [n]; and their variances by evidence."""
    of_titles, of_pictures = variance
    count = len(encoded.first) - 1
    shrink = 1.0 / (precision + 1.0 / of_pictures)
    left = 1.0 - precision * shrink
    known = np.bincount(encoded.title_of, weights=precision * left, minlength=count)
    titles = np.bincount(encoded.title_of, weights=vector * left, minlength=count) / (known + 1.0 / of_titles)
    pictures = (vector - precision * titles[encoded.title_of]) * shrink
    gamma = (known / (known + 1.0 / of_titles)).sum(), (precision * shrink).sum()
    squares = (titles**2).sum(), (pictures**2).sum()
    updated = [(square + old) / (g + 1.0) for square, old, g in zip(squares, variance, gamma, strict=True)]
    return titles, pictures, np.clip(updated, *optimiser.TABLE_VARIANCE_RANGE)
