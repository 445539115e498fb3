"""Slates of a model: the candidates of each case, scored by the SDK's own decision path."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

import keyart
from keyart.model import (
    NO_ADDITIONS,
    CandidateChances,
    CandidateSets,
    EncodedCatalog,
    FeatureRows,
    HeadPrior,
    Latents,
    LoadedModel,
    LogitAdditions,
    NumpyRanker,
    Weights,
    distribution,
    score,
)
from keyart.types import Floats
from keyart_federated.export import ModelFile

from .evaluation_set import EvaluationCase, EvaluationSet


@dataclass(frozen=True)
class Slate:
    """The candidates of one case.

    Attributes:
        rows: inputs of the ranker.
        allowed: [A], the candidates that the policy may show.
        case: the case; None for a random slate.
        additions: latent-factor terms of the play logit.
        title, places: index of the title, and indices of its artworks, in the catalogue; used with `additions`.
    """

    rows: FeatureRows
    allowed: npt.NDArray[np.bool_]
    case: EvaluationCase | None = None
    additions: LogitAdditions = NO_ADDITIONS
    title: int = 0
    places: slice = field(default_factory=lambda: slice(0))

    def values(self, weights: Weights) -> Floats:
        """Return [A], the probability of a quality play; −inf for candidates that may not be shown."""
        return np.where(self.allowed, self._value(weights), -np.inf).astype(np.float32)

    def weighed(self, weights: Weights, gamma: float) -> CandidateChances:
        """Return the values with the policy's probabilities."""
        value = self._value(weights)
        return CandidateChances(value, distribution(value, self.allowed, gamma))

    def _value(self, weights: Weights) -> Floats:
        scores = score(weights, self.rows)
        return self.additions.logits(scores, self.rows.artwork, self.title, self.places).value


def slates(evaluation_set: EvaluationSet, installed: LoadedModel, policy: keyart.Policy) -> Iterator[Slate]:
    """Yield one slate per case, without a personal head: the shared model is what is evaluated."""
    for device, cases in itertools.groupby(evaluation_set.each, key=lambda case: case.device):
        views = [view for view in evaluation_set.history(device) if view.title_id in evaluation_set.catalog]
        viewer = installed.viewer(views, evaluation_set.catalog, keyart.Reward())
        watched = {evaluation_set.catalog.index(view.title_id) for view in views}
        of_device = CandidateSets(evaluation_set.catalog, installed, policy, viewer, None, watched.__contains__)
        for case in cases:
            rows = of_device.rows([case.title], case.context)
            allowed = of_device.allowed(case.title, case.context)
            places = of_device.pictures(case.title)
            additions = of_device.additions._replace(latents=installed.latents, met=viewer.met)
            yield Slate(rows, allowed, case, additions, case.title, places)


def loaded_from_file(file: ModelFile, catalog: keyart.Catalog) -> LoadedModel:
    """Load a model file on a catalogue, in float; unknown artworks have no artwork bias."""
    model = file.model
    encoded = EncodedCatalog.build(catalog, model.spec)
    artworks = np.array([file.names.artwork_places.get(name, -1) for name in catalog.artwork_places], dtype=np.intp)
    titles = np.array([file.names.title_places.get(title.id, -1) for title in catalog], dtype=np.intp)
    latents = model.latents
    if latents is not None:
        latents = Latents(_known(latents.titles, titles), _known(latents.artworks, artworks))
    return LoadedModel(
        version=model.version,
        encoded=encoded,
        ranker=NumpyRanker(model.weights),
        weights=model.weights,
        population_taste=model.population_taste.astype(np.float32),
        appeal=_known(model.appeal.astype(np.float32), artworks),
        latents=latents,
        prior=HeadPrior(),
        base_rate=model.base_rate,
    )


def _known(table: Floats, places: npt.NDArray[np.intp]) -> Floats:
    """Return the rows of `table` at `places`; zeros at −1."""
    return np.asarray(np.where(places[:, None] >= 0, table[places], 0.0), dtype=np.float32)
