"""The SDK's choices for selected viewers, on a TV in the evening and a phone in the morning."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np

import keyart
from keyart import Catalog, Context, Personalizer
from keyart.model import is_misleading
from keyart_federated import World

from .explanations import sentences
from .page.page_model import Candidate, Choice, PageViewer, Screen
from .page.poster import spoken_name
from .page_selection import TITLES, most_different_viewers, most_varied_titles, popular_titles
from .real_film import FilmTitle

EVENING, MORNING = time(20, 30), time(7, 45)
LATELY = 4  # films that the page names
POLICY = keyart.Policy(stickiness=timedelta(0))
_NAME_YEAR = re.compile(r"(.+) \((\d{4})\)")


def viewers_of(
    world: World, impressions: int, bundle: Path, seed: int, film: FilmTitle | None = None
) -> tuple[PageViewer, ...]:
    """Return three viewers with two screens each.

    Args:
        world: the demo's world.
        impressions: impressions per device.
        bundle: folder of installed bundles.
        seed: random seed.
        film: an additional title, shown in the last place; None for none.

    Raises:
        KeyartError: the bundle cannot be opened.
    """
    offered = world.catalog if film is None else keyart.Catalog.from_titles([*world.catalog, film.title])
    with ExitStack() as stack:
        everybody = stack.enter_context(_open(offered, bundle, seed))
        people = []
        for i in most_different_viewers(world):
            art = stack.enter_context(_open(offered, bundle, seed + 1 + i))
            art.consent.grant("personalization")
            people.append((i, art, _live(world, i, impressions, art)))
        watched = set().union(*(seen for _, _, seen in people))
        popular = popular_titles(world, impressions, watched)
        moments = {i: _moments(world, i, impressions) for i, _, _ in people}
        likeliest = {
            title_id: [
                _likeliest(art.preview(title_id, context)) for i, art, _ in people for _, context in moments[i]
            ]
            for title_id in popular
        }
        titles = most_varied_titles(popular, likeliest)
        if film is not None:
            titles = [*titles[: TITLES - 1], film.title.id]
        photographs = film.photographs if film is not None else {}
        return tuple(
            PageViewer(
                f"Viewer {i}",
                _about(world, i),
                _lately(world, i),
                (
                    _screen(offered, titles, photographs, art, everybody, *moments[i][0]),
                    _screen(offered, titles, photographs, art, everybody, *moments[i][1]),
                ),
            )
            for i, art, _ in people
        )


def split_name(name: str) -> tuple[str, str]:
    """Split "Fargo (1996)" into name and year; the year is "" if there is none."""
    match = _NAME_YEAR.fullmatch(name)
    return (match[1], match[2]) if match else (name, "")


def _open(catalog: Catalog, bundle: Path, seed: int) -> Personalizer:
    return Personalizer.open(
        ":memory:",
        catalog=catalog,
        keys=keyart.EphemeralKey(),
        bundle=bundle,
        policy=POLICY,
        rng=np.random.default_rng([seed, 1]),
    )


def _live(world: World, i: int, impressions: int, art: Personalizer) -> set[str]:
    """Replay viewer i's history and all impressions with this bundle; return the titles watched by then."""
    history = world.history(i)
    art.record_many(history)
    seen = {view.title_id for view in history}
    for k in range(impressions):
        title_id, context = world.impression(i, k)
        decision = art.choose(title_id, context)
        if decision.artwork_id is None:  # the world's age limit allows none
            continue
        outcome = world.outcome(i, k, decision.artwork_id)
        art.observe(decision.id, outcome)
        if outcome.kind == "played":
            seen.add(title_id)
    return seen


def _moments(world: World, i: int, impressions: int) -> tuple[tuple[str, Context], tuple[str, Context]]:
    """Return the evening after the last impression and the next morning, in the viewer's time zone."""
    last = world.impression(i, impressions - 1)[1].at
    day = last.date() + timedelta(days=1)
    evening = datetime.combine(day, EVENING, last.tzinfo)
    morning = datetime.combine(day + timedelta(days=1), MORNING, last.tzinfo)
    return (
        (f"{evening:%A} evening, TV", Context("tv", evening)),
        (f"{morning:%A} morning, phone", Context("phone", morning)),
    )


def _screen(
    catalog: Catalog,
    titles: Sequence[str],
    photographs: Mapping[str, bytes],
    art: Personalizer,
    everybody: Personalizer,
    label: str,
    context: Context,
) -> Screen:
    decisions = art.choose_page(titles, context)
    shown: list[str] = []
    choices = []
    for slot, decision in enumerate(decisions):
        assert decision.artwork_id is not None  # noqa: S101 – neither profile nor context has an age limit
        title = catalog[decision.title_id]
        slot_context = replace(context, slot=slot)
        chances = art.preview(title.id, slot_context, beside=shown)
        varied = not decision.exploring and _likeliest(art.preview(title.id, slot_context)) != decision.artwork_id
        shown.append(decision.artwork_id)
        ids = [artwork.id for artwork in title.artworks]
        name, year = split_name(title.name)
        choices.append(
            Choice(
                title.id,
                name,
                year,
                title.tags,
                tuple(
                    Candidate(
                        artwork.id,
                        artwork.tags,
                        chances[artwork.id],
                        is_misleading(title, artwork),
                        photographs.get(artwork.id, b""),
                    )
                    for artwork in title.artworks
                ),
                ids.index(decision.artwork_id),
                ids.index(_likeliest(everybody.preview(title.id, slot_context))),
                sentences(art.explain(decision.id), varied),
            )
        )
    return Screen(label, context.device, context.daypart, tuple(choices))


def _likeliest(chances: dict[str, float]) -> str:
    return max(chances, key=lambda artwork_id: chances[artwork_id])


def _about(world: World, i: int) -> str:
    """Summarise the viewer's history in one line."""
    history = world.history(i)
    weights: Counter[str] = Counter()
    for view in history:
        if view.title_id in world.catalog:
            tags = world.catalog[view.title_id].tags
            weights.update({tag: weight for tag, weight in tags.items() if tag.startswith("genre:")})
    genres = [spoken_name(tag.removeprefix("genre:")).lower() for tag, _ in weights.most_common(2)]
    mostly = f"mostly {' and '.join(genres)}; " if genres else ""
    return f"watches {mostly}{len(history)} titles so far"


def _lately(world: World, i: int) -> tuple[str, ...]:
    """Return the names of the titles last watched to a quality play."""
    reward = keyart.Reward()
    names = []
    for view in reversed(world.history(i)):
        if view.title_id not in world.catalog:
            continue
        title = world.catalog[view.title_id]
        if reward.is_quality(view.seconds, title.duration):
            names.append(split_name(title.name)[0])
    return tuple(dict.fromkeys(names))[:LATELY]
