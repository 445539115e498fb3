"""Selection of the viewers and titles that the demo's page shows, by fixed rules."""

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
    """Return [devices, genres]: square roots of the genre shares in what was watched for at least half of its length.

    The distance of square roots (Hellinger) rates a share of 0.3 against 0 as a larger difference than 0.6 against
    0.3.
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
    """Return up to three viewers whose tastes differ most.

    The first is the farthest from the average viewer; each further one is the farthest from its nearest chosen
    viewer. Viewers with little history are skipped if enough others are left.
    """
    taste = tastes(world)
    experienced = [i for i in range(world.devices) if len(world.history(i)) >= MIN_VIEWS]
    pool = experienced if len(experienced) >= VIEWERS else list(range(world.devices))
    distance = np.linalg.norm(taste[pool] - taste[pool].mean(axis=0), axis=1)
    chosen: list[int] = []
    while len(chosen) < min(VIEWERS, len(pool)):
        chosen.append(pool[int(distance.argmax())])
        apart = np.linalg.norm(taste[pool][:, None] - taste[chosen][None], axis=2)
        distance = apart.min(axis=1)
    return sorted(chosen)


def popular_titles(world: World, impressions: int, without: set[str]) -> list[str]:
    """Return the titles shown most often, most popular first; titles in `without` are skipped if enough are left."""
    shown = Counter(world.impression(i, k)[0] for i in range(world.devices) for k in range(impressions))
    ranked = sorted(shown, key=lambda title_id: (-shown[title_id], title_id))
    new = [title_id for title_id in ranked if title_id not in without]
    return (new if len(new) >= TITLES else ranked)[:POPULAR_TITLES]


def most_varied_titles(popular: Sequence[str], pictures: Mapping[str, Sequence[str]]) -> list[str]:
    """Return up to ten of the `popular` titles, those with the most different artworks; ties go to the more popular.

    Args:
        popular: title ids, most popular first.
        pictures: for each title, the most probable artwork of each viewer on each screen.
    """
    ranked = sorted(popular, key=lambda title_id: -len(set(pictures[title_id])))
    chosen = set(ranked[:TITLES])
    return [title_id for title_id in popular if title_id in chosen]
