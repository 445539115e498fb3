"""The viewing habits of the synthetic world: when and where people watch, what the page shows, and earlier views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import keyart

from ..types import Doubles, Floats, Integers
from .synthetic_people import People
from .table_world import SLOTS, Impressions, WatchedTitles, draw_rows, uniforms

HISTORY_DAYS = 60  # earlier views fall into this many days before the first impression
IMPRESSIONS_PER_DAY = 4
IMPRESSIONS_PER_WEEK = 7 * IMPRESSIONS_PER_DAY
PARTNER_HOURS = 12  # a day, in one piece, in which a shared device is the partner's
# Shares of hours 0–23 that a population spends in front of a screen: a lunch bump and an evening peak.
_HOURS = np.array([3, 2, 1, 0.5, 0.3, 0.5, 1, 2, 2.5, 2, 2, 2.5, 3.5, 3, 2.5, 3, 3.5, 4.5, 6, 8, 9, 9, 7, 5])


@dataclass(frozen=True, slots=True)
class Habits:
    """Habits by device. Frequencies are up to a factor a row.

    Attributes:
        devices: Frequency of each device class, [devices, 3].
        hours: Frequency of each hour of the day, [devices, 24].
        partner_from: Hour of the day, 0–23, at which the partner's hours begin, [devices].
    """

    devices: Doubles
    hours: Doubles
    partner_from: Integers


def drawn_habits(rng: np.random.Generator, devices: int, seed: int) -> Habits:
    """Draw the habits on so many devices."""
    return Habits(
        rng.dirichlet([2.0, 1.4, 0.6], size=devices),
        rng.gamma(2.0 * _HOURS / _HOURS.mean(), size=(devices, 24)) + 1e-9,
        np.random.default_rng([seed, 40]).integers(24, size=devices),
    )


def shown(people: People, habits: Habits, page: Doubles, impressions: int, seed: int) -> Impressions:
    """Draw the impressions.

    Args:
        people: The people.
        habits: Their habits.
        page: Weight of a title on everybody's page, [weeks, titles]; the last row lasts.
        impressions: Number of impressions of each device.
        seed: Seed of the draws.
    """
    count = len(habits.devices)
    days = -(-impressions // IMPRESSIONS_PER_DAY)
    whole_days = days * IMPRESSIONS_PER_DAY
    u = uniforms(seed, 1, count, whole_days, 7)
    # Impressions of one day come in the order of the clock.
    by_day = draw_rows(habits.hours, u[:, :, 1]).reshape(count, days, IMPRESSIONS_PER_DAY)
    hour = (np.sort(by_day, axis=2) + 24 * np.arange(days)[:, None]).reshape(count, whole_days)
    person = _present(people, habits, hour)
    # The home page is made by somebody's recommender: popular titles, and titles that suit the viewer.
    starts = IMPRESSIONS_PER_WEEK * np.arange(1, len(page))
    weeks = np.split(np.arange(whole_days), starts[starts < whole_days])
    title = np.hstack(
        [_titles(people, row, 0.7, person, u[:, week, 0], week) for row, week in zip(page, weeks, strict=False)]
    )
    slot = np.minimum((SLOTS * u[:, :, 3]).astype(np.int64), SLOTS - 1)
    part = np.s_[:, :impressions]
    return Impressions(
        title[part],
        draw_rows(habits.devices, u[:, :, 2])[part],
        hour[part],
        slot[part],
        np.ascontiguousarray(u[:, :impressions, 4:]),
        None if person is None else person[part],
    )


def watched(
    people: People,
    habits: Habits,
    popularity: Doubles,
    catalog: keyart.Catalog,
    views: int,
    cold_start: float,
    seed: int,
) -> list[WatchedTitles]:
    """Draw earlier views from the viewer's taste; a title that suits is watched to its end more often.

    The nearest whole number to the share `cold_start` of the devices have none.
    """
    count = len(habits.devices)
    u = uniforms(seed, 2, count, views, 6)
    days = (HISTORY_DAYS * u[:, :, 1]).astype(np.int64) - HISTORY_DAYS
    hour = np.sort(24 * days + draw_rows(habits.hours, u[:, :, 2]), axis=1)
    person = _present(people, habits, hour)
    title = _titles(people, popularity, 1.5, person, u[:, :, 0], np.arange(views))
    device = draw_rows(habits.devices, u[:, :, 3])
    match = people.match[np.arange(count)[:, None] if person is None else person, title]
    suits = 1.0 / (1.0 + np.exp(-(0.4 + match)))
    share = np.where(u[:, :, 4] < suits, 0.85 + 0.15 * u[:, :, 5], 0.02 + 0.25 * u[:, :, 5])
    seconds = np.round(share * np.array([entry.duration for entry in catalog])[title])
    histories = [
        WatchedTitles(*rows)
        for rows in zip(title.tolist(), (3600 * hour).tolist(), seconds.tolist(), device.tolist(), strict=True)
    ]
    for i in np.random.default_rng([seed, 41]).permutation(count)[: round(cold_start * count)].tolist():
        histories[i] = WatchedTitles((), (), (), ())
    return histories


def _present(people: People, habits: Habits, hour: Integers) -> Integers | None:
    """Return the row of `people` at the screen at these hours [devices, n], or None if it is always the owner."""
    if people.partner is None:
        return None
    since = (hour - habits.partner_from[:, None]) % 24
    return np.where(since < PARTNER_HOURS, people.partner[:, None], np.arange(len(hour))[:, None])


def _titles(
    people: People, page: Doubles, pull: float, person: Integers | None, u: Floats, columns: Integers
) -> Integers:
    """Draw titles by their weight on the page times e^(pull · match), for `columns` of person and u's numbers."""
    count = len(u)
    title = draw_rows(page * np.exp(pull * people.match[:count]), u)
    if person is None or people.partner is None:
        return title
    partners = draw_rows(page * np.exp(pull * people.match[people.partner]), u)
    return np.where(person[:, columns] == np.arange(count)[:, None], title, partners)
