"""Acceptance of a bundle: does a new one do worse than the installed one on this device's own log?

The device's own answered decisions are replayed in their order, once with each bundle: every outcome is predicted by
the model, with a head and artwork biases that have learned from the outcomes before it (Dawid 1984, "Statistical
theory: the prequential approach"). So no outcome predicts itself, and a bundle that the head soon corrects is not
charged for more than it costs. Nothing of this leaves the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..model.features import ViewerFeatures, affinities
from ..model.features.viewer import tally_views
from ..model.loaded_model import LoadedModel
from ..types import Doubles
from .learner import Answered, Learner, played_of, shown_rows
from .profile import Profile

MIN_DECISIONS = 30  # fewer tell bundles apart by luck alone
MAX_DECISIONS = 1000  # the last ones: what an install may take of a device's time
MAX_STANDARD_ERRORS = 3.0  # standard errors; of equal bundles one in 740 is called worse


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The comparison of two bundles.

    Attributes:
        old: Mean log-loss of play in nats a decision; NaN if there were too few decisions.
        new: The same for the new bundle.
        decisions: Number of decisions.
        adopted: True if the new bundle may be installed.
    """

    old: float
    new: float
    decisions: int
    adopted: bool


def compare_models(profile: Profile, old: LoadedModel, new: LoadedModel) -> Acceptance:
    """Compare two models on a profile's log. Both are loaded for one catalogue.

    The new model is rejected if it is clearly worse: the mean of the paired differences of the losses is more than
    `MAX_STANDARD_ERRORS` standard errors above 0. With fewer than `MIN_DECISIONS` decisions it is adopted. Decisions
    under an intent, and of artworks that have left the catalogue, do not count.
    """
    answered = [
        (entry, entry.outcome)
        for entry in profile.journal.entries()
        if entry.outcome is not None and not entry.with_intent and entry.artwork_id in new.encoded.place
    ][-MAX_DECISIONS:]
    if len(answered) < MIN_DECISIONS:
        return Acceptance(math.nan, math.nan, len(answered), True)
    losses = [_losses(profile, installed, answered) for installed in (old, new)]
    worse = losses[1] - losses[0]
    error = float(worse.std(ddof=1)) / math.sqrt(len(worse))
    adopted = float(worse.mean()) <= MAX_STANDARD_ERRORS * error
    return Acceptance(float(losses[0].mean()), float(losses[1].mean()), len(answered), adopted)


def _losses(profile: Profile, installed: LoadedModel, answered: Sequence[Answered]) -> Doubles:
    """Return −ln of the probability that was given to each outcome, [N]."""
    viewer = _viewer(profile, installed)
    rows, artworks = shown_rows(installed, viewer, [entry for entry, _ in answered])
    learner, played = Learner(installed, profile.stated), played_of(answered)
    base = learner.base(rows, artworks, viewer)
    logits = np.empty(len(base))
    for i, artwork in enumerate(artworks.tolist()):
        row = slice(i, i + 1)
        logits[i] = learner.update(rows.artwork[row], artwork, base[row], played[row])[0]
    return np.asarray(np.logaddexp(0.0, np.where(played > 0, -logits, logits)))


def _viewer(profile: Profile, installed: LoadedModel) -> ViewerFeatures:
    """Return the viewer's features from the history alone: the outcomes of decisions are to be predicted."""
    counted = profile.views_by_title().astype(np.float32)
    titles = np.flatnonzero(counted)
    watched, seen = tally_views(installed.encoded, titles, counted[titles])
    viewer = affinities(installed.encoded, watched, seen, counted.sum(), installed.population_taste)
    return viewer if installed.latents is None else replace(viewer, met=installed.latents.met(counted))
