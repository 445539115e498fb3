"""Slates of a model: the candidates on each occasion as a device would score them, by the SDK's own decision path."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

import keyart
from keyart.model.candidates import Slates
from keyart.model.choice import Weighed, weigh
from keyart.model.features import EncodedCatalog, ViewerFeatures
from keyart.model.features.encode import Floats
from keyart.model.features.rows import Rows
from keyart.model.features.viewer import affinities, tally, view_weight
from keyart.model.head import HeadPrior
from keyart.model.latents import Latents
from keyart.model.loaded_model import LoadedModel
from keyart.model.ranker import NumpyRanker, Weights, score
from keyart.model.ranker.numpy_engine import value_of
from keyart_federated.export import ModelFile

from .occasions import Occasion, Occasions


@dataclass(frozen=True)
class Slate:
    """rows: the ranker's. others [A]: what latents add to play; None: nothing. allowed [A]: what the policy may show.
    occasion: None where the slate is made up."""

    rows: Rows
    others: Floats | None
    allowed: npt.NDArray[np.bool_]
    occasion: Occasion | None = None

    def values(self, weights: Weights) -> Floats:
        """[A]: the chance of a quality play, −inf for what may not be shown."""
        scores = score(weights, self.rows)
        play = scores.play if self.others is None else scores.play + self.others
        return np.where(self.allowed, value_of(play, scores.keep), -np.inf).astype(np.float32)

    def weighed(self, weights: Weights, gamma: float) -> Weighed:
        """With the policy's probabilities."""
        return weigh(score(weights, self.rows), self.others, self.allowed, gamma)


def slates(occasions: Occasions, installed: LoadedModel, policy: keyart.Policy) -> Iterator[Slate]:
    """One an occasion, without a personal head: what is judged is the model that all share."""
    for device, together in itertools.groupby(occasions.each, key=lambda one: one.device):
        views = [view for view in occasions.history(device) if view.title_id in occasions.catalog]
        viewer = _viewer(installed, occasions.catalog, views)
        watched = {occasions.catalog.index(view.title_id) for view in views}
        of_device = Slates(occasions.catalog, installed, policy, viewer, None, watched.__contains__)
        for occasion in together:
            rows = of_device.rows([occasion.title], occasion.context)
            allowed = of_device.allowed(occasion.title, occasion.context)
            yield Slate(rows, of_device.others(occasion.title), allowed, occasion)


def _viewer(installed: LoadedModel, catalog: keyart.Catalog, views: Sequence[keyart.View]) -> ViewerFeatures:
    encoded, reward = installed.encoded, keyart.Reward()
    titles = np.array([catalog.index(view.title_id) for view in views], dtype=np.intp)
    weights = np.array(
        [view_weight(v, encoded.durations[t], reward, encoded.spec) for v, t in zip(views, titles, strict=True)],
        dtype=np.float32,
    )
    watched, seen = tally(encoded, titles, weights)
    viewer = affinities(encoded, watched, seen, weights.sum(), installed.population_taste)
    if installed.latents is None:
        return viewer
    met = np.zeros(len(catalog), dtype=np.float32)
    np.add.at(met, titles, weights)
    return replace(viewer, met=installed.latents.met(met))


def model_installed(file: ModelFile, catalog: keyart.Catalog) -> LoadedModel:
    """A model file on a catalogue, in float; pictures that it does not know have no appeal of their own."""
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
    """The rows of `table` at `places`; zeros at −1."""
    return np.asarray(np.where(places[:, None] >= 0, table[places], 0.0), dtype=np.float32)
