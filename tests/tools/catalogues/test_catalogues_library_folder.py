"""Folders of films with NFO files: which pictures are whose, and what is said of what cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.catalogues import JPEG, nfo, picture

import keyart
from keyart_tools.catalogues import ImportResult, import_catalog


def imported(library: Path) -> ImportResult:
    return import_catalog([library], library.parent)


def titles(library: Path) -> dict[str, keyart.Title]:
    catalog = imported(library).catalog
    return {} if catalog is None else {title.name: title for title in catalog}


def names(title: keyart.Title) -> list[str]:
    return [artwork.id.removeprefix(f"{title.id}/") for artwork in title.artworks]


def broken(library: Path) -> list[tuple[str, int | None]]:
    return [(Path(issue.file).name, issue.line) for issue in imported(library).issues.broken]


def test_film_as_kodi_writes_it(library: Path, film) -> None:
    text = nfo(
        title="Night Ferry", runtime="104", year="1995", genre=["Science Fiction", "Drama / Thriller"],
        director="Ana Mér", credits="Tom Ott", mpaa="13+", studio="Studio X", country="Germany",
        uniqueid="no type", id="tt0113277",
    )  # fmt: skip
    film("Night Ferry (1995)", text, ["poster.jpg", "fanart.jpg", "landscape.png", "fanart1.jpg"])

    result = imported(library)
    (title,) = result.catalog
    assert (title.id, title.name, title.duration) == ("imdb:tt0113277", "Night Ferry", 6240.0)
    assert set(title.tags) == {
        "genre:science-fiction", "genre:drama", "genre:thriller", "director:ana-mer", "writer:tom-ott",
        "studio:studio-x", "country:germany", "decade:1990s",
    }  # fmt: skip
    assert names(title) == ["poster", "landscape", "fanart", "fanart1"]
    assert [dict(artwork.tags) for artwork in title.artworks[:2]] == [{"type:poster": 1.0}, {"type:landscape": 1.0}]
    assert {artwork.maturity for artwork in title.artworks} == {"13+"}
    assert title.artworks[0].image == "library/Night Ferry (1995)/poster.jpg"
    assert not result.issues.broken


@pytest.mark.parametrize("name", ["movie.nfo", "Night Ferry.nfo", "MOVIE.NFO"])
def test_pictures_with_the_films_name_before_them(library: Path, film, name: str) -> None:
    files = [
        "Night Ferry-poster.jpg",
        "Night Ferry-fanart2.webp",
        "Night Ferry-thumb.png",
        "Night Ferry-clearlogo.png",
    ]
    film("Night Ferry", nfo(title="Night Ferry"), files, name)

    assert names(titles(library)["Night Ferry"]) == ["poster", "thumb", "fanart2"]


def test_several_films_in_one_folder_take_the_pictures_with_their_name(library: Path, film) -> None:
    for name in ("Heat", "X-Men"):
        film("", nfo(title=name), [f"{name}-poster.jpg", f"{name}-fanart1.jpg"], f"{name}.nfo")
    film("", nfo(title="Orbit"), ["Orbit.jpg"], "Orbit.nfo")
    picture(library / "poster.jpg")  # nobody's

    found = titles(library)
    assert {name: names(title) for name, title in found.items()} == {
        "Heat": ["poster", "fanart1"], "X-Men": ["poster", "fanart1"], "Orbit": ["poster"],
    }  # fmt: skip
    assert {title.id for title in found.values()} == {"Heat", "X-Men", "Orbit"}


def test_extra_folders_come_last_and_seasons_not_at_all(library: Path, film) -> None:
    text = nfo(title="Series").replace("movie>", "tvshow>")
    files = [
        "folder.jpg", "backdrop.jpg", "extrafanart/a.jpg", "extrathumbs/thumb1.jpg", "season01-poster.jpg",
        ".actors/Robin.jpg", "Season 1/x.jpg",
    ]  # fmt: skip
    film("Series", text, files, "tvshow.nfo")
    film("Series/Season 1", "<episodedetails><title>1</title></episodedetails>", ["1-thumb.jpg"], "1.nfo")

    result = imported(library)
    (title,) = result.catalog
    assert names(title) == ["folder", "backdrop", "extrafanart/a", "extrathumbs/thumb1"]
    assert sum(result.issues.left_out.values()) == 1 and not result.issues.broken


def test_same_picture_twice_is_one_artwork(library: Path, film) -> None:
    path = film("A", nfo(title="A"), ["folder.jpg"])
    (path.parent / "poster.jpg").write_bytes((path.parent / "folder.jpg").read_bytes())
    (path.parent / "poster.png").write_bytes(JPEG + b"another")

    result = imported(library)
    assert names(result.catalog.titles[0]) == ["poster", "poster.png"]
    assert "same picture" in str(result.issues.notes[0]) and not result.issues.broken


def test_movie_nfo_and_another_describe_one_film(library: Path, film) -> None:
    film("A", nfo(title="A"))
    film("A", nfo(title="A again"), name="A.nfo")

    assert list(titles(library)) == ["A"]


@pytest.mark.parametrize(
    ("text", "line", "also"),
    [
        (b"<movie>\n<title>B</title>\n<genre>Drama</movie>", 3, "mismatched"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE m [<!ENTITY a "a">]>\n<movie>&a;</movie>', 2, "document type"),
        (b"", None, "empty"),
        (b"https://www.imdb.com/title/tt0113277/\n", 1, "only an address"),
        (b"RELEASED BY NOBODY", 1, "no XML"),
        (b"\x00\x01<movie/>", None, "not a text file"),
        (b"<html><title>B</title></html>", 1, "root element"),
        (b"<movie>" + b"<a>" * 40 + b"</a>" * 40 + b"</movie>", 1, "nested"),
        (b"<movie>" + b" " * 5_000_001 + b"</movie>", None, "MB"),
    ],
)  # fmt: skip
def test_what_is_broken_is_named_and_the_rest_imported(library: Path, film, text: bytes, line, also: str) -> None:
    film("A", nfo(title="A"))
    film("B", text)
    film("C", nfo(title="C"))

    result = imported(library)
    assert [title.name for title in result.catalog] == ["A", "C"]
    (issue,) = result.issues.broken
    assert (Path(issue.file).name, issue.line) == ("movie.nfo", line) and also in issue.what


@pytest.mark.parametrize(
    ("text", "line", "name", "seconds"),
    [
        ("<movie>\n<title>Café</title>\n</movie>".encode("latin-1"), 2, "Café", 0.0),
        (b"<movie>\n<title>B</title>\n<runtime>long</runtime></movie>", 3, "B", 0.0),
        (b"<movie><title>" + b"x" * 3_000_000 + b"</title><runtime>90</runtime></movie>", 1, "B", 5400.0),
        (b"<movie><title>B</title>\n<genre>" + b"x" * 2000 + b"</genre></movie>", 2, "B", 0.0),
        (b"<movie><title>B</title>\n<thumb>gone.jpg</thumb></movie>", 2, "B", 0.0),
        (b"<movie><title>B</title>\n<thumb>../../../etc/hosts.jpg</thumb></movie>", 2, "B", 0.0),
    ],
)
def test_what_is_left_of_a_film_is_imported(
    library: Path, film, text: bytes, line, name: str, seconds: float
) -> None:
    film("B", text)

    (title,) = imported(library).catalog
    assert (title.name, title.duration) == (name, seconds)
    assert broken(library) == [("movie.nfo", line)]


def test_address_after_the_xml_is_not_broken(library: Path, film) -> None:
    film("A", nfo(title="A") + "https://www.themoviedb.org/movie/603\n")
    film("B", nfo(title="B") + "<movie><title>More</title></movie>")

    result = imported(library)
    assert [title.name for title in result.catalog] == ["A", "B"]
    assert not result.issues.broken and len(result.issues.notes) == 2


def test_pictures_that_are_missing_or_none_are_named(library: Path, film) -> None:
    folder = film("A", nfo(title="A")).parent
    (folder / "fanart.jpg").write_bytes(b"")
    (folder / "fanart1.jpg").write_bytes(b"<html>")
    (folder / "fanart2.jpg").symlink_to("nothing")
    film("B", nfo(title="B"), [])

    assert list(titles(library)) == ["A"]
    assert {name for name, _ in broken(library)} == {"fanart.jpg", "fanart1.jpg", "fanart2.jpg", "movie.nfo"}


def test_loops_of_links_end(library: Path, film) -> None:
    folder = film("A", nfo(title="A")).parent
    (folder / "loop").symlink_to("..")
    (folder / "self").symlink_to("self")
    (library / "again").symlink_to("A")

    result = imported(library)
    assert [title.name for title in result.catalog] == ["A"]
    assert sorted(name for name, _ in broken(library)) == ["loop", "self"]
    assert len(result.issues.notes) == 1


def test_names_in_any_script_and_names_that_are_not_utf_8(library: Path, film) -> None:
    film("夜の船 (1999)", nfo(title="夜の船", genre="ドラマ"), ["夜の船-poster.jpg"], "夜の船.nfo")
    film("مركب", nfo(title="مركب الليل", genre="دراما"))
    unreadable = library / os.fsdecode(b"\xff\xfe")
    unreadable.mkdir()
    (unreadable / "movie.nfo").write_text(nfo(title="K"))

    found = titles(library)
    assert {name: list(title.tags) for name, title in found.items()} == {
        "夜の船": ["genre:ドラマ"], "مركب الليل": ["genre:دراما"],
    }  # fmt: skip
    ((name, _),) = broken(library)
    assert name == "\ufffd\ufffd"


def test_ids_that_occur_twice_keep_the_first(library: Path, film) -> None:
    for folder in ("A", "B"):
        film(folder, nfo(title=folder, id="tt0113277"))

    assert list(titles(library)) == ["A"]
    assert broken(library) == [("movie.nfo", None)]


def test_same_titles_whatever_order_the_file_system_has(library: Path, film, monkeypatch) -> None:
    for name in "CAB":
        film(name, nfo(title=name))
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: reversed(list(scandir(path))))

    assert list(titles(library)) == ["A", "B", "C"]
