"""Eligibility: the one module that knows which artworks may be shown.

The rules, the strictest duty first: the age limit of the context, spoilers of titles that the viewer has not watched,
and, where the policy says so, artworks that mislead about their title. A rule that would leave nothing is dropped,
since a title must have an artwork. An artwork that is withdrawn leaves the catalogue, so that no rule need know it.

Everything broadcasts over leading axes: a device asks for one title, a simulation for thousands of devices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from ..catalog import age_of
from ..types import Bools, Ints
from .features.encode import EncodedCatalog

if TYPE_CHECKING:
    from ..context import Context
    from .policy import Policy

NO_AGE_LIMIT: Final = 1_000_000  # above every age that a catalogue can hold


def age_limit(context: Context) -> int:
    """Return the highest age rating that may be shown in a context; `NO_AGE_LIMIT` where it names none."""
    return (age_of(context.max_maturity) or 0) if context.max_maturity else NO_AGE_LIMIT


def nothing_watched(title: int) -> bool:
    """Return False: nothing is known of the viewer."""
    return False


def eligible(
    encoded: EncodedCatalog,
    policy: Policy,
    artworks: Ints | slice,
    *,
    watched: npt.ArrayLike,
    max_age: npt.ArrayLike = NO_AGE_LIMIT,
    exists: Bools | None = None,
) -> Bools:
    """Return which artworks of a title may be shown; at least one of them may.

    Args:
        encoded: the catalogue; the title must be encoded (`EncodedCatalog.need`).
        policy: whether misleading artworks are blocked.
        artworks: places of all artworks of one title, […, A], or their slice.
        watched: […]: whether the viewer has watched the title.
        max_age: […]: the age limit (`age_limit`).
        exists: […, A]: False for padding, where titles have fewer artworks than A. None: there is none.

    Returns:
        […, A].
    """
    ages, spoilers = encoded.ages[artworks], encoded.spoilers[artworks]
    if exists is None:
        exists = np.ones(ages.shape, dtype=np.bool_)
    rules = [exists]
    limit = np.asarray(max_age)
    if (limit < NO_AGE_LIMIT).any():
        # Where every artwork is above the limit the app should not show the title; the mildest does least harm.
        rules.append(ages <= np.maximum(limit[..., None], ages.min(axis=-1, keepdims=True)))
    if spoilers.any():
        rules.append(~spoilers | np.asarray(watched, dtype=np.bool_)[..., None])
    if policy.misleading == "block":
        rules.append(~encoded.misleading[artworks])
    return permitted(*rules)


def eligible_of_title(
    encoded: EncodedCatalog, policy: Policy, title: int, has_watched: Callable[[int], bool], max_age: int
) -> Bools:
    """Return `eligible` of all artworks [A] of one title, for one viewer.

    Args:
        encoded: the catalogue; it encodes the title if that is not done.
        policy: whether misleading artworks are blocked.
        title: its place in the catalogue.
        has_watched: says whether the viewer has watched a title; asked where the title has a spoiler.
        max_age: the age limit (`age_limit`).
    """
    if not encoded.ready[title]:
        encoded.need((title,))
    artworks = slice(encoded.starts[title], encoded.starts[title + 1])
    watched = not encoded.spoils[title] or has_watched(title)
    if watched and max_age == NO_AGE_LIMIT and policy.misleading == "block":
        return encoded.honest[artworks]  # worked out once: most titles have no other rule
    return eligible(encoded, policy, artworks, watched=watched, max_age=max_age)


def permitted(*rules: Bools) -> Bools:
    """Return the candidates […, A] that all rules allow; a rule that would leave nothing is dropped.

    The rules come strictest duty first: the law wins over taste.
    """
    allowed = np.ones_like(rules[0])
    for rule in rules:
        narrowed = allowed & rule
        allowed = np.where(narrowed.any(axis=-1, keepdims=True), narrowed, allowed)
    return allowed
