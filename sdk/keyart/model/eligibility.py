"""Eligibility: the one module that knows which artworks may be shown.

Age limits hold without exception: that of the profile and that of the context, together. Where they leave nothing,
nothing may be shown. The other rules are taste: spoilers of titles that the viewer has not watched, and, where the
policy says so, artworks that mislead about their title. Among the artworks that the age limits leave, such a rule is
dropped if it would leave nothing. An artwork that is withdrawn leaves the catalogue, so that no rule need know it.

Everything broadcasts over leading axes: a device asks for one title, a simulation for thousands of devices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from ..catalog import UNRATED, Rating, rating_of
from ..types import Bools, Ints, ShortInts
from .features.encode import EncodedCatalog

if TYPE_CHECKING:
    from ..context import Context
    from .policy import Policy

UNLIMITED: Final = Rating(UNRATED.system, np.iinfo(np.int16).max, np.iinfo(np.int16).max)


@dataclass(frozen=True, slots=True)
class AgeLimit:
    """The age limits of a choice.

    Attributes:
        maturities: The highest age ratings that may be shown. All of them hold, whatever their systems.
        rated_only: True if an artwork without an age rating may not be shown.
    """

    maturities: tuple[str, ...] = ()
    rated_only: bool = False

    def within(self, context: Context) -> AgeLimit:
        """Return these limits and that of a context."""
        if not context.max_maturity:
            return self
        return AgeLimit((*self.maturities, context.max_maturity), self.rated_only)

    @property
    def rows(self) -> ShortInts | None:
        """Return the limits as numbers (`Rating`), [L, 3]; None if there are none."""
        return _rows(self.maturities) if self.maturities else None


NO_AGE_LIMIT: Final = AgeLimit()


def age_limits(contexts: Sequence[Context]) -> ShortInts | None:
    """Return the age limit of each context as numbers, [len(contexts), 1, 3]; None if no context has one."""
    if not any(context.max_maturity for context in contexts):
        return None
    return _rows([context.max_maturity for context in contexts])[:, None]


def nothing_watched(title: int) -> bool:
    """Return False: nothing is known of the viewer."""
    return False


def eligible(
    encoded: EncodedCatalog,
    policy: Policy,
    artworks: Ints | slice,
    *,
    watched: npt.ArrayLike,
    limits: ShortInts | None = None,
    rated_only: bool = False,
    exists: Bools | None = None,
) -> Bools:
    """Return which artworks of a title may be shown. Without age limits at least one of them may.

    Args:
        encoded: the catalogue; the title must be encoded (`EncodedCatalog.need`).
        policy: whether misleading artworks are blocked.
        artworks: places of all artworks of one title, […, A], or their slice.
        watched: […]: whether the viewer has watched the title.
        limits: age limits (`AgeLimit.rows`), all of which hold, […, L, 3]. None: there is none.
        rated_only: whether an artwork without an age rating may not be shown.
        exists: […, A]: False for padding, where titles have fewer artworks than A. None: there is none.

    Returns:
        […, A].
    """
    spoilers = encoded.spoilers[artworks]
    allowed = np.ones(spoilers.shape, dtype=np.bool_) if exists is None else exists
    if limits is not None or rated_only:
        allowed = allowed & _within(encoded.ratings[artworks], limits, rated_only)
    if spoilers.any():
        allowed = _unless_empty(allowed, ~spoilers | np.asarray(watched, dtype=np.bool_)[..., None])
    if policy.misleading == "block":
        allowed = _unless_empty(allowed, ~encoded.misleading[artworks])
    return allowed


def eligible_of_title(
    encoded: EncodedCatalog, policy: Policy, title: int, has_watched: Callable[[int], bool], limit: AgeLimit
) -> Bools:
    """Return `eligible` of all artworks [A] of one title, for one viewer.

    Args:
        encoded: the catalogue; it encodes the title if that is not done.
        policy: whether misleading artworks are blocked.
        title: its place in the catalogue.
        has_watched: says whether the viewer has watched a title; asked where the title has a spoiler.
        limit: the age limits.
    """
    if not encoded.ready[title]:
        encoded.need((title,))
    artworks = slice(encoded.starts[title], encoded.starts[title + 1])
    watched = not encoded.spoils[title] or has_watched(title)
    if watched and limit is NO_AGE_LIMIT and policy.misleading == "block":
        return encoded.honest[artworks]  # worked out once: most titles have no other rule
    return eligible(encoded, policy, artworks, watched=watched, limits=limit.rows, rated_only=limit.rated_only)


def _rows(maturities: Sequence[str]) -> ShortInts:
    """Return ratings as numbers, [n, 3]; `UNLIMITED` for ""."""
    return np.array([rating_of(maturity) or UNLIMITED for maturity in maturities], dtype=np.int16)


def _within(ratings: ShortInts, limits: ShortInts | None, rated_only: bool) -> Bools:
    """Return which ratings […, A, 3] all limits […, L, 3] allow, […, A]."""
    allowed: Bools = (ratings[..., 0] != UNRATED.system) | (not rated_only)
    if limits is not None:
        system, rank, age = np.moveaxis(ratings[..., None, :], -1, 0)
        of_limit, max_rank, max_age = np.moveaxis(limits[..., None, :, :], -1, 0)
        allowed = allowed & np.where(system == of_limit, rank <= max_rank, age <= max_age).all(axis=-1)
    return allowed


def _unless_empty(allowed: Bools, rule: Bools) -> Bools:
    """Return the candidates […, A] that a rule leaves; all of them where it would leave nothing."""
    narrowed = allowed & rule
    return np.where(narrowed.any(axis=-1, keepdims=True), narrowed, allowed)
