"""A film or series of an NFO file as Kodi and Jellyfin write it.

The elements are those of Kodi's wiki (NFO files/Movies, NFO files/TV shows) and of Jellyfin's page "Local .nfo
metadata". A plot, ratings by viewers, and what somebody has watched are not read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from .certification import maturity_of
from .import_issues import FileIssues, listed
from .nfo_xml import NfoDocument, XmlElement
from .title_facts import MAX_NAME_CHARACTERS, MAX_SECONDS, TitleFacts, seconds_of_runtime, year_of

TITLES = frozenset({"movie", "tvshow", "musicvideo"})
PARTS = frozenset({"episodedetails", "season", "artist", "album", "set"})  # of no title of their own
PROVIDERS = ("imdb", "tmdb", "tvdb")  # whose ids name a title, best first
_PROVIDER_ELEMENTS = {
    "imdbid": "imdb", "imdb_id": "imdb", "tmdbid": "tmdb", "tvdbid": "tvdb",
}  # fmt: skip
_IMDB = re.compile(r"tt\d{5,10}")
_ADDRESS = re.compile(r"(?:https?|plugin)://\S+", re.IGNORECASE)
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,12}")


@dataclass(frozen=True, slots=True)
class NfoFilm:
    """A film or series.

    Attributes:
        title_id: Id by a database, such as "imdb:tt0113277"; "" if the file names none.
        pictures: Local pictures that the file names, with their lines.
    """

    title_id: str
    facts: TitleFacts
    pictures: tuple[tuple[str, int], ...]


def read_film(document: NfoDocument, issues: FileIssues) -> NfoFilm | str:
    """Return the film, or what the file is about instead: "part" or "no XML", or "unknown" with a sentence.

    A part is an episode, a season, an artist or another thing that is no title.
    """
    root = document.root
    if root is None:
        return "no XML"
    if root.name in PARTS:
        return "part"
    if root.name not in TITLES:
        issues.broken(f"Its root element is <{root.name[:40]}>; a film's is <movie>, a series' <tvshow>.", root.line)
        return "unknown"
    if document.rest:
        _note_rest(document.rest, issues)
    remote = [
        element
        for path in (("thumb",), ("fanart", "thumb"), ("art", "poster"), ("art", "fanart"))
        for element in root.all(*path)
    ]
    addresses = sum(bool(_REMOTE.match(element.text)) for element in remote)
    if addresses:
        issues.collector.left_out["addresses of remote pictures, which are not fetched"] += addresses
    local = tuple((e.text, e.line) for e in remote if e.text and not _REMOTE.match(e.text))
    return NfoFilm(_title_id(root, issues), _facts(root, issues), local)


def address_in(text: str) -> str:
    """Return the first address in a text, or ""."""
    match = _ADDRESS.search(text)
    return match[0] if match else ""


def _note_rest(rest: str, issues: FileIssues) -> None:
    if rest.startswith("<"):
        issues.note("It holds further XML after its first element, which was left out.")
    else:
        issues.note("It ends with an address for Kodi's scraper, which is not fetched.")


def _facts(root: XmlElement, issues: FileIssues) -> TitleFacts:
    def texts(*path: str) -> tuple[str, ...]:
        return tuple(text for element in root.all(*path) if (text := _text(element, issues)))

    def first(*names: str) -> str:
        return next((text for name in names for text in texts(name)), "")

    actors = sorted(root.all("actor"), key=_billing)
    cast = [text for actor in actors for name in actor.all("name") if (text := _text(name, issues))]
    year = year_of(first("premiered", "releasedate", "aired")) or year_of(first("year"))
    return TitleFacts(
        name=first("title", "localtitle", "name", "originaltitle"),
        seconds=_seconds(root, issues),
        year=year,
        maturity=_maturity(root, issues),
        genres=texts("genre"),
        cast=tuple(cast),
        directors=texts("director"),
        writers=_several(texts("credits") + texts("writer")),
        franchises=_franchises(root, issues),
        studios=_several(texts("studio")),
        countries=_several(texts("country")),
        keywords=texts("tag"),
    )


def _text(element: XmlElement, issues: FileIssues) -> str:
    if len(element.text) > MAX_NAME_CHARACTERS:
        issues.broken(
            f"<{element.name}> has more than {MAX_NAME_CHARACTERS:,} characters and was left out; shorten it.",
            element.line,
        )
        return ""
    return " ".join(element.text.split())


def _several(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Take "A / B" apart, as Kodi did before version 18."""
    return tuple(part.strip() for text in texts for part in text.split(" / ") if part.strip())


def _billing(actor: XmlElement) -> int:
    order = next((element.text for element in actor.all("order")), "")
    return int(order) if _NUMBER.fullmatch(order) else 10**12  # without an order they stay as they are listed


def _franchises(root: XmlElement, issues: FileIssues) -> tuple[str, ...]:
    named = [name for entry in root.all("set") for name in (list(entry.all("name")) or [entry])]
    return tuple(text for element in named if (text := _text(element, issues)))


def _seconds(root: XmlElement, issues: FileIssues) -> float:
    """Return the file's own length if the NFO knows it, and else the runtime."""
    for element in root.all("fileinfo", "streamdetails", "video", "durationinseconds"):
        seconds = _number(element.text)
        if seconds is None or seconds > MAX_SECONDS:
            issues.broken(f"<durationinseconds> {element.text[:40]!r} is no number of seconds.", element.line)
        elif seconds > 0:
            return seconds
    for element in root.all("runtime"):
        seconds = seconds_of_runtime(element.text) if element.text else 0.0
        if seconds is None:
            issues.broken(f"<runtime> {element.text[:40]!r} is no number of minutes.", element.line)
        elif seconds > 0:
            return seconds
    return 0.0


def _number(text: str) -> float | None:
    try:
        value = float(text or 0)
    except ValueError:
        return None
    return value if 0 <= value < math.inf else None


def _maturity(root: XmlElement, issues: FileIssues) -> str:
    unknown: list[XmlElement] = []
    for name in ("mpaa", "certification", "customrating"):
        for element in root.all(name):
            maturity = maturity_of(element.text[:200])
            if maturity:
                return maturity
            if maturity is None:
                unknown.append(element)
    if unknown:
        ratings = listed(repr(element.text[:40]) for element in unknown)
        issues.note(f"keyart does not know the rating {ratings}; the artworks stay unrated.", unknown[0].line)
    return ""


def _title_id(root: XmlElement, issues: FileIssues) -> str:
    ids = _provider_ids(root)
    for provider in PROVIDERS:
        value = ids.get(provider, "")
        if value and len(value) <= MAX_NAME_CHARACTERS:
            series = "-tv" if provider == "tmdb" and root.name == "tvshow" else ""  # films and series count apart
            return f"{provider}{series}:{value}"
    if long := [provider for provider, value in ids.items() if len(value) > MAX_NAME_CHARACTERS]:
        issues.broken(f"The id of {listed(long)} is longer than any id and was left out.", root.line)
    return ""


def _provider_ids(root: XmlElement) -> Mapping[str, str]:
    ids: dict[str, str] = {}
    for element in root.all("uniqueid"):
        provider = element.attributes.get("type", "").lower()
        if element.text and provider in PROVIDERS:
            ids.setdefault(provider, element.text)
    for name, provider in _PROVIDER_ELEMENTS.items():
        for element in root.all(name):
            if element.text:
                ids.setdefault(provider, element.text)
    for element in root.all("id"):
        if _IMDB.fullmatch(element.text):
            ids.setdefault("imdb", element.text)
    return ids
