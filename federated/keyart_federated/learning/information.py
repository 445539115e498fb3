"""Information: what several noised gradients tell together about where the likelihood is highest.

Each round's gradient a decision is averaged with those before, which are carried to the model of the day: along a
step Δ a gradient falls by F Δ. Each entry weighs by the precision that noise leaves to it, an older one for `AGE` of
it a round, since F is only known at the model of its day.

The optimum that a gradient g points to stands F⁻¹ from the truth, whatever the noise; with noise N, the truth is
observed with precision A = F (F + N)⁻¹ F, at A Δ = F (F + N)⁻¹ g from here, and the prior does the rest. Unlike
F N⁻¹ F, whose condition is the square of F's, this loses nothing to the arithmetic where the noise is small.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from keyart.linalg import inverse

from .curvature import Doubles

AGE = 0.6


@dataclass(frozen=True)
class Information:
    """gradient [P]: a decision, at the model of the day; precision [P]: of its entries."""

    precision: Doubles
    gradient: Doubles

    @classmethod
    def none(cls, size: int) -> Information:
        return cls(np.zeros(size), np.zeros(size))

    def joined(self, gradient: Doubles, noise: Doubles, decisions: float) -> Information:
        """One more round. gradient [P], and noise [P], the variance of its entries: sums over `decisions`."""
        new, old = decisions**2 / noise, AGE * self.precision
        return Information(old + new, (old * self.gradient + new * gradient / decisions) / (old + new))

    def moved(self, fall: Doubles) -> Information:
        """After a step along which the gradient falls by `fall` [P], a decision."""
        return replace(self, gradient=self.gradient - fall)

    def of_truth(self, fisher: Doubles, decisions: float) -> tuple[Doubles, Doubles]:
        """A and A Δ, for curvature `fisher` of `decisions` decisions: a matrix, or its diagonal."""
        noise = decisions**2 / self.precision
        if fisher.ndim == 1:
            share = fisher / (fisher + noise)
            return share * fisher, share * self.gradient * decisions
        share = fisher @ inverse(fisher + np.diag(noise))
        precision = share @ fisher
        return (precision + precision.T) / 2, share @ self.gradient * decisions
