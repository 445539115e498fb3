"""Preferences: the tags that a viewer says they like or dislike, as they are stored.

A viewer can see and change them at any time (Digital Services Act, articles 27 and 38). They stand beside what is
learned: they need no outcome, and no outcome takes them away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from ..catalog import kind_of
from ..errors import SettingError, StoreDamaged
from ..model.features.spec import is_sensitive
from ..store.database import Store, Table

MAX_TAGS: Final = 256
MAX_TAG_CHARACTERS: Final = 200  # characters
RECORD_ID: Final = b"preferences"

LIKE, DISLIKE = 1.0, -1.0


class Preferences:
    """The stated preferences of one profile in its store. Each change is stored before the call returns."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def like(self, tag: str) -> None:
        """Record a like, which replaces what was stated of the tag before.

        Raises:
            SettingError: The tag is not a text or is of a sensitive kind, or there are 256 tags already.
            StoreFull: The disk is full, read-only or failing.
        """
        self._state(tag, LIKE)

    def dislike(self, tag: str) -> None:
        """Record a dislike. It raises as `like` does."""
        self._state(tag, DISLIKE)

    def clear(self, tag: str) -> bool:
        """Remove the preference for a tag. Return False if there was none."""
        _require_text(tag)
        with self._store.transaction():
            stated = self.as_dict()
            if stated.pop(tag, None) is None:
                return False
            self._write(stated)
            return True

    def as_dict(self) -> dict[str, float]:
        """Return 1.0 for each tag that is liked, −1.0 for each that is disliked.

        They come in the order in which they were first stated.

        Raises:
            StoreDamaged: The record cannot be read.
        """
        data = self._store.get(Table.SETTING, RECORD_ID)
        return {} if data is None else _decoded(data)

    def _state(self, tag: str, sign: float) -> None:
        _require_text(tag)
        if len(tag) > MAX_TAG_CHARACTERS:
            raise SettingError(f"A tag of {len(tag)} characters is no preference; the limit is {MAX_TAG_CHARACTERS}.")
        if is_sensitive(tag):
            raise SettingError(
                f"{tag!r} cannot be a preference: pictures are never chosen by {kind_of(tag)}, nor by another of the "
                "sensitive kinds, not even at a viewer's wish, since others use the screen and see what it shows."
            )
        with self._store.transaction():
            stated = self.as_dict()
            stated[tag] = sign
            if len(stated) > MAX_TAGS:
                raise SettingError(f"There are {MAX_TAGS} preferences already; clear one before you add another.")
            self._write(stated)

    def _write(self, stated: Mapping[str, float]) -> None:
        if stated:
            self._store.put(Table.SETTING, RECORD_ID, json.dumps(stated).encode())
        else:
            self._store.delete(Table.SETTING, RECORD_ID)


def _require_text(tag: object) -> None:
    if not isinstance(tag, str) or not tag.strip():
        raise SettingError(f"A preference is about a tag such as 'genre:drama', not {tag!r}.")


def _decoded(data: bytes) -> dict[str, float]:
    try:
        stated = json.loads(data)
    except (ValueError, RecursionError):
        stated = None
    if not isinstance(stated, dict) or not all(
        isinstance(sign, float) and sign in (LIKE, DISLIKE) for sign in stated.values()
    ):
        raise StoreDamaged("The stated preferences cannot be read; update keyart, or forget this profile.")
    return stated
