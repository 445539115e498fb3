"""Texts of the demo's page: the headline, what is real and what is simulated, and licences."""

from __future__ import annotations

from .arms import BEST_FIXED, FEDERATED_HEAD, ArmResults, DemoPlan
from .page_selection import MIN_VIEWS, POPULAR_TITLES, TITLES
from .real_film import FilmTitle

MOVIELENS = "movielens"
NAMES = {MOVIELENS: "MovieLens 100K", "synthetic": "synthetic"}

_REAL = (
    "Real: the viewers, what they had watched and at what hours (MovieLens 100K, anonymous), and the films with "
    "their genres, cast and runtimes. The SDK sees the earlier half of each viewer's ratings as the viewing history.",
    "Simulated: the artworks (tags drawn by rules; two a title promise what the film does not hold) and how a viewer "
    "responds to a picture, a model estimated from the later half of that viewer's real ratings. Nobody publishes "
    "real logs of artwork impressions. The equations are in docs/reference/worlds.md.",
)
_FILM = (
    "Big Buck Bunny is a real film, and its pictures are stills that `keyart tag` found and tagged (film/sheet.html "
    "beside this page). It was in no simulated impression: the model chooses by what the stills show."
)
_MADE_UP = (
    "Everything in this world is made up: viewers, titles, artworks and responses. Its equations are in "
    "docs/reference/worlds.md. `keyart demo` without `--world synthetic` uses real viewers and films.",
)
_LICENCES = {
    MOVIELENS: (
        "MovieLens 100K, GroupLens Research: research use, no redistribution. The data are fetched when needed and "
        "never shipped, and a model trained on them is for evaluation only.",
        "Film metadata: a film database dedicated to the public domain (CC0).",
    ),
    "synthetic": ("None: no data set was used.",),
}


def headline(arms: ArmResults) -> str:
    """Return the result after learning in one sentence."""
    ours, fixed = (arms.last_quarter[name].capture.value for name in (FEDERATED_HEAD, BEST_FIXED))
    return (
        f"A picture for every viewer: {ours:.0%} of the possible gain. One best picture for everybody: {fixed:.0%}."
    )


def notes(plan: DemoPlan, titles: int, film: FilmTitle | None) -> tuple[str, ...]:
    """Explain what is real, what is simulated, and how viewers and titles were selected."""
    data = _REAL if plan.spec == MOVIELENS else _MADE_UP
    if film is not None:
        data = (*data, _FILM)
    return (
        *data,
        f"Every device saw {plan.rounds * plan.steps} impressions in {plan.rounds} rounds. The figures above are of "
        "the last quarter of them, when the model has learned; the whole run, from the first impression of an "
        "untrained model, is in report.json and learning.png.",
        "Capture: the share of the way from a random picture (0 %) to the best one for that viewer at that moment "
        "(100 %, known to nobody but the simulation). Best fixed artwork is the one best picture a title has for "
        "everybody, picked with the simulation's own truth. Central: the same model trained with every log in one "
        "place, and, as federated, without personal heads. Intervals: 95 %, over devices.",
        f"Viewers: the three with the most different tastes (shares of genres watched) among those with at least "
        f"{MIN_VIEWS} earlier views. Each lived through all impressions of the run with the installed bundle, so "
        "that the personal head knows their outcomes.",
        f"Titles: of the {POPULAR_TITLES} most often shown ones that none of the three had watched, the "
        f"{min(TITLES, titles)} for which the six screens differ most; popular ones first where equal.",
        "Most people see: the likeliest picture for a viewer without any history, at the same place and time. "
        "Chances are those of the draw behind the picture shown; now and then keyart shows another one to learn, "
        "and then says so.",
    )


def licences(plan: DemoPlan, film: FilmTitle | None) -> tuple[str, ...]:
    """Return the origin and licences of the data."""
    return (*_LICENCES[plan.spec], *(() if film is None else (f"Stills: {film.licence}, cut out by keyart tag.",)))
