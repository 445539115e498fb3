"""The request of a training round: how devices scale and shorten their vectors, and what the server keeps for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from keyart.campaigns import LatentBlocks, TrainingLayout
from keyart.dp import UNITS
from keyart.model import EncodedCatalog

from ..types import Doubles
from .curvature import Curvature

MIN_ARTWORK_CURVATURE = 1e-9


@dataclass(frozen=True)
class LearningRequest:
    """The request of a training round.

    Devices get the first three and `latents` and `units`; the rest stays with the server until the sum is there.

    Attributes:
        scale: Divisor of each entry, [`TrainingLayout.scaled`].
        clip: Norm that the divided vector is shortened to.
        most: Number of decisions of a device above which none is counted.
        play: Curvature of play, of all decisions, [P, P].
        keep: Curvature of completion, of all decisions, [P, P].
        artworks: Curvature of play and of completion by artwork, of all decisions, [n, 2].
        average: Curvature of a decision.
        unclipped: Share of the devices that the clip aims to leave whole.
        latents: Blocks of latents that devices send.
        units: Integer steps to a norm of 1.
    """

    scale: Doubles
    clip: float
    most: float
    play: Doubles
    keep: Doubles
    artworks: Doubles
    average: Curvature
    unclipped: float
    latents: LatentBlocks = "none"
    units: int = UNITS

    def layout(self, encoded: EncodedCatalog) -> TrainingLayout:
        """Return the layout of a device's vector."""
        return TrainingLayout(encoded.spec, len(encoded.artwork), self.latents)

    def with_curvature(self, average: Curvature, decisions: float) -> LearningRequest:
        """Return the request with another curvature.

        Args:
            average: Curvature of a decision.
            decisions: Number of decisions of all devices.
        """
        return replace(
            self,
            play=average.play * decisions,
            keep=average.keep * decisions,
            average=average,
        )

    def resized(self, ratio: float) -> LearningRequest:
        """Return the request for `ratio` times as many decisions."""
        return replace(self, play=self.play * ratio, keep=self.keep * ratio, artworks=self.artworks * ratio)
