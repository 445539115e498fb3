"""The team's catalogue as Kodi needs it: one title for each kind of art, and a way from a film to its title.

A title of keyart has one picture at a time; a film of Kodi has a poster, a landscape and fanart at once. So the
sidecar chooses from a catalogue in which a film is up to three titles: the first has the film's id, and views are
recorded for it.
"""

from __future__ import annotations

import json
import os
from collections import namedtuple

KINDS = ("poster", "landscape", "fanart")
KIND_OF_TYPE = {
    "type:poster": "poster", "type:keyart": "poster", "type:backdrop": "fanart",
    "type:landscape": "landscape", "type:still": "landscape",
}  # fmt: skip
UNUSED_TYPES = frozenset({"type:banner"})
ID_PROVIDERS = ("imdb", "tmdb", "tvdb")  # best first, as `keyart catalog import` names titles
FORMAT = "keyart-catalog/1"


class CatalogueError(Exception):
    """The catalogue cannot be used; the message says what to do."""


class Index(namedtuple("Index", "titles folders images")):
    """What the list needs of the catalogue.

    Attributes:
        titles: Title of each kind of art, by film.
        folders: Film by the folder of its pictures; folders of several films are left out.
        images: Path of the picture, by artwork.
    """

    __slots__ = ()

    def film_of(self, unique_ids: dict[str, str], path: str) -> str | None:
        """Return the film of a video of Kodi's library, by its ids or by its folder; None if it is not known."""
        for provider in ID_PROVIDERS:
            film = f"{provider}:{unique_ids.get(provider, '')}"
            if film in self.titles:
                return film
        return self.folders.get(folder_of(path))

    def save(self, file: str) -> None:
        """Write the index, whole or not at all."""
        replace_text(file, json.dumps(self._asdict()))

    @classmethod
    def load(cls, file: str) -> Index:
        """Read what `save` wrote; an empty index if there is none."""
        try:
            with open(file, encoding="utf-8") as stream:
                return cls(**json.load(stream))
        except (OSError, ValueError, TypeError):
            return cls({}, {}, {})


def folder_of(path: str) -> str:
    """Return the folder of a file; addresses that Kodi reads are left as they are."""
    return path.rpartition("/")[0]


def read_catalogue(file: str) -> dict:
    """Read a catalogue as JSON. Raises CatalogueError."""
    try:
        with open(file, encoding="utf-8") as stream:
            document = json.load(stream)
    except OSError as error:
        raise CatalogueError(
            f"{file} cannot be read ({error.strerror}); choose the catalogue in the settings."
        ) from None
    except ValueError:
        raise CatalogueError(f"{file} is not JSON; write it with keyart catalog import.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CatalogueError(
            f"{file} is not a catalogue of the format {FORMAT}; write it with keyart catalog import."
        )
    return document


def by_kind(document: dict, folder: str) -> tuple[dict, Index]:
    """Return the catalogue with a title for each kind of art, and its index.

    Args:
        document: The catalogue.
        folder: Folder that the paths of its pictures are relative to.
    """
    index, titles = Index({}, {}, {}), []
    shared: set[str] = set()
    for title in document["titles"]:
        film = title["id"]
        artworks = [artwork for artwork in title["artworks"] if artwork.get("image")]
        kinds = _artworks_by_kind(artworks)
        index.titles[film] = {}
        for kind in KINDS:
            if kind in kinds:
                title_id = f"{film}#{kind}" if index.titles[film] else film
                index.titles[film][kind] = title_id
                titles.append({**title, "id": title_id, "artworks": kinds[kind]})
        for artwork in artworks:
            path = os.path.normpath(os.path.join(folder, artwork["image"]))
            index.images[artwork["id"]] = path
            beside = folder_of(path)
            if index.folders.setdefault(beside, film) != film:
                shared.add(beside)
    for path in shared:
        del index.folders[path]
    return {**document, "titles": titles}, index


def _artworks_by_kind(artworks: list[dict]) -> dict[str, list[dict]]:
    kinds: dict[str, list[dict]] = {}
    for artwork in artworks:
        tags = artwork.get("tags", {})
        if not UNUSED_TYPES & tags.keys():
            kind = next((KIND_OF_TYPE[tag] for tag in tags if tag in KIND_OF_TYPE), "landscape")
            kinds.setdefault(kind, []).append(artwork)
    return kinds


def art_of(pictures: dict[str, str]) -> dict[str, str]:
    """Return Kodi's art for a list item, from the chosen picture of each kind."""
    art = dict(pictures)
    if "landscape" in art:
        art.setdefault("fanart", art["landscape"])
    if "poster" in art:
        art["thumb"] = art["icon"] = art["poster"]
    return art


def replace_text(file: str, text: str) -> None:
    """Write a file, whole or not at all; it is its owner's alone."""
    new = file + ".new"
    if os.path.exists(new):
        os.remove(new)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(new, file)
