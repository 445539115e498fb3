"""A world made of numbers alone: no download, any size, every setting named. The same settings give the same world.

Taste of viewer i for artwork a, in logits, with z the tags that the artwork shows (h: the viewer's genre shares,
Dirichlet; g: standardised log h; ρ: `style_from_genre`):

    taste = s · (z_genre·g + z_style·(√ρ B g + √(1−ρ) ε) + ½ z_cast·ε' + ½ z_palette·ε'')
    play  = intercept + taste + title_taste · match(h, title) + appeal_a + z·C[device, daypart] + slot effect
            + clickbait_pull · [a promises what the title lacks] + effects of time
            + hidden_bait_pull · [a is hidden bait]
    keep  = intercept + ½ · match(h, title) + own_a − clickbait_penalty · [a promises what the title lacks]
            − hidden_bait_penalty · [a is hidden bait]

s scales the taste to a standard deviation of `taste` among the artworks of a title; both intercepts are set so that
a random artwork has the base rates of the settings.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import numpy as np

from keyart.errors import SettingError

from ..types import Doubles
from .arrivals import drawn_arrivals
from .response import Logits, TimeEffects
from .seasons import drawn_seasons
from .synthetic_catalog import GENRES, made_up_catalog
from .synthetic_people import PeopleSettings, drawn_genre_shares, made_up_people, within_titles
from .table_world import DEVICES, SITUATIONS, SLOTS, TabularWorld, artwork_bounds, calibrated
from .viewing_habits import IMPRESSIONS_PER_WEEK, drawn_habits, shown, watched

START = datetime(2025, 3, 3)
ZONE = timezone(timedelta(hours=-5))


class SyntheticWorld(TabularWorld):
    """A world of made-up viewers, titles and artworks; see the equations above."""

    def __init__(
        self,
        viewers: int = 500,
        titles: int = 80,
        artworks: int = 10,
        impressions: int = 200,
        seed: int = 0,
        *,
        play_rate: float = 0.145,
        keep_rate: float = 0.55,
        taste: float = 0.55,
        style_from_genre: float = 0.5,
        title_taste: float = 0.4,
        appeal: float = 0.1,
        context: float = 0.15,
        clickbait_share: float = 0.2,
        clickbait_penalty: float = 0.9,
        history_views: int = 15,
        popularity_exponent: float = 1.0,
        position_bias: float = 0.2,
        clickbait_pull: float = 0.0,
        idiosyncrasy: float = 0.0,
        shared_devices: float = 0.0,
        cold_start: float = 0.0,
        drift: float = 0.0,
        seasons: float = 0.0,
        arrivals: float = 0.0,
        premieres: float = 0.0,
        hidden_bait: float = 0.0,
        hidden_bait_pull: float = 0.4,
        hidden_bait_penalty: float = 1.0,
    ) -> None:
        """Make a world. Standard deviations of logits are among the artworks of a title.

        Args:
            viewers: Number of devices, each of one viewer (but see shared_devices).
            titles: Number of titles.
            artworks: Number of artworks of a title.
            impressions: Number of impressions of each device.
            seed: Seed of every draw.
            play_rate: Share of impressions of a random artwork that are played.
            keep_rate: Share of these plays that are quality plays.
            taste: Standard deviation of the viewer's taste, in logits.
            style_from_genre: Share (0–1) of the style taste's variance that genre taste explains; the rest is
                the viewer's own.
            title_taste: Logits per standard deviation of match.
            appeal: Standard deviation of an artwork's base appeal, in logits.
            context: Standard deviation of the effects of device and daypart, in logits.
            clickbait_share: Share of a title's artworks that promise what it does not hold.
            clickbait_penalty: Logits of a quality play that they lose.
            history_views: Earlier views of a viewer.
            popularity_exponent: The title of rank r comes up in proportion to (r + 10)^−exponent; 0: all alike,
                2: few films and many niches.
            position_bias: Slot s of the page loses this many logits times log(1 + s).
            clickbait_pull: Logits of a play that clickbait gains.
            idiosyncrasy: Share (0–1) of the variance of taste, for titles and for artworks, that no tag
                explains (`synthetic_people`).
            shared_devices: Share of devices that a second person uses for twelve hours of the day.
            cold_start: Share of devices without earlier views.
            drift: Share of the variance of the taste for artworks that is new at the last impression; it
                changes little by little.
            seasons: Standard deviation in logits of the effect of the week, and once more of the daypart, on
                artworks that show a genre (`seasons`); titles of that genre come up more, too.
            arrivals: Share of a title's artworks whose appeal sets in half-way (`arrivals`).
            premieres: Share of the titles that nobody meets before the first week that begins in the second
                half.
            hidden_bait: Share of a title's artworks that are bait and whose tags do not show it.
            hidden_bait_pull: Logits of a play that hidden bait gains.
            hidden_bait_penalty: Logits of a quality play that it loses.

        Raises:
            SettingError: A setting is out of range.
        """
        _check_counts(viewers=viewers, titles=titles, artworks=artworks, impressions=impressions)
        _check_shares(
            play_rate=play_rate,
            keep_rate=keep_rate,
            style_from_genre=style_from_genre,
            clickbait_share=clickbait_share,
            idiosyncrasy=idiosyncrasy,
            shared_devices=shared_devices,
            cold_start=cold_start,
            drift=drift,
            arrivals=arrivals,
            premieres=premieres,
            hidden_bait=hidden_bait,
        )
        _check_sizes(
            seed=seed,
            history_views=history_views,
            popularity_exponent=popularity_exponent,
            position_bias=position_bias,
            clickbait_pull=clickbait_pull,
            seasons=seasons,
            hidden_bait_pull=hidden_bait_pull,
            hidden_bait_penalty=hidden_bait_penalty,
        )
        catalog, pictures = made_up_catalog(titles, artworks, clickbait_share, popularity_exponent, seed)
        rng = np.random.default_rng([seed, 10])
        who = PeopleSettings(style_from_genre, idiosyncrasy, drift, shared_devices)
        people = made_up_people(drawn_genre_shares(rng, viewers), pictures, who, seed)
        habits = drawn_habits(rng, viewers, seed)
        shown_genres = pictures.tags[:, : len(GENRES)].T
        weeks = -(-impressions // IMPRESSIONS_PER_WEEK)
        calendar = drawn_seasons(weeks if seasons or premieres else 1, seasons, seed)

        own = np.random.default_rng([seed, 11])
        play = taste * people.taste
        play += appeal * own.standard_normal(pictures.count)
        play.reshape(len(play), titles, artworks)[...] += (title_taste * people.match)[:, :, None]
        play += clickbait_pull * pictures.clickbait
        hidden = drawn_within_titles(titles, artworks, hidden_bait, np.random.default_rng([seed, 45]))
        play += hidden_bait_pull * hidden
        situation = context * within_titles(
            own.standard_normal((SITUATIONS, pictures.tags.shape[1])) @ pictures.tags.T, artworks
        )
        situation += np.tile(calendar.dayparts @ shown_genres, (len(DEVICES), 1))
        keep_artwork = 0.1 * own.standard_normal(pictures.count) - clickbait_penalty * pictures.clickbait
        keep_artwork -= hidden_bait_penalty * hidden
        week = np.minimum(np.arange(impressions) // IMPRESSIONS_PER_WEEK, len(calendar.weeks) - 1)
        common = (calendar.weeks @ shown_genres)[week]
        common += drawn_arrivals(titles, artworks, arrivals, impressions, seed)
        logits = Logits(
            play.astype(np.float32),
            situation.astype(np.float32),
            tuple(-position_bias * math.log1p(slot) for slot in range(SLOTS)),
            (0.5 * people.match).astype(np.float32),
            keep_artwork.astype(np.float32),
            _course(common, taste * (people.later - people.taste) if people.later is not None else None),
        )
        del play  # of twice the size of what is kept: a table for all viewers is most of a world's memory
        page = pictures.popularity * np.exp(calendar.weeks @ pictures.title_genres.T)
        late = np.random.default_rng([seed, 44]).permutation(titles)[: min(round(premieres * titles), titles - 1)]
        page[: -(-weeks // 2), late] = 0.0
        earlier = pictures.popularity.copy()
        earlier[late] = 0.0
        on_page = shown(people, habits, page, impressions, seed)
        super().__init__(
            catalog=catalog,
            impressions=on_page,
            histories=watched(people, habits, earlier, catalog, history_views, cold_start, seed),
            logits=calibrated(logits, on_page, artwork_bounds(catalog), play_rate, keep_rate),
            start=START,
            zones=[ZONE] * viewers,
        )


def drawn_within_titles(titles: int, artworks: int, share: float, rng: np.random.Generator) -> Doubles:
    """Return 1 for the share (rounded) of each title's artworks, 0 for the rest, [titles · artworks]."""
    order = rng.random((titles, artworks)).argsort(axis=1).argsort(axis=1)
    return np.asarray((order < round(share * artworks)).ravel(), dtype=np.float64)


def _course(common: Doubles, drift: Doubles | None) -> TimeEffects | None:
    """Return the effects of time, or None without any, so that such a world answers fast."""
    if drift is None and not common.any():
        return None
    return TimeEffects(common.astype(np.float32), None if drift is None else drift.astype(np.float32))


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise SettingError(f"{name} is {count}; a world needs at least 1.")


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        rate = name.endswith("_rate")
        if not (0 < share < 1 if rate else 0 <= share <= 1):
            allowed = "above 0 and below 1" if rate else "of 0–1"
            raise SettingError(f"{name} is {share}; give a share {allowed}.")


def _check_sizes(**sizes: float) -> None:
    for name, size in sizes.items():
        if not (math.isfinite(size) and size >= 0):
            raise SettingError(f"{name} is {size}; it must be 0 or more.")
