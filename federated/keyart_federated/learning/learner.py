"""The learner: the server's step from noised sums to the next model, with what several rounds have shown.

No device sends curvature: F comes from simulated viewers (`curvature`, `viewer_population`) at the number of
decisions that the devices report. With g the gradient of the whole logs, L prior precisions by block and μ the
prior,

    θ ← θ + damping · (F + L)⁻¹ (g − L (θ − μ))                                                     (1)

The tables of titles and artworks follow, from their residuals less what the step of θ explains, and then the
artworks' latents, on what that leaves. The centre of taste is set once, in the first round.

A round has two halves: `Learner.ask` returns the request, and `Learner.answered` reads its sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

import keyart
from keyart.campaigns import (
    MAX_CURVATURE_RATIO,
    MOMENTS_NORM,
    MOMENTS_SIZE,
    SIDE_NORM,
    LatentBlocks,
    training_main_norm,
)
from keyart.dp import UNITS
from keyart.model import LATENTS, EncodedCatalog, Weights

from ..rounding import sum_variance
from ..types import Doubles, Integers
from . import artwork_appeal, artwork_latents
from .artwork_latents import ArtworkLatents, LatentInformation
from .artwork_sums import ArtworkSums
from .curvature import Curvature, simulated
from .information import Information, Stiffness
from .learner_state import LearnerState
from .learning_request import MIN_ARTWORK_CURVATURE, LearningRequest
from .marginal import mean_features, without_appeal
from .newton import Blocks, NewtonStage, damped_step, explained_by, recentred, with_secant
from .viewer_population import Population

# Share of a step where noise leaves nothing of a gradient, and where it leaves all of it. Noise and prior hold the
# former back; the latter overshoots until what simulated curvature lacks is found.
DAMPING = (0.9, 0.65)
LATENT_DAMPING = 0.65
# A log holds decisions of older models, but the gradient is at the newest: with few new decisions, a curvature that
# only remembers makes the step run away.
MIN_FRESH_SHARE = 0.5
OF_WEIGHTS = 0.1  # E[w²] over E[w], about: by which the square of a sum of w is smaller than that of r
SECANT_DEVIATIONS = 2.0  # standard deviations by which a slope must be off before noise is not to blame
CURVATURE_FACTOR_RANGE = (0.25, 4.0)
BOOST = 3.0  # artworks' sums are scaled down by it against the rest
MIN_OF_MEAN = 1e-2  # scales are no smaller than this share of the mean: what nobody sees is not blown up
# A weight's curvature is no less than this share of its block's mean: simulated viewers may never meet what real ones
# do, and a weight that nothing holds would run away.
MIN_OF_BLOCK = 0.3
MIN_FACTOR = 0.05
MAX_OF_MEAN = 3.0  # a device's decisions are counted up to this multiple of those expected
# Share of the countable decisions that a device has made: 1 / MAX_OF_MEAN is expected.
DECISIONS_RANGE, DECISIONS_SPREAD = (0.02, 1.0), 0.15
RATE_RANGE, RATE_SPREAD = (1e-3, 0.9), 0.03
BASE_RATE_RANGE = (1e-3, 0.999)  # a manifest's is above 0 and below 1
EXPECTED_FACTOR, FACTOR_SPREAD = 0.6, 0.15  # of clipping, before a sum has shown it
UNCLIPPED, UNCLIPPED_SPREAD = 0.05, 0.1  # share of devices whose vectors are not shortened
REACH_STEP = 0.2  # learning rate of the adaptive clip (Andrew et al., section 2)
TINY = 1e-12
FAINT = 1e-7  # no entry's noise counts as less than this share of its curvature: arithmetic is no better


@dataclass(frozen=True)
class Learner:
    """The server's state between two rounds. Field names are names in a checkpoint.

    Attributes:
        state: The model, tables, prior variances and last steps.
        population: Who the viewers are.
        devices: Number of devices that are expected to answer.
        play: Gradients of the weights of play, over all rounds.
        keep: Gradients of the weights of completion.
        artworks: Residuals of play by artwork.
        completions: Residuals of completion by artwork.
        weights: Stiffness of the curvature by weight, of play and then of completion, [P].
        stiffness: Stiffness of the curvature by artwork, of play and then of completion, [2n].
        latents: Gradients and moments of the artworks' latents.
        exposure: Number of decisions by artwork, of all devices, [n].
        prior: Weights of the model that learning started from, [P]; they hold as long as no sum says otherwise.
        prior_appeal: Appeal in that model, [n, 2].
        prior_latents: Artworks' latents in that model, [n, F].
        decisions: Number of decisions that a device has made so far.
        rates: Plays and quality plays a decision.
        reach: Multiple of the clip at which the share of devices that a request aims at is not shortened (Andrew,
            Thakkar, McMahan and Ramaswamy 2021, "Differentially private learning with adaptive clipping", section 2).
    """

    state: LearnerState
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
    def start(cls, state: LearnerState, population: Population, devices: float, encoded: EncodedCatalog) -> Learner:
        """Return the learner before its first round, with the state's model as the prior."""
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
        unclipped: float = UNCLIPPED,
    ) -> tuple[Learner, LearningRequest]:
        """Return the next request, and the learner that has made it.

        Entries are divided by the root of the curvature that is expected of a device, so that each has about the same
        spread and noise hides none more than another.

        Args:
            decisions: Number of decisions that a device has made by now.
            clip: Norm that vectors are shortened to, as a multiple of the norm that is expected.
            encoded: The catalogue.
            policy: Policy by which devices draw artworks.
            rng: Randomness of the simulated viewers.
            units: Integer steps to a norm of 1.
            latents: Blocks of latents that devices send. They have none before their model has title latents.
            unclipped: Share of the devices whose vectors should not be shortened, towards which the clip moves.
        """
        model, count = self.state.model, self.devices
        new = decisions - self.decisions
        shown, artwork_curvature = self.population.shown(model, self.latents.second, encoded, policy, rng)
        exposure = self.exposure + shown * new * count
        total = self.population.totals(encoded, count, decisions * count, self.rates)
        curvature = simulated(total, model, encoded, policy, rng)
        if self.state.curvature is not None:
            share = max(new / decisions, MIN_FRESH_SHARE)
            curvature = self.state.curvature.joined(curvature, share)
        play, keep = curvature.play * decisions * count, curvature.keep * decisions * count
        artworks = artwork_curvature * exposure[:, None]
        floor = np.maximum(artworks, MIN_OF_MEAN * artworks.mean(axis=0)) * BOOST**2
        diagonal = np.concatenate([np.diag(play), np.diag(keep)])
        diagonal = np.maximum(diagonal, MIN_OF_MEAN**2 * diagonal.mean())
        squares = [diagonal, *floor.T]
        # Each entry divided by its own spread has a mean square of 1; those of the artworks have 1 / BOOST², and
        # their curvature, which has the scale of the residuals, has less.
        expected = len(diagonal) + (1 + OF_WEIGHTS) * artworks.size / BOOST**2
        if latents != "none":
            moments = np.diag(self.latents.second)
            by_tag = artworks[:, 0] @ encoded.artwork.astype(np.float64) ** 2
            by_tag = np.maximum(by_tag, MIN_OF_MEAN * by_tag.sum() / max(len(by_tag), 1)) * BOOST**2
            squares.append(np.outer(by_tag, moments).ravel())
            expected += len(squares[-1]) / BOOST**2
            if latents == "artworks":
                squares += [
                    np.outer(floor[:, 0], moments).ravel(),
                    np.outer(floor[:, 0], moments).ravel() * OF_WEIGHTS,
                ]
                expected += 2 * len(squares[-1]) / BOOST**2
        scale = np.sqrt(np.concatenate([*squares, *floor.T]) / count)
        learner = replace(
            self, state=replace(self.state, curvature=curvature), exposure=exposure, decisions=decisions
        )
        return learner, LearningRequest(
            scale,
            clip * np.sqrt(expected) * (self.reach if units == UNITS else 1.0),
            MAX_OF_MEAN * decisions,
            play,
            keep,
            np.maximum(artworks, MIN_ARTWORK_CURVATURE),
            curvature,
            unclipped,
            latents,
            units,
        )

    def counted(
        self, request: LearningRequest, total: Integers, devices: float, variance: float, encoded: EncodedCatalog
    ) -> tuple[Learner, LearningRequest]:
        """Return the learner and its request as if the participation had been known when the request was made.

        The number of decisions of a device is read in the noised sum, and drawn towards the expected one as far as
        the noise may have moved it.

        Args:
            request: The request.
            total: The noised sum, [layout.size].
            devices: Number of devices that have answered.
            variance: Variance of the noise in each entry, that of all devices together.
            encoded: The catalogue.
        """
        observed = request.layout(encoded).parts(total.astype(np.float64))["side"][2]
        unit = SIDE_NORM * request.units * devices
        share = _shrink(observed / unit, 1 / MAX_OF_MEAN, DECISIONS_SPREAD, variance / unit**2)
        return self._with_participation(request, devices, float(np.clip(share, *DECISIONS_RANGE)) * request.most)

    def with_curvature(self, request: LearningRequest, average: Curvature) -> LearningRequest:
        """Return the request with the curvature of real decisions in place of the simulated one.

        Args:
            request: The request.
            average: Curvature of a decision.
        """
        return request.with_curvature(average, self.decisions * self.devices)

    def answered(
        self, request: LearningRequest, total: Integers, variance: float, encoded: EncodedCatalog
    ) -> Learner:
        """Return the learner after a round.

        Args:
            request: The request of the round.
            total: The noised sum, [layout.size].
            variance: Variance of the noise in each entry, that of all devices together.
            encoded: The catalogue.
        """
        spec, state = encoded.spec, self.state
        part = request.layout(encoded).parts(total.astype(np.float64))
        unit, noise = SIDE_NORM * request.units * self.devices, sum_variance(variance, self.devices)
        side, side_variance = part["side"] / unit, variance / unit**2
        # From integers to sums: the scale, and on average what clipping took.
        expected_factor = EXPECTED_FACTOR + (1.0 - EXPECTED_FACTOR) * request.unclipped
        factor = max(_shrink(side[0], expected_factor, FACTOR_SPREAD, side_variance), MIN_FACTOR)
        to_sums = request.scale * request.clip / (request.units * training_main_norm() * factor)
        variances = noise * to_sums**2 + FAINT * self.devices * request.scale**2
        place, scaled = request.layout(encoded).places, total[: len(to_sums)] * to_sums
        sums = ArtworkSums.read(scaled, variances, place, request.artworks)
        stages, gradients, weight_stiffness = self._steps(
            request,
            scaled[place["gradient"]],
            variances[place["gradient"]],
            self._curvature_factors(request, side[5:7], side_variance),
            sums,
            encoded,
        )
        step = np.concatenate([stage.step for stage in stages])
        explained = explained_by(step, request.average, encoded)
        titles, artworks, appeal_prior, informations, stiffness = artwork_appeal.advance(
            state.appeal_prior,
            (self.artworks, self.completions),
            self.stiffness,
            sums,
            state.model.appeal - self.prior_appeal,
            explained,
            self.decisions * self.devices,
            encoded,
        )
        shifts = (
            Weights.from_flat(spec, step).play_artwork.astype(np.float64),
            (self.prior_appeal + titles[encoded.title_of] + artworks - state.model.appeal)[:, 0],
        )
        latent_tables, latents = self._latents(
            request, part, scaled, variances, side_variance, sums.curvature[:, 0], shifts, encoded
        )
        theta, taste, prior = state.model.theta + step, state.model.population_taste, self.prior
        if state.rounds == 0:
            centre = self.population.taste(taste)
            theta, prior = (recentred(weights, centre - taste, spec) for weights in (theta, prior))
            taste = centre
        rates = [
            float(np.clip(_shrink(observed, before, RATE_SPREAD, side_variance), *RATE_RANGE))
            for observed, before in zip(side[3:5], self.rates, strict=True)
        ]
        model = replace(
            state.model,
            theta=theta,
            population_taste=taste,
            appeal=self.prior_appeal + titles[encoded.title_of] + artworks,
            artwork_latents=self.prior_latents + latent_tables.table(encoded),
            base_rate=float(np.clip(rates[1], *BASE_RATE_RANGE)),
            version=state.model.version + 1,
        )
        new = replace(
            state,
            model=model,
            title_appeal=titles,
            artwork_appeal=artworks,
            play=stages[0],
            keep=stages[1],
            appeal_prior=appeal_prior,
            latents=latent_tables,
            rounds=state.rounds + 1,
        )
        aim = request.unclipped
        unclipped = _shrink(float(np.clip(side[1], 0.0, 1.0)), aim, UNCLIPPED_SPREAD, side_variance)
        return replace(
            self,
            state=new,
            play=gradients[0],
            keep=gradients[1],
            artworks=informations[0],
            completions=informations[1],
            weights=weight_stiffness,
            stiffness=stiffness,
            latents=latents,
            exposure=self.exposure * sums.curvature[:, 0] / request.artworks[:, 0],
            prior=prior,
            rates=(rates[0], rates[1]),
            reach=self.reach * float(np.exp(-REACH_STEP * (unclipped - aim))),
        )

    def _with_participation(
        self, request: LearningRequest, devices: float, decisions: float
    ) -> tuple[Learner, LearningRequest]:
        """Return both for so many devices, with so many decisions each."""
        ratio = decisions * devices / (self.decisions * self.devices)
        return (
            replace(self, devices=devices, decisions=decisions, exposure=self.exposure * ratio),
            request.resized(ratio),
        )

    def _latents(
        self,
        request: LearningRequest,
        part: Mapping[str, Doubles],
        scaled: Doubles,
        variances: Doubles,
        side_variance: float,
        curvature: Doubles,
        shifts: tuple[Doubles, Doubles],
        encoded: EncodedCatalog,
    ) -> tuple[ArtworkLatents, LatentInformation]:
        """Return the artworks' latents after a round, and the information that they follow from.

        Args:
            request: The request of the round.
            part: The sum, by part of its layout.
            scaled: The sums of which scales are taken off.
            variances: Variances of the noise in them.
            side_variance: Variance of the noise in a mean of side entries.
            curvature: Curvature of play by artwork, [n].
            shifts: By how much this round moves tag weights [Z, U] and artworks' logits of play [n].
            encoded: The catalogue.
        """
        state, information = self.state, self.latents
        if request.latents == "none":
            return state.latents, information
        unit = request.units * MOMENTS_NORM * self.devices
        moments_variance = side_variance * (SIDE_NORM / MOMENTS_NORM * MOMENTS_SIZE) ** 2
        information = information.measured(part["moments"] / unit * MOMENTS_SIZE, moments_variance)
        if state.rounds == 0:  # the first round moves the ranker far: what is left would be taken for latents
            return state.latents, information
        place = request.layout(encoded).places
        tags, artworks = place["tag_latents"], place.get("artwork_latents", slice(0))
        by_artwork, shape = request.latents == "artworks", (2, -1, LATENTS)
        sums = artwork_latents.Sums(
            scaled[tags],
            variances[tags],
            scaled[artworks].reshape(shape) if by_artwork else None,
            variances[artworks].reshape(shape) if by_artwork else None,
        )
        decisions = self.decisions * self.devices
        return artwork_latents.advance(
            state.latents, information, sums, curvature, *shifts, decisions, encoded, LATENT_DAMPING
        )

    def _curvature_factors(self, request: LearningRequest, observed: Doubles, variance: float) -> list[float]:
        """Return the ratio of the curvature that devices met to the simulated one, for play and for completion.

        It is drawn towards 1 as far as noise of `variance` may have made the difference (James and Stein 1961,
        "Estimation with quadratic loss", the positive part).
        """
        factors, start = [], 0
        for fisher, traced in zip((request.play, request.keep), observed, strict=True):
            scale = request.scale[start : start + len(fisher)]
            expected = float(np.trace(fisher) / self.devices / (scale**2).sum()) / MAX_CURVATURE_RATIO
            excess = traced / expected - 1.0
            kept = max(0.0, 1.0 - variance / expected**2 / max(excess**2, TINY))
            factors.append(float(np.clip(1.0 + kept * excess, *CURVATURE_FACTOR_RANGE)))
            start += len(fisher)
        return factors

    def _steps(
        self,
        request: LearningRequest,
        gradient: Doubles,
        noise: Doubles,
        factors: list[float],
        sums: ArtworkSums,
        encoded: EncodedCatalog,
    ) -> tuple[list[NewtonStage], list[Information], Stiffness]:
        """Return the steps (1) of play and of completion, the gradients after them, and the weights' stiffness.

        Args:
            request: The request of the round.
            gradient: Sums of gradients, [P].
            noise: Variances of the noise in them, [P].
            factors: Ratios of real to simulated curvature, of play and of completion.
            sums: Sums of the round by artwork.
            encoded: The catalogue.
        """
        spec, state, decisions = encoded.spec, self.state, self.decisions * self.devices
        blocks = Blocks.of(spec)
        stages, informations, stiffnesses = [], [], []
        features, prior = mean_features(request.average, encoded), state.appeal_prior
        away = state.model.appeal - self.prior_appeal
        for column, (place, block, whole, stage, before) in enumerate(
            (
                (slice(len(blocks.play)), blocks.play, request.play, state.play, self.play),
                (slice(len(blocks.play), None), blocks.keep, request.keep, state.keep, self.keep),
            )
        ):
            g, variance, simulated_fisher = without_appeal(
                gradient[place],
                noise[place],
                whole * factors[column],
                column,
                sums,
                away[:, column],
                float((prior.titles + prior.artworks)[column, column]),
                features[column],
                request.average.weights[:, column] * decisions * factors[column],
            )
            simulated_diagonal = np.diag(simulated_fisher)
            floor = MIN_OF_BLOCK * (np.bincount(block, simulated_diagonal) / np.bincount(block))[block]
            fisher = simulated_fisher + np.diag(np.maximum(floor - simulated_diagonal, 0.0))
            stiffness = self.weights.part(place)
            aged = before.aged(decisions, np.diag(fisher) * stiffness.ratio)
            stiffness = stiffness.joined(aged, g, variance, decisions)
            # What is missing is added on the diagonal: a factor for each weight would tilt the directions that no
            # score depends on, and steps along these run away.
            lacking = np.maximum(stiffness.ratio - 1.0, 0.0) * np.diag(fisher)
            tolerance = SECANT_DEVIATIONS * float(np.sqrt(2 * variance @ stage.step**2)) / decisions
            secants = with_secant(stage, g / decisions, tolerance)
            curvature = fisher + np.diag(lacking) + decisions * (secants.T @ secants)
            diagonal = np.diag(curvature)
            information = aged.joined(g, variance, decisions, diagonal)
            left = float(np.mean(diagonal / (diagonal + decisions**2 / information.precision)))
            damping = DAMPING[0] + left * (DAMPING[1] - DAMPING[0])
            precision, pull = information.of_truth(curvature, decisions, 1.0 / stage.variance[block])
            moved = state.model.theta[place] - self.prior[place]
            step, variances = damped_step(
                stage.variance, precision, pull, moved, block, len(spec.main_names), damping
            )
            fall = curvature @ step / decisions
            stages.append(NewtonStage(variances, step, float(g @ step) / decisions, fall, secants))
            informations.append(information.moved(fall, stiffness.misfit))
            stiffnesses.append(replace(stiffness, fall=fisher @ step / decisions))
        return stages, informations, Stiffness.joint(stiffnesses)


def _shrink(observed: float, expected: float, spread: float, variance: float) -> float:
    """Return the posterior mean of a number: expected ± spread beforehand, observed with noise of a variance."""
    return expected + (observed - expected) * spread**2 / (spread**2 + variance)
