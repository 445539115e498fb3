"""A folder of films with NFO files and artwork beside them, as Kodi and Jellyfin keep it.

A folder holds one film (`movie.nfo`, `NAME.nfo`), a series (`tvshow.nfo`), or several films with an NFO file each,
whose pictures begin with the film's name. Links are followed, each folder is read once.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from keyart.catalog import Artwork, Title
from keyart_tools.vocabulary import tag_of

from .artwork_files import (
    FOLDERS,
    ORDER,
    PIECES,
    PLAIN_TYPES,
    SUFFIXES,
    ArtworkName,
    artwork_name,
    picture_hash,
    picture_problem,
    relative_path,
)
from .import_issues import FileIssues, ImportIssues, shown
from .nfo_film import NfoFilm, address_in, read_film
from .nfo_xml import parse_nfo

NFO = ".nfo"
GENERIC = frozenset({"movie", "tvshow", "video_ts", "index"})  # NFO files that are not called as the film is
VIDEOS = frozenset(
    {
        ".mkv",
        ".mp4",
        ".m4v",
        ".avi",
        ".mov",
        ".webm",
        ".ts",
        ".m2ts",
        ".mpg",
        ".mpeg",
        ".wmv",
        ".ogv",
        ".iso",
        ".strm",
    }
)
MAX_FOLDER_DEPTH = 40
EXTRAS_AFTER = 10_000  # number of the first picture of an extra folder, which come after fanart1, fanart2 …
MARKERS = ("tagging.json", "catalog.json")  # of a folder that `keyart tag` wrote

Tell = Callable[[int, int], None]


@dataclass(slots=True)
class LibraryFolder:
    """A folder of the library.

    Attributes:
        path: Its path.
        files: Names of its files.
        extras: Its folders of further artwork, with their files.
    """

    path: Path
    files: list[str] = field(default_factory=list)
    extras: list[LibraryFolder] = field(default_factory=list)

    @property
    def nfo_files(self) -> list[str]:
        """Return the names of its NFO files, those that stand for the whole folder first."""
        names = [name for name in self.files if Path(name).suffix.lower() == NFO]
        return sorted(names, key=lambda name: (Path(name).stem.lower() not in GENERIC, name))

    @property
    def tagged(self) -> bool:
        """Return True if `keyart tag` wrote the folder."""
        return all(name in self.files for name in MARKERS)


def walk_library(root: Path, issues: ImportIssues) -> list[LibraryFolder]:
    """Return all folders with NFO files, or of `keyart tag`, in the order of their names."""
    found: list[LibraryFolder] = []
    seen: set[tuple[int, int]] = set()
    waiting: list[tuple[Path, tuple[tuple[int, int], ...]]] = [(root, ())]
    while waiting:
        path, above = waiting.pop()
        try:
            status = path.stat()
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            issues.of(path).broken(f"The folder cannot be read ({error.strerror or error}).")
            continue
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            issues.of(path).broken("The link leads back to a folder that holds it; remove the loop.")
            continue
        if identity in seen:
            issues.of(path).note("The link leads to a folder that was read already.")
            continue
        seen.add(identity)
        folder = LibraryFolder(path)
        below = _sort_entries(folder, entries, issues)
        if len(above) >= MAX_FOLDER_DEPTH and below:
            issues.of(path).broken(f"Folders below it are more than {MAX_FOLDER_DEPTH} deep and were not read.")
            below = []
        waiting += [(child, (*above, identity)) for child in reversed(below)]
        if folder.tagged or folder.nfo_files:
            found.append(folder)
    return found


def _sort_entries(folder: LibraryFolder, entries: Sequence[os.DirEntry[str]], issues: ImportIssues) -> list[Path]:
    """Sort entries into files, folders of artwork, and the folders below, which are returned."""
    below: list[Path] = []
    for entry in entries:
        path = folder.path / entry.name
        if entry.name.startswith((".", "@")):
            continue
        if not _utf8(entry.name):
            issues.of(path).broken("Its name is not UTF-8, so a catalogue cannot hold it; rename it.")
            continue
        try:
            is_folder = entry.is_dir()
        except OSError as error:
            issues.of(path).broken(f"It cannot be read ({error.strerror or error}).")
            continue
        if not is_folder:
            folder.files.append(entry.name)
        elif entry.name.lower() in FOLDERS:
            folder.extras.append(_extras(path, issues))
        else:
            below.append(path)
    return below


def _extras(path: Path, issues: ImportIssues) -> LibraryFolder:
    folder = LibraryFolder(path)
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        issues.of(path).broken(f"The folder cannot be read ({error.strerror or error}).")
        return folder
    for entry in entries:
        if Path(entry.name).suffix.lower() in SUFFIXES and not entry.name.startswith("."):
            if _utf8(entry.name):
                folder.files.append(entry.name)
            else:
                issues.of(path / entry.name).broken("Its name is not UTF-8; rename it.")
    return folder


def _utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes of the file system that are not UTF-8
        return False
    return True


@dataclass(frozen=True, slots=True)
class _FoundPicture:
    path: Path
    name: ArtworkName


def read_films(folder: LibraryFolder, root: Path, base: Path, issues: ImportIssues) -> Iterator[tuple[Path, Title]]:
    """Yield the films of a folder, each with the path of its NFO file.

    Args:
        folder: The folder.
        root: Folder that the import began with; ids of films without one come from the path below it.
        base: Folder that the paths of pictures are relative to.
        issues: Collector of what cannot be used.
    """
    films = _films(folder, issues)
    pictures = _pictures(folder, alone=len(films) == 1, stems=[path.stem for path, _ in films])
    for path, film in films:
        own = list(pictures[None if len(films) == 1 else path.stem])
        own += _named_pictures(film, folder, root, own, issues.of(path))
        title = _title(path, film, own, _Place(folder, root, base, len(films) == 1), issues)
        if title is not None:
            yield path, title


def _films(folder: LibraryFolder, issues: ImportIssues) -> list[tuple[Path, NfoFilm]]:
    """Return the films of the NFO files; `movie.nfo` and one other NFO file describe the same film."""
    films: list[tuple[Path, NfoFilm]] = []
    without_xml: list[tuple[Path, str]] = []
    for name in folder.nfo_files:
        path = folder.path / name
        own = issues.of(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            own.broken(f"The file cannot be read ({error.strerror or error}).")
            continue
        document = parse_nfo(data, own)
        film = read_film(document, own) if document else "broken"
        if film == "part":
            issues.left_out["NFO files of episodes, seasons and music"] += 1
        elif film == "no XML" and document:
            without_xml.append((path, document.rest))
        elif isinstance(film, NfoFilm):
            films.append((path, film))
    for path, text in without_xml:
        _report_without_xml(issues.of(path), text, known=bool(films))
    if len(films) == 2 and films[0][0].stem.lower() in GENERIC:
        path = films.pop()[0]
        issues.of(path).note(f"{films[0][0].name} beside it describes the film, and is the one that was read.")
    return films


def _report_without_xml(issues: FileIssues, text: str, known: bool) -> None:
    if known:
        issues.note("It holds no XML and was left out.")
    elif address := address_in(text):
        issues.broken(
            f"It holds only an address ({address[:80]}), which Kodi looks up and keyart does not; export the library "
            "from Kodi or Jellyfin with its metadata as NFO files.",
            1,
        )
    else:
        issues.broken("It holds no XML, so it describes no film; export it from Kodi or Jellyfin.", 1)


def _pictures(folder: LibraryFolder, alone: bool, stems: list[str]) -> dict[str | None, list[_FoundPicture]]:
    """Return the pictures by the stem of their film's NFO file; by None if the folder has one film alone."""
    found: dict[str | None, list[_FoundPicture]] = defaultdict(list)
    by_stem = {stem.lower(): stem for stem in stems}
    videos = {Path(name).stem.lower() for name in folder.files if Path(name).suffix.lower() in VIDEOS}
    for file in sorted(folder.files):
        path = folder.path / file
        if path.suffix.lower() not in SUFFIXES or PIECES.fullmatch(path.stem):
            continue
        called = path.stem.lower()
        if (called in by_stem and called not in GENERIC) or (alone and called in videos):
            name = ArtworkName(path.stem, "poster", "poster", 0)  # NAME.jpg beside NAME.nfo or NAME.mkv
        else:
            parsed = artwork_name(path.stem)
            if parsed is None:
                continue
            name = parsed
        if alone:
            found[None].append(_FoundPicture(path, name))
        elif name.film.lower() in by_stem:
            found[by_stem[name.film.lower()]].append(_FoundPicture(path, name))
    if alone:
        for extra in folder.extras:
            kind = FOLDERS[extra.path.name.lower()]
            for number, file in enumerate(extra.files, EXTRAS_AFTER):
                path = extra.path / file
                name = ArtworkName("", kind, f"{extra.path.name.lower()}/{path.stem}", number)
                found[None].append(_FoundPicture(path, name))
    return found


def _named_pictures(
    film: NfoFilm, folder: LibraryFolder, root: Path, found: list[_FoundPicture], issues: FileIssues
) -> list[_FoundPicture]:
    """Return the local pictures that an NFO file names, besides those that were found by their own names."""
    known = {picture.path.name for picture in found}
    pictures = []
    for text, line in film.pictures:
        name = Path(text.replace("\\", "/"))
        if name.name in known or name.suffix.lower() not in SUFFIXES:
            continue
        absolute = name.is_absolute() or (len(text) > 1 and text[1] == ":")
        path = folder.path / name.name if absolute else folder.path / name
        if not absolute and not path.resolve().is_relative_to(root.resolve()):
            issues.broken(f"The picture {text[:80]!r} lies outside of {shown(root)} and was left out.", line)
        elif path.is_file():
            short = name.stem or "picture"
            parsed = artwork_name(name.stem) or ArtworkName("", "poster", short, 0)
            pictures.append(_FoundPicture(path, parsed))
            known.add(name.name)
        elif absolute:
            issues.note(f"The picture {text[:80]!r} is a path on another machine and was left out.", line)
        else:
            issues.broken(f"The picture {text[:80]!r} is missing.", line)
    return pictures


@dataclass(frozen=True, slots=True)
class _Place:
    """The folder of a film, that of the import and that of the catalogue, and whether the film is alone there."""

    folder: LibraryFolder
    root: Path
    base: Path
    alone: bool

    def title_id(self, nfo: Path) -> str:
        """Return an id for a film whose NFO file has none: its path below the folder of the import."""
        below = self.folder.path.relative_to(self.root)
        path = below if self.alone and below.parts else below / nfo.stem
        return path.as_posix() if path.as_posix() != "movie" else self.root.absolute().name or "movie"


def _title(
    nfo: Path, film: NfoFilm, pictures: list[_FoundPicture], place: _Place, issues: ImportIssues
) -> Title | None:
    title_id = film.title_id or place.title_id(nfo)
    artworks = list(_artworks(title_id, pictures, film.facts.maturity, place.base, issues))
    if not artworks:
        issues.of(nfo).broken(
            "No picture of the film was found beside it, and a title needs at least one, such as poster.jpg."
        )
        return None
    name = film.facts.name or (place.folder.path.absolute().name if place.alone else nfo.stem)
    return Title(title_id, name, film.facts.seconds, film.facts.tags(), artworks)


def _artworks(
    title_id: str, pictures: list[_FoundPicture], maturity: str, base: Path, issues: ImportIssues
) -> Iterator[Artwork]:
    """Yield the artworks, each picture once: posters first, then by number."""
    pictures = sorted(pictures, key=lambda picture: _rank(picture.name))
    shorts: dict[str, Path] = {}
    by_size: dict[int, list[Path]] = defaultdict(list)
    for picture in pictures:
        if problem := picture_problem(picture.path):
            issues.of(picture.path).broken(problem)
            continue
        try:
            twin = _twin(picture.path, by_size)
        except OSError as error:
            issues.of(picture.path).broken(f"The picture cannot be read ({error.strerror or error}).")
            continue
        if twin is not None:
            issues.of(picture.path).note(f"It is the same picture as {twin.name} and was left out.")
            continue
        name = picture.name
        if name.short in shorts:  # poster.jpg and poster.png, or poster.jpg and NAME-poster.jpg
            name = replace(name, short=picture.path.name)
        shorts[name.short] = picture.path
        tag = tag_of("type", name.type)
        yield Artwork(
            f"{title_id}/{name.short}",
            tags={tag: 1.0} if tag else {},
            image=relative_path(picture.path, base),
            maturity=maturity,
        )


def _rank(name: ArtworkName) -> tuple[int, int, bool, str]:
    """Order artworks by type and number, and those that are called by their type before folder.jpg and its kind."""
    return ORDER.index(name.type), name.number, name.short.rstrip("0123456789") in PLAIN_TYPES, name.short


def _twin(path: Path, by_size: dict[int, list[Path]]) -> Path | None:
    """Return an earlier file with the same bytes; only files of the same size are read."""
    same_size = by_size[path.stat().st_size]
    twin = None
    if same_size:
        own = picture_hash(path)
        twin = next((other for other in same_size if picture_hash(other) == own), None)
    same_size.append(path)
    return twin
