"""Actors and characters of a given cast list that a text names, as `cast:` tags. Nobody outside the list is tagged.

A name of several words matches regardless of case and accents. A name of one word, the last word of a longer one, and
a character's first name match only with a capital, and only if the text never has that word in lower case: "Will" is
not found in "Will you? I will." A name part that two people share matches neither.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from keyart.catalog import is_text
from keyart.errors import InputError

from .folding import folded, slug
from .text_files import parse_json, read_text

Cast = Mapping[str, Sequence[str]]  # actor → characters

NAMED, PARTLY_NAMED = 1.0, 0.7
MIN_NAME_LENGTH = 4  # letters
_TITLES = {
    "agent", "aunt", "captain", "colonel", "detective", "doctor", "dr", "father", "general", "inspector", "judge",
    "king", "lady", "little", "lord", "major", "master", "miss", "mister", "mother", "mr", "mrs", "ms", "officer",
    "old", "prince", "princess", "professor", "queen", "sergeant", "sheriff", "sir", "sister", "the", "uncle",
    "young",
}  # fmt: skip
_POSSESSIVE = re.compile(r"['’]s\b")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")


def read_cast(path: Path) -> Cast:
    """Read a CSV file with the columns actor and character (a row per role), or a JSON object of actor to characters.

    Raises:
        InputError: the file cannot be read; the message names the row.
    """
    text = read_text(path, "cast list")
    cast: dict[str, list[str]] = {}
    for actor, character in _from_json(path, text) if text.lstrip()[:1] in ("{", "[") else _from_csv(path, text):
        roles = cast.setdefault(actor, [])
        if character and character not in roles:
            roles.append(character)
    if not cast:
        raise InputError(f"{path} names no actor; write a row 'actor,character' for each role.")
    return cast


def cast_in(text: str, cast: Cast) -> dict[str, float]:
    """Return `cast:` tags of actors who, or whose characters, are named: 1 in full, 0.7 in part."""
    text = _POSSESSIVE.sub("", text)
    folded_text = f" {folded(text)} "
    capitals = _capitals(text)
    owners: dict[str, set[str]] = {}
    for actor, characters in cast.items():
        for part in _parts(actor, characters):
            owners.setdefault(part, set()).add(actor)
    tags: dict[str, float] = {}
    for actor, characters in cast.items():
        names = [name for name in map(_plain, (actor, *characters)) if name]
        if any((f" {name} " in folded_text) if " " in name else (name in capitals) for name in names):
            tags[f"cast:{slug(actor)}"] = NAMED
        elif any(part in capitals and len(owners[part]) == 1 for part in _parts(actor, characters)):
            tags[f"cast:{slug(actor)}"] = PARTLY_NAMED
    return tags


def _plain(name: str) -> str:
    return folded(_POSSESSIVE.sub("", name))


def _parts(actor: str, characters: Sequence[str]) -> set[str]:
    """Return surnames, and first names of characters."""
    parts = set()
    for name in (actor, *characters):
        words = [word for word in _plain(name).split() if word not in _TITLES]
        if " " in _plain(name) and words:
            parts |= {words[-1]} if name == actor else {words[0], words[-1]}
    return {part for part in parts if len(part) >= MIN_NAME_LENGTH}


def _capitals(text: str) -> set[str]:
    """Return the folded words that occur only with a capital; `"Ross-Berg"` is included as a whole and in parts."""
    with_capital: set[str] = set()
    without: set[str] = set()
    for word in _WORD.findall(text):
        (without if word[0].islower() else with_capital).update(folded(part) for part in (word, *word.split("-")))
    return with_capital - without


def _from_csv(path: Path, text: str) -> Iterator[tuple[str, str]]:
    rows = csv.reader(io.StringIO(text), skipinitialspace=True)
    try:
        header = [folded(cell) for cell in next(rows, [])]
        if "actor" not in header:
            raise InputError(f"{path} is not a cast list: its first row must be 'actor,character'.")
        actor_at, character_at = header.index("actor"), header.index("character") if "character" in header else None
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            cells = [*(cell.strip() for cell in row), *[""] * len(header)]
            if not folded(cells[actor_at]):
                raise InputError(f"{path}, line {rows.line_num}: no actor; fill it in, or remove the row.")
            yield cells[actor_at], "" if character_at is None else cells[character_at]
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}.") from None


def _from_json(path: Path, text: str) -> Iterator[tuple[str, str]]:
    document = parse_json(text, path, "cast list")
    if not isinstance(document, dict):
        raise InputError(f'{path} is not a cast list: it must be an object such as {{"Actor": ["Character"]}}.')
    for actor, characters in document.items():
        roles = [characters] if isinstance(characters, str) else characters
        if not (
            is_text(actor) and folded(actor) and isinstance(roles, list) and all(r == "" or is_text(r) for r in roles)
        ):
            raise InputError(f"{path}: the characters of {actor!r} must be a list of names.")
        for role in roles or [""]:
            yield actor.strip(), role.strip()
