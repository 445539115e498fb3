"""Whom and what the demo's page shows: picked by rules, the same for everybody who runs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from keyart_federated import World

VIEWERS, MIN_VIEWS = 3, 20
TITLES, POPULAR_TITLES = 10, 40
KIND = "genre:"

Floats = npt.NDArray[np.float64]


def tastes(world: World) -> Floats:
    """[devices, genres]: share of each genre in what was watched for at least half of its length, in roots.

    Roots (Hellinger): a share of .3 against 0 is a clearer difference of taste than of .6 against .3.
    """
    titles = list(world.catalog)
    genres = sorted({tag for title in titles for tag in title.tags if tag.startswith(KIND)})
    shares = np.zeros((world.devices, max(len(genres), 1)))
    for i in range(world.devices):
        for view in world.history(i):
            if view.title_id not in world.catalog:
                continue
            title = world.catalog[view.title_id]
            if view.seconds < 0.5 * title.duration:
                continue
            for column, genre in enumerate(genres):
                shares[i, column] += title.tags.get(genre, 0.0)
    totals = shares.sum(axis=1, keepdims=True)
    return np.asarray(np.sqrt(shares / np.maximum(totals, 1e-12)))


def most_different_viewers(world: World) -> list[int]:
    """Up to three viewers whose tastes differ most: first the one farthest from the average viewer, then each time
    the one whose nearest viewer so far is the farthest. Only viewers with some history, if there are enough."""
    taste = tastes(world)
    known = [i for i in range(world.devices) if len(world.history(i)) >= MIN_VIEWS]
    pool = known if len(known) >= VIEWERS else list(range(world.devices))
    distance = np.linalg.norm(taste[pool] - taste[pool].mean(axis=0), axis=1)
    chosen: list[int] = []
    while len(chosen) < min(VIEWERS, len(pool)):
        chosen.append(pool[int(distance.argmax())])
        apart = np.linalg.norm(taste[pool][:, None] - taste[chosen][None], axis=2)
        distance = apart.min(axis=1)
    return sorted(chosen)


def popular_titles(world: World, impressions: int, without: set[str]) -> list[str]:
    """Titles most often shown in the world, none of `without` as long as enough are left; most shown first."""
    shown = Counter(world.impression(i, k)[0] for i in range(world.devices) for k in range(impressions))
    ranked = sorted(shown, key=lambda title_id: (-shown[title_id], title_id))
    new = [title_id for title_id in ranked if title_id not in without]
    return (new if len(new) >= TITLES else ranked)[:POPULAR_TITLES]


def most_varied_titles(popular: Sequence[str], pictures: Mapping[str, Sequence[str]]) -> list[str]:
    """Up to ten of `popular` titles, those with the most different pictures; ties go to the more popular.

    pictures: for each title the likeliest picture of each viewer on each screen.
    """
    ranked = sorted(popular, key=lambda title_id: -len(set(pictures[title_id])))
    chosen = set(ranked[:TITLES])
    return [title_id for title_id in popular if title_id in chosen]
