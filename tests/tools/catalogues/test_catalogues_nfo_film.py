"""Elements of Kodi's and Jellyfin's NFO files."""

from __future__ import annotations

import pytest
from support.catalogues import nfo

from keyart_tools.catalogues import ImportIssues
from keyart_tools.catalogues.nfo_film import NfoFilm, read_film
from keyart_tools.catalogues.nfo_xml import parse_nfo


def film(text: str) -> NfoFilm:
    own = ImportIssues().of("movie.nfo")
    document = parse_nfo(text.encode(), own)
    assert document is not None
    read = read_film(document, own)
    assert isinstance(read, NfoFilm)
    return read


@pytest.mark.parametrize(
    ("elements", "title_id"),
    [
        ('<uniqueid type="tmdb" default="true">949</uniqueid><uniqueid type="imdb">tt1</uniqueid>', "imdb:tt1"),
        ('<uniqueid type="TMDB">949</uniqueid>', "tmdb:949"),
        ('<uniqueid type="home">home001</uniqueid>', ""),
        ("<tmdbid>949</tmdbid>", "tmdb:949"),
        ("<imdb_id>tt0113277</imdb_id>", "imdb:tt0113277"),
        ("<id>tt0113277</id>", "imdb:tt0113277"),
        ("<id>949</id>", ""),
        ('<uniqueid type="imdb"></uniqueid>', ""),
    ],
)
def test_ids(elements: str, title_id: str) -> None:
    assert film(f"<movie>{elements}</movie>").title_id == title_id


def test_series_have_ids_of_their_own() -> None:
    assert film('<tvshow><uniqueid type="tmdb">949</uniqueid></tvshow>').title_id == "tmdb-tv:949"


@pytest.mark.parametrize(
    ("elements", "seconds"),
    [
        ("<runtime>104</runtime>", 6240.0),
        ("<runtime>104 min</runtime>", 6240.0),
        ("<runtime></runtime>", 0.0),
        ("<runtime>0</runtime>", 0.0),
        ("<runtime>104</runtime><fileinfo><streamdetails><video><durationinseconds>6201</durationinseconds></video>"
         "</streamdetails></fileinfo>", 6201.0),
        ("<runtime>104</runtime><fileinfo><streamdetails><video><durationinseconds>0</durationinseconds></video>"
         "</streamdetails></fileinfo>", 6240.0),
    ],
)  # fmt: skip
def test_durations(elements: str, seconds: float) -> None:
    assert film(f"<movie>{elements}</movie>").facts.seconds == seconds


def test_people_sets_and_dates() -> None:
    actors = "".join(f"<actor><name>{name}</name><order>{order}</order></actor>" for name, order in ("B1", "A0"))
    more = (
        "<set><name>Ferries</name><overview>Many</overview></set><premiered>1995-12-15</premiered><year>1996</year>"
    )
    facts = film(f"<movie>{actors}<actor><name>C</name></actor>{more}</movie>").facts

    assert (facts.cast, facts.franchises, facts.year) == (("A", "B", "C"), ("Ferries",), 1995)
    assert film("<movie><set>Ferries</set></movie>").facts.franchises == ("Ferries",)


def test_names_in_the_order_of_preference() -> None:
    assert film(nfo(originaltitle="Original", title="Title")).facts.name == "Title"
    assert film(nfo(originaltitle="Original", title="")).facts.name == "Original"


def test_local_pictures_are_kept_and_addresses_are_not() -> None:
    art = "<art><poster>/media/poster.jpg</poster></art><fanart><thumb>https://a.example/f.jpg</thumb></fanart>"
    assert film(f"<movie>\n{art}</movie>").pictures == (("/media/poster.jpg", 2),)


def test_nothing_about_a_person_but_the_name_is_read() -> None:
    tags = film(
        "<movie><actor><name>A</name><nationality>x</nationality><gender>y</gender></actor></movie>"
    ).facts.tags()
    assert tags == {"cast:a": 1.0}
