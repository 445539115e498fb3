"""The people of the synthetic world: which titles suit them, which artworks they like, and what they like later.

Tags express a part of a person's taste (the equations in `synthetic`). For `idiosyncrasy` > 0 there is another part
that they do not: `LATENT_RANK` numbers a person, a title and an artwork, whose products say what suits whom. Titles
and artworks share the person's numbers, so that this part of the taste shows in what people watch, and only there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..types import Doubles, Integers
from .synthetic_catalog import CAST, GENRES, STYLES, SyntheticArtworks

LATENT_RANK = 6
# First number of the random streams of each group of people; the streams of a group lie within ten of it.
OWNERS, PARTNERS, LATER_OWNERS, LATER_PARTNERS = 10, 50, 60, 70
_LATENT_STREAM = 6


@dataclass(frozen=True, slots=True)
class People:
    """The people of a world. Person i is the owner of device i; the others are partners.

    Attributes:
        match: How well a title suits, standardised, [people, titles].
        taste: Taste for artworks, standard deviation 1 within a title, [people, artworks].
        later: The taste at the last impression. None if it is the same.
        partner: Person who also uses the device, or its owner, [devices]. None if no device is shared.
    """

    match: Doubles
    taste: Doubles
    later: Doubles | None
    partner: Integers | None


@dataclass(frozen=True, slots=True)
class PeopleSettings:
    """Settings of `SyntheticWorld` that shape people."""

    style_from_genre: float
    idiosyncrasy: float
    drift: float
    shared_devices: float


def made_up_people(genre_shares: Doubles, pictures: SyntheticArtworks, settings: PeopleSettings, seed: int) -> People:
    """Return owners with these genre shares [devices, GENRES]; partners and later tastes are drawn here."""
    groups = [(OWNERS, LATER_OWNERS, genre_shares)]
    partner = _partners(len(genre_shares), settings.shared_devices, seed)
    if partner is not None:
        joined = np.random.default_rng([seed, PARTNERS])
        groups.append((PARTNERS, LATER_PARTNERS, drawn_genre_shares(joined, int(partner.max()) - len(partner) + 1)))
    match, taste, later = [], [], []
    for now, then, shares in groups:
        suits, likes = _tastes(shares, genre_shares, pictures, settings, seed, now)
        match.append(suits)
        taste.append(likes)
        if settings.drift > 0:
            other = drawn_genre_shares(np.random.default_rng([seed, then]), len(shares))
            _, new = _tastes(other, genre_shares, pictures, settings, seed, then)
            later.append(_mixed(likes, new, settings.drift))
    return People(_joined(match), _joined(taste), _joined(later) if later else None, partner)


def _joined(groups: list[Doubles]) -> Doubles:
    """Return the rows of all groups; without a copy where there is one, since a table of tastes is large."""
    return groups[0] if len(groups) == 1 else np.concatenate(groups)


def drawn_genre_shares(rng: np.random.Generator, people: int) -> Doubles:
    """Draw genre shares, [people, GENRES].

    Gamma draws over their sum are a Dirichlet; a small shape gives two or three genres each.
    """
    shares = rng.gamma(0.35, size=(people, len(GENRES))) + 1e-3
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def within_titles(values: Doubles, artworks: int) -> Doubles:
    """Return `values` [rows, titles × artworks] less each title's mean, scaled to standard deviation 1."""
    blocks = values.reshape(len(values), -1, artworks)
    centred = (blocks - blocks.mean(axis=2, keepdims=True)).reshape(values.shape)
    centred /= centred[:1000].std() + 1e-12
    return np.asarray(centred)


def _partners(devices: int, share: float, seed: int) -> Integers | None:
    """Give a partner to the nearest whole number to the share of the devices, numbered from `devices` on."""
    shared = round(share * devices)
    if shared == 0:
        return None
    partner = np.arange(devices)
    chosen = np.random.default_rng([seed, PARTNERS + 9]).permutation(devices)[:shared]
    partner[chosen] = devices + np.arange(shared)
    return partner


def _tastes(
    shares: Doubles, of_owners: Doubles, pictures: SyntheticArtworks, settings: PeopleSettings, seed: int, stream: int
) -> tuple[Doubles, Doubles]:
    """Return match [people, titles] and taste [people, artworks] of a group, on the owners' scale."""
    artworks = pictures.count // len(pictures.popularity)
    match = _standardised(shares @ pictures.title_genres.T, of_owners @ pictures.title_genres.T)
    genre_taste = _standardised(np.log(shares + 0.02), np.log(of_owners + 0.02))
    taste = within_titles(_tag_taste(genre_taste, pictures, settings.style_from_genre, seed, stream), artworks)
    if settings.idiosyncrasy == 0:
        return match, taste
    factors = np.random.default_rng([seed, 30])
    of_titles = factors.standard_normal((LATENT_RANK, len(pictures.popularity)))
    of_pictures = factors.standard_normal((LATENT_RANK, pictures.count))
    person = np.random.default_rng([seed, stream + _LATENT_STREAM]).standard_normal((len(shares), LATENT_RANK))
    untold_match = person @ of_titles / math.sqrt(LATENT_RANK)
    return (
        _mixed(match, untold_match, settings.idiosyncrasy),
        _mixed(taste, within_titles(person @ of_pictures, artworks), settings.idiosyncrasy),
    )


def _mixed(old: Doubles, new: Doubles, share: float) -> Doubles:
    """Return a mixture with a share of its variance from the new, the rest from the old."""
    return math.sqrt(1 - share) * old + math.sqrt(share) * new


def _standardised(values: Doubles, reference: Doubles) -> Doubles:
    """Return each column less its mean in `reference`, over the standard deviation of the whole of it."""
    centre = reference.mean(axis=0)
    return np.asarray((values - centre) / ((reference - centre).std() + 1e-12))


def _tag_taste(
    genre_taste: Doubles, pictures: SyntheticArtworks, style_from_genre: float, seed: int, stream: int
) -> Doubles:
    """Return the taste for what each artwork shows, before scaling, [people, artworks]."""
    people = len(genre_taste)
    # One bridge for all: that western fans like wide shots is a fact of the population.
    bridge = np.random.default_rng([seed, 12]).standard_normal((len(GENRES), len(STYLES))) / math.sqrt(len(GENRES))
    own_styles = np.random.default_rng([seed, stream + 3]).standard_normal((people, len(STYLES)))
    styles = math.sqrt(style_from_genre) * genre_taste @ bridge + math.sqrt(1 - style_from_genre) * own_styles
    cast = 0.5 * np.random.default_rng([seed, stream + 4]).standard_normal((people, len(CAST)))
    warm = 0.5 * np.random.default_rng([seed, stream + 5]).standard_normal((people, 1))
    # Columns as in Pictures.tags: genres, styles, cast, palette warm, palette cool.
    return np.asarray(np.hstack([genre_taste, styles, cast, warm, -warm]) @ pictures.tags.T)
