"""Hidden tastes, from the later half of a person's ratings. They drive the response; the SDK never sees them.

For viewer i, with d_ij the stars of film j less the film's and then the viewer's mean deviation, x_jg the genre
shares, n_i the later films, and p_g the genre's share of everybody's ratings:

    stars_ig  = ridge regression of d_i on x − p, penalty RIDGE: what the viewer rates above others
    choice_ig = log((Σ_j x_jg + PRIOR_FILMS · p_g) / ((n_i + PRIOR_FILMS) · p_g)): what the viewer picks
    genre_ig  = standardised stars + standardised choice
    person_ip = Σ_j∋p (d_ij + PICKED) / (films of p that i rated + PRIOR_FILMS_OF_PERSON), cast and directors
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...types import Doubles
from .ratings import Ratings

# The penalties are strong because the halves are short (half of the viewers have fewer than 32 later ratings): with
# them, tastes from odd and from even ratings of the later half correlate by .37, with a tenth of them by .31.
RIDGE = 50.0  # penalty, in ratings
PRIOR_FILMS = 100.0  # ratings of an average viewer, mixed into each viewer's choice of genres
PRIOR_FILMS_OF_PERSON = 3.0
PICKED = 0.5  # stars that it is worth to have picked a film of this person at all
FILM_PRIOR = 5.0  # ratings at the overall mean, mixed into each film's mean


@dataclass(frozen=True, slots=True)
class Tastes:
    """The hidden tastes.

    Attributes:
        genre: Taste for genres, mean 0 and standard deviation 1 over viewers and genres, [viewers, genres].
        person: Taste for people in stars, 0 for people of whom the viewer rated nothing, [viewers, people].
        title: How well a film suits, standardised, [viewers, films].
    """

    genre: Doubles
    person: Doubles
    title: Doubles


def hidden_tastes(later: Sequence[Ratings], genres: Doubles, people: Sequence[Sequence[int]], count: int) -> Tastes:
    """Return the hidden tastes.

    Args:
        later: Each viewer's later half.
        genres: Genre shares, [films, genres].
        people: The cast and directors of each film, as indices below `count`.
        count: Number of people.
    """
    shown = np.concatenate([ratings.film for ratings in later])
    # One film of every genre alike is mixed in: a genre that nobody rated must not divide by 0.
    everybody = (genres[shown].sum(axis=0) + 1.0 / genres.shape[1]) / (len(shown) + 1.0)
    stars = np.zeros((len(later), genres.shape[1]))
    choice = np.zeros_like(stars)
    person = np.zeros((len(later), count))
    for i, (ratings, deviation) in enumerate(zip(later, _deviations(later, len(genres)), strict=True)):
        x = genres[ratings.film] - everybody
        stars[i] = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ deviation)
        picked = genres[ratings.film].sum(axis=0) + PRIOR_FILMS * everybody
        choice[i] = np.log(picked / ((len(deviation) + PRIOR_FILMS) * everybody))
        index = [p for film in ratings.film.tolist() for p in people[film]]
        worth = np.repeat(deviation + PICKED, [len(people[film]) for film in ratings.film.tolist()])
        rated = np.bincount(np.array(index, dtype=np.int64), minlength=count)
        total = np.bincount(np.array(index, dtype=np.int64), worth, minlength=count)
        person[i] = total / (rated + PRIOR_FILMS_OF_PERSON)
    genre = standardised(standardised(stars) + standardised(choice))
    by_people = np.stack([person[:, list(held)].sum(axis=1) for held in people], axis=1)
    return Tastes(genre, person, standardised(standardised(genre @ genres.T) + standardised(by_people)))


def _deviations(later: Sequence[Ratings], films: int) -> list[Doubles]:
    """Return stars less the film's mean (shrunk to the overall mean), then less the viewer's own mean."""
    film = np.concatenate([ratings.film for ratings in later])
    stars = np.concatenate([ratings.stars for ratings in later])
    overall = stars.mean() if len(stars) else 0.0
    total = np.bincount(film, stars - overall, minlength=films)
    effect = overall + total / (np.bincount(film, minlength=films) + FILM_PRIOR)
    raw = [ratings.stars - effect[ratings.film] for ratings in later]
    return [deviation - deviation.mean() if len(deviation) else deviation for deviation in raw]


def standardised(values: Doubles) -> Doubles:
    """Return each column less its mean, over one standard deviation, so that columns keep their proportions."""
    centred = values - values.mean(axis=0)
    return np.asarray(centred / (centred.std() + 1e-12))
