"""Details of films and series as TMDB's API answers them.

The request appends to the response: `append_to_response=credits,images,release_dates,keywords`.

A file holds one answer, a list of them, or one a line. Pictures are addresses on TMDB's server unless a file of the
same name lies beside the JSON file; nothing is fetched.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from keyart.catalog import Artwork, Title, quoted
from keyart.errors import CatalogError
from keyart_tools.text.text_files import read_text

from .artwork_files import ORDER, picture_problem, relative_path
from .certification import maturity_of
from .import_issues import FileIssues, ImportIssues
from .title_facts import MAX_CAST, MAX_NAME_CHARACTERS, MAX_SECONDS, TitleFacts, year_of

SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
MAX_EACH_TYPE = 8  # artworks of a type, the best-voted first; TMDB holds hundreds of popular films
IMAGE_ADDRESS = "https://image.tmdb.org/t/p/original"
TYPES: Mapping[str, str] = {"posters": "poster", "backdrops": "backdrop", "stills": "still"}
RATING_COUNTRIES = ("US", "DE", "GB")  # whose ratings are taken, in this order, before those of others
DIRECTORS = frozenset({"director"})
WRITERS = frozenset({"writer", "screenplay", "story", "author", "novel"})

Json = Mapping[str, Any]


def read_tmdb(path: Path, base: Path, issues: ImportIssues) -> Iterator[tuple[Path, Title]]:
    """Yield the titles of a file, each with its path; `base` is as in `library_folder.read_films`.

    Raises:
        CatalogError: The file cannot be read.
    """
    own = issues.of(path)
    for line, details in _answers(path, read_text(path, "file of TMDB", CatalogError), own):
        try:
            title = _title(details, path, base, own, line)
        except CatalogError as error:
            own.broken(str(error), line)
            continue
        if title is not None:
            yield path, title


def is_details(document: object) -> bool:
    """Return True for an object that has the shape of TMDB's details."""
    return (
        isinstance(document, Mapping)
        and ("title" in document or "name" in document)
        and bool({"genres", "runtime", "images", "poster_path", "episode_run_time"} & set(document))
    )


def _answers(path: Path, text: str, issues: FileIssues) -> Iterator[tuple[int | None, Json]]:
    if path.suffix.lower() == ".json":
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            if "\n{" not in text.strip() or error.msg != "Extra data":
                issues.broken(f"It is not JSON ({error.msg}).", error.lineno)
                return
        except (ValueError, RecursionError) as error:
            issues.broken(f"It is not JSON ({str(error)[:80]}).")
            return
        else:
            answers = document if isinstance(document, list) else [document]
            for number, answer in enumerate(answers, 1):
                which = f"Entry {number} of the list" if isinstance(document, list) else "It"
                yield from _checked(answer, None, which, issues)
            return
    for line, row in enumerate(text.split("\n"), 1):
        if row.strip():
            try:
                answer = json.loads(row)
            except (ValueError, RecursionError) as error:
                issues.broken(f"The line is not JSON ({str(error)[:80]}).", line)
                continue
            yield from _checked(answer, line, "The line", issues)


def _checked(answer: object, line: int | None, which: str, issues: FileIssues) -> Iterator[tuple[int | None, Json]]:
    if is_details(answer) and isinstance(answer, Mapping):
        yield line, answer
    elif isinstance(answer, Mapping) and str(answer.get("format", "")).startswith("keyart-catalog/"):
        issues.broken("This is a catalogue of keyart already; bring it in with keyart catalog merge.")
    else:
        issues.broken(f"{which} holds no details of a film (id, title, genres, runtime, images).", line)


def _title(details: Json, path: Path, base: Path, issues: FileIssues, line: int | None) -> Title | None:
    series = "name" in details and "title" not in details
    title_id = _title_id(details, series)
    name = _text(details, "title") or _text(details, "name")
    maturity = _maturity(details, name or title_id, issues, line)
    artworks = list(_artworks(title_id, details, maturity, path, base, issues, line))
    if not artworks:
        issues.broken(
            f"Title {quoted(name or title_id)} has no picture, and needs one; ask TMDB for its images.", line
        )
        return None
    facts = _facts(details, name, maturity)
    return Title(title_id, name, facts.seconds, facts.tags(), artworks)


def _title_id(details: Json, series: bool) -> str:
    ids = details.get("external_ids")
    imdb = _text(details, "imdb_id") or _text(ids if isinstance(ids, Mapping) else {}, "imdb_id")
    number = details.get("id")
    if imdb:
        return f"imdb:{imdb}"
    if isinstance(number, bool) or not isinstance(number, int | str) or not str(number).strip():
        raise CatalogError(f"A film needs an id, and its id is {quoted(number)}.")
    return f"tmdb{'-tv' if series else ''}:{str(number)[:MAX_NAME_CHARACTERS]}"


def _facts(details: Json, name: str, maturity: str) -> TitleFacts:
    credits = details.get("credits")
    people = credits if isinstance(credits, Mapping) else {}
    crew = _objects(people, "crew")
    cast = sorted(_objects(people, "cast"), key=_billing)[:MAX_CAST]
    collection = details.get("belongs_to_collection")
    keywords = details.get("keywords")
    listed = keywords if isinstance(keywords, Mapping) else {"keywords": keywords}

    def crew_of(jobs: frozenset[str]) -> tuple[str, ...]:
        return tuple(_text(person, "name") for person in crew if _text(person, "job").casefold() in jobs)

    return TitleFacts(
        name=name,
        seconds=_seconds(details),
        year=year_of(_text(details, "release_date") or _text(details, "first_air_date")),
        maturity=maturity,
        genres=_names(details, "genres"),
        cast=tuple(_text(person, "name") for person in cast),
        directors=crew_of(DIRECTORS) + _names(details, "created_by"),
        writers=crew_of(WRITERS),
        franchises=(_text(collection, "name"),) if isinstance(collection, Mapping) else (),
        studios=_names(details, "networks") or _names(details, "production_companies")[:3],
        countries=_names(details, "production_countries"),
        keywords=_names(listed, "keywords") or _names(listed, "results"),
    )


def _text(entry: Json, key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or len(value) > MAX_NAME_CHARACTERS:
        return ""
    return value.encode(errors="replace").decode().strip()  # JSON may hold half of a surrogate pair


def _objects(entry: Json, key: str) -> list[Json]:
    value = entry.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _names(entry: Json, key: str) -> tuple[str, ...]:
    return tuple(name for item in _objects(entry, key) if (name := _text(item, "name")))


def _billing(person: Json) -> float:
    order = person.get("order")
    return float(order) if isinstance(order, int | float) and math.isfinite(order) else math.inf


def _seconds(details: Json) -> float:
    runtime = details.get("runtime")
    if runtime is None:
        episodes = details.get("episode_run_time")
        runtime = episodes[0] if isinstance(episodes, list) and episodes else 0
    if isinstance(runtime, bool) or not isinstance(runtime, int | float) or not 0 <= runtime * 60 <= MAX_SECONDS:
        raise CatalogError(f"Its runtime {quoted(runtime)} is no number of minutes; the title was left out.")
    return 60.0 * runtime


def _maturity(details: Json, name: str, issues: FileIssues, line: int | None) -> str:
    ratings: dict[str, str] = {}
    for key, inner in (("release_dates", "release_dates"), ("content_ratings", "")):
        block = details.get(key)
        for entry in _objects(block, "results") if isinstance(block, Mapping) else ():
            releases = _objects(entry, inner) if inner else [entry]
            texts = [_text(release, "certification") or _text(release, "rating") for release in releases]
            if rating := next((text for text in texts if text), ""):
                ratings.setdefault(_text(entry, "iso_3166_1"), rating)
    order: Sequence[str] = [*RATING_COUNTRIES, *ratings]
    for country in order:
        if maturity := maturity_of(ratings.get(country, ""), country):
            return maturity
    if ratings:
        issues.note(f"keyart knows none of the ratings of {quoted(name)}; its artworks stay unrated.", line)
    return ""


def _artworks(
    title_id: str, details: Json, maturity: str, path: Path, base: Path, issues: FileIssues, line: int | None
) -> Iterator[Artwork]:
    images = details.get("images")
    found = [
        (kind, entry)
        for key, kind in TYPES.items()
        for entry in sorted(_objects(images if isinstance(images, Mapping) else {}, key), key=_votes)[:MAX_EACH_TYPE]
    ]
    found += [("poster", {"file_path": details.get("poster_path")})]
    found += [("backdrop", {"file_path": details.get("backdrop_path")})]
    seen: set[str] = set()
    for kind, entry in sorted(found, key=lambda pair: ORDER.index(pair[0])):
        file_path = _text(entry, "file_path")
        stem = Path(file_path).stem
        if not stem or stem in seen:
            continue
        seen.add(stem)
        beside = path.parent / Path(file_path).name
        if beside.is_file():
            if problem := picture_problem(beside):
                issues.broken(f"{beside.name}: {problem}", line)
                continue
            image = relative_path(beside, base)
        else:
            image = f"{IMAGE_ADDRESS}/{file_path.lstrip('/')}"
        lettered = {"lettering": 1.0} if _text(entry, "iso_639_1") else {}
        yield Artwork(f"{title_id}/{stem}", tags={f"type:{kind}": 1.0} | lettered, image=image, maturity=maturity)


def _votes(image: Json) -> float:
    average = image.get("vote_average")
    return -float(average) if isinstance(average, int | float) and math.isfinite(average) else 0.0
