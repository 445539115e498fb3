"""Information: what several noised gradients tell together about where the likelihood is highest.

Each round's gradient a decision is averaged with those before, which are carried to the model of the day: along a
step Δ a gradient falls by F Δ. Each entry weighs by the precision that noise leaves to it. A carried entry has two
more errors, as the process noise of a Kalman filter (Kalman 1960):

- It is of an older log. A log of D decisions is the first D₀ of it and new ones, so the means of their gradients
  differ with variance F (1/D₀ − 1/D), F a decision.
- F is only simulated, at the model of its day: F Δ is wrong by `MISFIT` of itself.

So where noise vanishes, only the newest gradient counts.

The optimum that a gradient g points to stands F⁻¹ from the truth, whatever the noise; with noise N, the truth is
observed with precision A = F (F + N)⁻¹ F, at A Δ = F (F + N)⁻¹ g from here, and the prior does the rest. Unlike
F N⁻¹ F, whose condition is the square of F's, this loses nothing to the arithmetic where the noise is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from keyart.linalg import inverse

from ..types import Doubles

MISFIT = 0.5
DRIFT = 0.1  # standard deviation by which the ratio of true to simulated curvature changes in a round
RATIO_RANGE = (0.5, 20.0)
NEGLIGIBLE = 1e-3  # share of the prior's precision below which noise changes no digit that matters


@dataclass(frozen=True)
class Information:
    """A gradient and how well it is known.

    gradient [P]: a decision, at the model of the day; precision [P]: of its entries. decisions: in the log that it
    is of.
    """

    precision: Doubles
    gradient: Doubles
    decisions: float = 0.0

    @classmethod
    def none(cls, size: int) -> Information:
        """Return what is known before the first decision."""
        return cls(np.zeros(size), np.zeros(size))

    def joined(self, gradient: Doubles, noise: Doubles, decisions: float, fisher: Doubles) -> Information:
        """Return the information after one more round.

        Args:
            gradient: sums over the log, [P].
            noise: variance of the noise in `gradient`, [P].
            decisions: in the log.
            fisher: diagonal of the curvature of the whole log, [P].
        """
        old, new = self.aged(decisions, fisher).precision, decisions**2 / noise
        mean = (old * self.gradient + new * gradient / decisions) / (old + new)
        return Information(old + new, mean, decisions)

    def aged(self, decisions: float, fisher: Doubles) -> Information:
        """Return what is left where the log has grown to `decisions`. fisher [P]: as in `joined`."""
        if self.decisions <= 0:
            return self
        grown = max(1.0 / self.decisions - 1.0 / decisions, 0.0)
        precision = self.precision / (1.0 + self.precision * fisher / decisions * grown)
        return replace(self, precision=precision, decisions=decisions)

    def moved(self, fall: Doubles, misfit: Doubles | float = MISFIT) -> Information:
        """After a step along which the gradient falls by `fall` [P], a decision, give or take `misfit` of it."""
        precision = self.precision / (1.0 + self.precision * (misfit * fall) ** 2)
        return replace(self, precision=precision, gradient=self.gradient - fall)

    def of_truth(self, fisher: Doubles, decisions: float, prior: Doubles | float = 0.0) -> tuple[Doubles, Doubles]:
        """Return A and A Δ.

        Args:
            fisher: Curvature of the whole log, a matrix or its diagonal.
            decisions: Number of decisions in the log.
            prior: Precision of the prior, [P]. A errs by the noise at most if it is left out, as it is where it is
                lost beside the prior.
        """
        noise = decisions**2 / self.precision
        if fisher.ndim > 1 and (noise <= NEGLIGIBLE * prior).all():
            return fisher, self.gradient * decisions
        if fisher.ndim == 1:
            share = fisher / (fisher + noise)
            return share * fisher, share * self.gradient * decisions
        # F (F + N)⁻¹ F = F − N + N (F + N)⁻¹ N, which costs no product of matrices.
        gradient = self.gradient * decisions
        precision = inverse(fisher + np.diag(noise))
        pull = gradient - noise * (precision @ gradient)
        precision *= np.multiply.outer(noise, noise)
        precision += fisher
        precision[np.diag_indices_from(precision)] -= noise
        return precision, pull


@dataclass(frozen=True)
class Stiffness:
    """The ratio of the curvature that the steps so far have met to the simulated one, entry by entry.

    Along a step, the gradient falls by the true curvature times the step. `ratio` is the posterior mean of true to
    simulated curvature, with a prior of 1 ± `MISFIT`, given the falls that were met (a Kalman filter an entry). An
    entry whose curvature is simulated too small would otherwise step too far, and farther back in the next round.

    ratio, precision [P]: posterior mean, and precision. fall [P]: of the gradient a decision along the last step, by
    simulated curvature.
    """

    ratio: Doubles
    precision: Doubles
    fall: Doubles

    @classmethod
    def none(cls, size: int) -> Stiffness:
        """Return the estimate before the first decision."""
        return cls(np.ones(size), np.full(size, MISFIT**-2), np.zeros(size))

    @classmethod
    def joint(cls, parts: Sequence[Stiffness]) -> Stiffness:
        """Parts, one behind the other."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    def part(self, place: slice) -> Stiffness:
        """The entries of a place."""
        return Stiffness(*(getattr(self, f.name)[place] for f in fields(self)))

    def joined(self, known: Information, gradient: Doubles, noise: Doubles, decisions: float) -> Stiffness:
        """Return the stiffness after a new gradient has shown how far the last step fell.

        Args:
            known: all that was known before it, carried along the last step.
            gradient: as in `Information.joined`.
            noise: likewise.
            decisions: likewise.
        """
        if known.decisions <= 0:
            return self
        # `known` is already less precise by what is doubtful about the ratio: here that is what is estimated.
        doubt = 1.0 / np.maximum(known.precision, 1e-300) - self.fall**2 / self.precision
        doubt = np.maximum(doubt, 0.0) + noise / decisions**2 + 1e-300
        excess = known.gradient - gradient / decisions
        precision = self.precision + self.fall**2 / doubt
        ratio = self.ratio + excess * self.fall / doubt / precision
        kept = 1.0 / (1.0 / precision + DRIFT**2)
        return replace(self, ratio=np.clip(ratio, *RATIO_RANGE), precision=kept)

    @property
    def misfit(self) -> Doubles:
        """Standard deviation of the ratio, as a share of it."""
        return np.asarray(1.0 / np.sqrt(self.precision) / self.ratio)
