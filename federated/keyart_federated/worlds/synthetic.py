"""A world made of numbers alone: no download, any size, every knob named. The same settings give the same
world.

Taste of viewer i for picture a, in logits, with z the tags that the picture shows (h: the viewer's genre
shares, Dirichlet; g: standardised log h; ρ: `style_from_genre`):

    taste = s · (z_genre·g + z_style·(√ρ B g + √(1−ρ) ε) + ½ z_cast·ε' + ½ z_palette·ε'')
    play  = intercept + taste + title_taste · match(h, title) + appeal_a + z·C[device, daypart] + slot effect
    keep  = intercept + ½ · match(h, title) + own_a − clickbait_penalty · [a promises what the title lacks]

s scales the taste to a standard deviation of `taste` among the pictures of a title; both intercepts are set
so that a random picture has the base rates asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np

import keyart
from keyart.errors import SettingError

from .pictures import CAST, GENRES, STYLES, Pictures, made_up_catalog
from .response import Floats, Logits
from .table import (
    SITUATIONS,
    SLOTS,
    Impressions,
    TabularWorld,
    Watched,
    artwork_bounds,
    calibrated,
    draw_rows,
    uniforms,
)

START = datetime(2025, 3, 3)
ZONE = timezone(timedelta(hours=-5))
HISTORY_DAYS = 60  # earlier views fall into this many days before START
IMPRESSIONS_PER_DAY = 4
SLOT_EFFECT = tuple(-0.2 * math.log1p(slot) for slot in range(SLOTS))
# Shares of hours 0–23 that a population spends in front of a screen: a lunch bump and an evening peak.
_HOURS = np.array([3, 2, 1, 0.5, 0.3, 0.5, 1, 2, 2.5, 2, 2, 2.5, 3.5, 3, 2.5, 3, 3.5, 4.5, 6, 8, 9, 9, 7, 5])


@dataclass(frozen=True, slots=True)
class Habits:
    """match: [viewers, titles] how well a title suits, standardised. devices: [viewers, 3] and hours:
    [viewers, 24] how often the viewer is there, up to a factor a row."""

    match: Floats
    devices: Floats
    hours: Floats


class SyntheticWorld(TabularWorld):
    """Made-up viewers, titles and pictures; see the equations above."""

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
    ) -> None:
        """play_rate: share of impressions of a random picture that are played. keep_rate: share of these
        plays that are quality plays. taste, appeal, context: standard deviations, in logits, of the viewer's
        taste, of a picture's base appeal and of what the situation adds, among the pictures of a title.
        title_taste: logits per standard deviation of match. style_from_genre: share (0–1) of the style
        taste's variance that genre taste tells; the rest is the viewer's own. clickbait_share: share of a
        title's pictures that promise what it does not hold. clickbait_penalty: logits. history_views: earlier
        views a viewer. Raises SettingError.
        """
        _check_counts(viewers=viewers, titles=titles, artworks=artworks, impressions=impressions)
        _check_shares(
            play_rate=play_rate,
            keep_rate=keep_rate,
            style_from_genre=style_from_genre,
            clickbait_share=clickbait_share,
        )
        if seed < 0 or history_views < 0:
            raise SettingError(f"seed ({seed}) and history_views ({history_views}) must be 0 or more.")
        catalog, pictures = made_up_catalog(titles, artworks, clickbait_share, seed)
        people = np.random.default_rng([seed, 10])
        # Gamma draws over their sum are a Dirichlet; a small shape gives each viewer two or three genres.
        shares = people.gamma(0.35, size=(viewers, len(GENRES))) + 1e-3
        shares /= shares.sum(axis=1, keepdims=True)
        genre_taste = _standardised(np.log(shares + 0.02))
        match = _standardised(shares @ pictures.title_genres.T)

        play = taste * _within_titles(_tag_taste(genre_taste, pictures, style_from_genre, seed), artworks)
        own = np.random.default_rng([seed, 11])
        play += appeal * own.standard_normal(pictures.count)
        play += title_taste * np.repeat(match, artworks, axis=1)
        situation = context * _within_titles(
            own.standard_normal((SITUATIONS, pictures.tags.shape[1])) @ pictures.tags.T, artworks
        )
        keep_artwork = 0.1 * own.standard_normal(pictures.count) - clickbait_penalty * pictures.clickbait
        logits = Logits(
            play.astype(np.float32),
            situation.astype(np.float32),
            SLOT_EFFECT,
            (0.5 * match).astype(np.float32),
            keep_artwork.astype(np.float32),
        )
        habits = Habits(
            match,
            people.dirichlet([2.0, 1.4, 0.6], size=viewers),
            people.gamma(2.0 * _HOURS / _HOURS.mean(), size=(viewers, 24)) + 1e-9,
        )
        shown = _impressions(habits, pictures.popularity, impressions, seed)
        super().__init__(
            catalog=catalog,
            impressions=shown,
            histories=_histories(habits, pictures.popularity, catalog, history_views, seed),
            logits=calibrated(logits, shown, artwork_bounds(catalog), play_rate, keep_rate),
            start=START,
            zones=[ZONE] * viewers,
        )


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


def _standardised(values: Floats) -> Floats:
    """Each column with mean 0 over the whole array, and standard deviation 1 over the whole array."""
    centred = values - values.mean(axis=0)
    return np.asarray(centred / (centred.std() + 1e-12))


def _within_titles(values: Floats, artworks: int) -> Floats:
    """`values` [rows, titles × artworks], less each title's mean, scaled to standard deviation 1."""
    blocks = values.reshape(len(values), -1, artworks)
    centred = (blocks - blocks.mean(axis=2, keepdims=True)).reshape(values.shape)
    return np.asarray(centred / (centred[:1000].std() + 1e-12))


def _tag_taste(genre_taste: Floats, pictures: Pictures, style_from_genre: float, seed: int) -> Floats:
    """[viewers, pictures] taste for what each picture shows, before scaling."""
    viewers = len(genre_taste)
    rng = np.random.default_rng([seed, 12])
    bridge = rng.standard_normal((len(GENRES), len(STYLES))) / math.sqrt(len(GENRES))
    own_styles = np.random.default_rng([seed, 13]).standard_normal((viewers, len(STYLES)))
    styles = math.sqrt(style_from_genre) * genre_taste @ bridge + math.sqrt(1 - style_from_genre) * own_styles
    cast = 0.5 * np.random.default_rng([seed, 14]).standard_normal((viewers, len(CAST)))
    warm = 0.5 * np.random.default_rng([seed, 15]).standard_normal((viewers, 1))
    # Columns as in Pictures.tags: genres, styles, cast, palette warm, palette cool.
    return np.asarray(np.hstack([genre_taste, styles, cast, warm, -warm]) @ pictures.tags.T)


def _impressions(habits: Habits, popularity: Floats, impressions: int, seed: int) -> Impressions:
    match = habits.match
    days = -(-impressions // IMPRESSIONS_PER_DAY)
    whole_days = days * IMPRESSIONS_PER_DAY
    u = uniforms(seed, 1, len(match), whole_days, 7)
    # The home page is made by somebody's recommender: popular titles, and titles that suit the viewer.
    title = draw_rows(popularity * np.exp(0.7 * match), u[:, :, 0])
    # Impressions of one day come in the order of the clock.
    by_day = draw_rows(habits.hours, u[:, :, 1]).reshape(len(match), days, IMPRESSIONS_PER_DAY)
    hour = (np.sort(by_day, axis=2) + 24 * np.arange(days)[:, None]).reshape(len(match), whole_days)
    slot = np.minimum((SLOTS * u[:, :, 3]).astype(np.int64), SLOTS - 1)
    part = np.s_[:, :impressions]
    return Impressions(
        title[part],
        draw_rows(habits.devices, u[:, :, 2])[part],
        hour[part],
        slot[part],
        np.ascontiguousarray(u[:, :impressions, 4:]),
    )


def _histories(habits: Habits, popularity: Floats, catalog: keyart.Catalog, views: int, seed: int) -> list[Watched]:
    """Earlier views, drawn from the viewer's taste; a title that suits is more often watched to its end."""
    match = habits.match
    u = uniforms(seed, 2, len(match), views, 6)
    title = draw_rows(popularity * np.exp(1.5 * match), u[:, :, 0])
    days = (HISTORY_DAYS * u[:, :, 1]).astype(np.int64) - HISTORY_DAYS
    hour = np.sort(24 * days + draw_rows(habits.hours, u[:, :, 2]), axis=1)
    device = draw_rows(habits.devices, u[:, :, 3])
    suits = 1.0 / (1.0 + np.exp(-(0.4 + match[np.arange(len(match))[:, None], title])))
    share = np.where(u[:, :, 4] < suits, 0.85 + 0.15 * u[:, :, 5], 0.02 + 0.25 * u[:, :, 5])
    seconds = np.round(share * np.array([entry.duration for entry in catalog])[title])
    return [
        Watched(*rows)
        for rows in zip(title.tolist(), (3600 * hour).tolist(), seconds.tolist(), device.tolist(), strict=True)
    ]
