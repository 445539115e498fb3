"""`conformance.json`: cases from a history to a drawn artwork, with every number between, for ports of the SDK.

A port in another language reads the catalogue and the cases, and compares what it computes at each step. The cases
have a small catalogue of their own, with ids of the bundle's titles, so that appeals and latents count. All numbers
are computed by the SDK, on the numpy engine, with the model as a device loads it from the bundle
(docs/reference/bundles.md, "Conformance").
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import numpy as np

import keyart
from keyart import Artwork, Catalog, Context, Outcome, Policy, Reward, Title, View
from keyart.catalog import EMBEDDING_KIND, kind_of
from keyart.model import (
    CandidateSets,
    FeatureSpec,
    LoadedModel,
    PageMemory,
    ViewerFeatures,
)
from keyart.profile import Entry, Learner

FORMAT: Final = "keyart-conformance/1"
TITLES: Final = 4
MAX_ARTWORKS: Final = 4  # of a title, so that the file stays small
POLICY: Final = Policy(stickiness=timedelta(0))  # each choice is drawn anew
REWARD: Final = Reward()
START: Final = datetime(2026, 3, 1, 20, 15, tzinfo=timezone(timedelta(hours=1)))
UNIFORMS: Final = (0.0, 0.0041, 0.47, 0.9931, 0.99991)  # none on a border of equal candidates


@dataclass(frozen=True)
class Situation:
    """A viewer and a context.

    Attributes:
        name: What the case is about.
        views: The viewer's history.
        answers: For each decision before the case: index of the title, uniform number of the draw, outcome.
        context: The context of the case.
        title: Index of the title that is chosen for.
    """

    name: str
    context: Context
    title: int = 0
    views: Sequence[View] = ()
    answers: Sequence[tuple[int, float, Outcome]] = field(default=())


def small_catalog(spec: FeatureSpec, names: Catalog, seed: int = 0) -> Catalog:
    """Return a catalogue of a few titles with tags of the spec.

    Args:
        spec: The feature spec of the bundle.
        names: Titles and artworks of the bundle, of which the first ids are taken.
        seed: Seed of the tags.
    """
    rng = random.Random(seed)  # noqa: S311 (tags of a test are no secret)
    ids = [(title.id, [artwork.id for artwork in title.artworks][:MAX_ARTWORKS]) for title in names if title.artworks]
    while len(ids) < TITLES:
        number = len(ids) + 1
        ids.append((f"conformance {number}", [f"conformance {number}/{letter}" for letter in "abc"]))
    return Catalog.from_titles([_title(spec, *ids[place], place, rng) for place in range(TITLES)])


def document(installed: LoadedModel, catalog: Catalog) -> dict[str, Any]:
    """Return the content of `conformance.json`.

    Args:
        installed: The model as a device loads it on the catalogue.
        catalog: The catalogue of the cases (`small_catalog`).
    """
    situations = _situations(installed.spec, catalog)
    return {
        "format": FORMAT,
        "policy": {
            "exploration": POLICY.exploration,
            "misleading": POLICY.misleading,
            "diversity": POLICY.diversity,
            "gamma": POLICY.gamma(installed.base_rate),
        },
        "reward": {"quality_seconds": REWARD.quality_seconds, "quality_share": REWARD.quality_share},
        "titles": [_title_fields(title) for title in catalog],
        "cases": [_case(installed, catalog, situation) for situation in situations],
        "pages": [_page(installed, catalog, situation) for situation in situations],
    }


def _title(spec: FeatureSpec, title_id: str, artworks: Sequence[str], place: int, rng: random.Random) -> Title:
    """Return a title with tags of each kind, and artworks of which the first one shows the same."""
    own = [tag for tag in spec.artwork_tags if kind_of(tag) != EMBEDDING_KIND]
    kinds = {kind_of(tag) for tag in (*spec.viewer_tags, *spec.artwork_tags)} - {EMBEDDING_KIND}
    of_title: dict[str, float] = {}
    for kind in sorted(kinds):
        listed = [tag for tag in spec.viewer_tags if tag.startswith(f"{kind}:")]
        of_title |= {tag: round(rng.uniform(0.2, 1), 2) for tag in rng.sample(listed, min(2, len(listed)))}
    for kind in spec.open_kinds:
        of_title |= {f"{kind}:name {name}": 1.0 for name in rng.sample(range(4), 2)}
    shown = []
    for number, artwork_id in enumerate(artworks):
        tags = {tag: weight for tag, weight in of_title.items() if number == 0 or rng.random() < 0.5}
        others = rng.sample(own, min(3, len(own)))
        tags |= {tag: round(rng.uniform(0.2, 1), 2) for tag in others}
        last = number and number == len(artworks) - 1
        tags |= {"unlisted:tag": 1.0} if last else {}  # which the model does not know
        maturity = "18+" if last and place == 1 else ""
        spoiler = bool(last and place == 2)
        shown.append(
            Artwork(artwork_id, tags=tags, embedding=_embedding(spec, place, rng), maturity=maturity, spoiler=spoiler)
        )
    seconds = 5400.0 if place % 2 == 0 else 0.0
    return Title(title_id, "", seconds, of_title, shown, _embedding(spec, place, rng))


def _embedding(spec: FeatureSpec, place: int, rng: random.Random) -> list[float] | None:
    """Return an embedding at a drawn place along each axis; None for all titles but two, since it may be long."""
    if spec.embedding is None or place > 1:
        return None
    mean, axes = spec.embedding.arrays[:2].mean(axis=0), spec.embedding.arrays[2:]
    drawn = np.array([rng.gauss(0.0, 1.0) for _ in axes])
    vector = mean + drawn @ (axes / (axes**2).sum(axis=1, keepdims=True))
    return [round(float(number), 4) for number in vector]


def _situations(spec: FeatureSpec, catalog: Catalog) -> list[Situation]:
    titles = [title.id for title in catalog]
    views = [
        View(titles[0], START - timedelta(days=9), 5000.0, "tv"),
        View(titles[1], START - timedelta(days=8), 120.0, "phone"),  # broken off
        View(titles[0], START - timedelta(days=7), 4000.0, "tv"),
        View("not in the catalogue", START - timedelta(days=6), 3000.0, "tv"),
    ]
    answers = [
        (3, 0.2, Outcome.skipped()),
        (0, 0.6, Outcome.played(2400.0)),
        (3, 0.9999, Outcome.played(60.0)),
        (2, 0.0, Outcome.opened()),
    ]
    intent = dict.fromkeys(spec.artwork_tags[:1], 1.0)
    morning = START + timedelta(days=1, hours=11)
    return [
        Situation("a viewer of whom nothing is known", Context("tv", START)),
        Situation(
            "a history, another place on the page, and a trending title",
            Context("phone", morning, slot=3, trending={titles[1]: 0.8}),
            title=1,
            views=views,
        ),
        Situation(
            "a history and outcomes", Context("tablet", morning, slot=1), title=3, views=views, answers=answers
        ),
        Situation(
            "an age limit, a request, and a device of another kind",
            Context("other", START + timedelta(hours=4), intent=intent, max_maturity="12+"),
            title=1,
            views=views[:1],
        ),
        Situation(
            "a spoiler of a title that was not watched", Context("desktop", START), title=2, answers=answers[:2]
        ),
    ]


@dataclass(frozen=True)
class _Replayed:
    """A viewer after the history and the outcomes of a situation."""

    viewer: ViewerFeatures
    learner: Learner
    sets: CandidateSets
    answered: list[dict[str, Any]]


def _replayed(installed: LoadedModel, catalog: Catalog, situation: Situation) -> _Replayed:
    viewer = installed.viewer(situation.views, catalog, REWARD)
    learner = Learner(installed, None)
    watched = {catalog.index(view.title_id) for view in situation.views if view.title_id in catalog}

    def sets() -> CandidateSets:
        return CandidateSets(
            catalog, installed, POLICY, viewer, learner.head, watched.__contains__, None, learner.own
        )

    answered = []
    for number, (title, uniform, outcome) in enumerate(situation.answers):
        context = Context("tv", START - timedelta(days=5, hours=-number))
        (candidates,) = sets().candidates([title], context)
        drawn = candidates.draw(uniform)
        if drawn is None:
            raise ValueError("An answer is about a title with no artwork for everybody.")
        shown = catalog.titles[title]
        decision = keyart.Decision(
            str(number),
            shown.id,
            shown.artworks[drawn.place].id,
            drawn.propensity,
            drawn.exploring,
            installed.version,
        )
        learner.learn(Entry(decision, context.at, context.device, context.slot), outcome, viewer)
        answered.append(
            {
                "title_id": shown.id,
                "context": _context_fields(context),
                "uniform": uniform,
                "artwork_id": decision.artwork_id,
                "outcome": {"kind": outcome.kind, "seconds": outcome.seconds},
            }
        )
    return _Replayed(viewer, learner, sets(), answered)


def _case(installed: LoadedModel, catalog: Catalog, situation: Situation) -> dict[str, Any]:
    after = _replayed(installed, catalog, situation)
    title, context = catalog.titles[situation.title], situation.context
    rows = after.sets.rows([situation.title], context)
    scores = installed.ranker.score(rows)
    (candidates,) = after.sets.candidates([situation.title], context)
    artworks = [artwork.id for artwork in title.artworks]
    draws = [(uniform, candidates.draw(uniform)) for uniform in UNIFORMS]
    places = catalog.artwork_places
    return {
        **_situation_fields(situation, after),
        "title_id": title.id,
        "features": {name: _numbers(getattr(rows, name)) for name in rows.__dataclass_fields__},
        "scores": {"play": _numbers(scores.play), "completion": _numbers(scores.keep)},
        "head": _numbers(after.learner.head.mean),
        "artwork_bias": {
            artwork: _numbers(after.learner.own.added[places[artwork]])
            for artwork in places
            if after.learner.own.added[places[artwork]]
        },
        "play": _numbers(candidates.play),
        "value": candidates.value.tolist(),  # all digits, since the policy multiplies differences by γ
        "allowed": candidates.allowed.tolist(),
        "probabilities": candidates.weighed().probability.tolist(),
        "draws": [
            {"uniform": uniform, "artwork_id": None if drawn is None else artworks[drawn.place]}
            for uniform, drawn in draws
        ],
    }


def _page(installed: LoadedModel, catalog: Catalog, situation: Situation) -> dict[str, Any]:
    """Return a page of all titles, each drawn with the factors of those before it."""
    after = _replayed(installed, catalog, situation)
    memory, titles = PageMemory(POLICY.diversity, installed.encoded), list(range(len(catalog)))
    uniforms = [UNIFORMS[(2 + place) % len(UNIFORMS)] for place in titles]
    shown: list[str | None] = []
    propensities, every_factor = [], []
    every = after.sets.candidates(titles, situation.context)
    for title, candidates, uniform in zip(titles, every, uniforms, strict=True):
        places = after.sets.pictures(title)
        factors = memory.factors(places)
        every_factor.append(_numbers(factors))
        drawn = candidates.draw(uniform, factors)
        if drawn is None:  # no artwork is within the age limit
            shown.append(None)
            propensities.append(1.0)
            continue
        memory.show(places.start + drawn.place)
        shown.append(catalog.titles[title].artworks[drawn.place].id)
        propensities.append(drawn.propensity)
    return {
        **_situation_fields(situation, after),
        "title_ids": [title.id for title in catalog],
        "uniforms": uniforms,
        "factors": every_factor,
        "artwork_ids": shown,
        "propensities": propensities,
    }


def _situation_fields(situation: Situation, after: _Replayed) -> dict[str, Any]:
    return {
        "name": situation.name,
        "history": [
            {"title_id": view.title_id, "at": view.at.isoformat(), "seconds": view.seconds, "device": view.device}
            for view in situation.views
        ],
        "outcomes": after.answered,
        "context": _context_fields(situation.context),
    }


def _context_fields(context: Context) -> dict[str, Any]:
    return {
        "device": context.device,
        "at": context.at.isoformat(),
        "slot": context.slot,
        "trending": dict(context.trending),
        "intent": dict(context.intent),
        "max_maturity": context.max_maturity,
    }


def _title_fields(title: Title) -> dict[str, Any]:
    return {
        "id": title.id,
        "duration": title.duration,
        "tags": dict(title.tags),
        **_embedding_field(title),
        "artworks": [
            {
                "id": artwork.id,
                "tags": dict(artwork.tags),
                **_embedding_field(artwork),
                "maturity": artwork.maturity,
                "spoiler": artwork.spoiler,
            }
            for artwork in title.artworks
        ],
    }


def _embedding_field(entry: Title | Artwork) -> dict[str, Any]:
    return {} if entry.embedding is None else {"embedding": _numbers(np.array(entry.embedding))}


def _numbers(values: Any) -> Any:
    """Return float32 numbers with the fewest digits that give them back, whole numbers without a point."""
    if isinstance(values, np.ndarray) and values.ndim:
        return [_numbers(value) for value in values]
    number = float(str(np.float32(values)))
    return int(number) if number.is_integer() and abs(number) < 1e6 else number


def titles_of(document: Mapping[str, Any]) -> Catalog:
    """Return the catalogue that the cases of a `conformance.json` are about."""
    return Catalog.from_titles(
        Title(**{**title, "artworks": [Artwork(**artwork) for artwork in title["artworks"]]})
        for title in document["titles"]
    )
