"""Stated preferences of one profile: what an app sees under `Personalizer.preferences`."""

from __future__ import annotations

from collections.abc import Callable

from ..catalog import folded_kind, kind_of
from ..errors import SettingError
from .preferences import Preferences
from .session import Session


class ViewerPreferences:
    """The tags that the person says they like or dislike. Get it from `Personalizer.preferences`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def like(self, tag: str) -> bool:
        """Record that the person likes a tag such as "genre:comedy": artworks with it count for more from now on.

        Returns:
            False if nothing may be kept.

        Raises:
            SettingError: The tag is not a text, or is of a sensitive kind.
        """
        return self._state(tag, lambda preferences: preferences.like(tag))

    def dislike(self, tag: str) -> bool:
        """Record that the person dislikes a tag: its artworks count for less. Returns and raises as `like` does."""
        return self._state(tag, lambda preferences: preferences.dislike(tag))

    def clear(self, tag: str) -> bool:
        """Remove the preference for a tag. It needs no consent.

        Returns:
            False if there was none.
        """
        session = self._session
        with session.writing:
            cleared = Preferences(session.custody.store).clear(tag)
            if cleared:
                session.restated()
            return cleared

    def as_dict(self) -> dict[str, float]:
        """Return 1.0 for each tag that the person likes, and −1.0 for each tag that they dislike."""
        with self._session.writing:
            return Preferences(self._session.custody.store).as_dict()

    def _state(self, tag: str, change: Callable[[Preferences], None]) -> bool:
        session = self._session
        if isinstance(tag, str) and folded_kind(tag) in session.chooser.policy.sensitive_kinds:
            raise SettingError(f"{tag!r} cannot be a preference: this app never chooses by {kind_of(tag)}.")
        with session.writing:
            if session.person() is None:
                return False
            change(Preferences(session.custody.store))
            session.restated()
            return True
