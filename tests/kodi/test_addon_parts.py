"""The parts of the Kodi add-on that need no Kodi: catalogue, list, attention, reasons, and its child process."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from keyart_kodi import rpc
from keyart_kodi.attention import REMEMBERED_SECONDS, REPORT_SECONDS, Attention, Shown, unrecorded_views
from keyart_kodi.catalogue import CatalogueError, Index, by_kind, read_catalogue
from keyart_kodi.helper import Helper
from keyart_kodi.listing import daypart, entries, questions
from keyart_kodi.place import Place
from keyart_kodi.reasons import Words, broken, rows

import keyart
from keyart.context import DAYPARTS, daypart_of
from keyart.model.wording import LANGUAGES

ADDON = Path(__file__).parents[2] / "examples/kodi/plugin.video.keyart"
POSTER, FANART = {"type:poster": 1.0, "genre:crime": 1.0}, {"type:backdrop": 1.0}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalogue as the importer writes it: two films with folders, one known by its id, one in another's folder."""
    make = keyart.Artwork
    films = [
        ("Night", [make("Night/poster", POSTER, "Films/Night/poster.jpg", maturity="16+"),
                   make("Night/poster1", POSTER, "Films/Night/poster1.jpg", maturity="6+"),
                   make("Night/fanart", FANART, "Films/Night/fanart.jpg")]),
        ("Day", [make("Day/landscape", {"type:landscape": 1.0}, "Films/Day/landscape.jpg"),
                 make("Day/banner", {"type:banner": 1.0}, "Films/Day/banner.jpg")]),
        ("imdb:tt0000001", [make("one/poster", POSTER, "Films/Two in one/one-poster.jpg")]),
        ("two", [make("two/poster", POSTER, "Films/Two in one/two-poster.jpg")]),
    ]  # fmt: skip
    titles = [keyart.Title(name, name, 6000.0, {"genre:crime": 1.0}, pictures) for name, pictures in films]
    file = tmp_path / "catalog.json"
    keyart.Catalog.from_titles(titles).save(file)
    return file


@pytest.fixture
def index(catalog: Path) -> Index:
    return by_kind(read_catalogue(str(catalog)), "/media")[1]


def movie(name: str, file: str, **ids: str) -> dict:
    return {"title": name, "file": file, "uniqueid": ids, "art": {"poster": "own.jpg", "fanart": "own-fanart.jpg"}}


MOVIES = [
    movie("Night", "/media/Films/Night/Night.mkv"),
    movie("Day", "/media/Films/Day/Day.mkv"),
    movie("One", "/media/Films/Two in one/one.mkv", imdb="tt0000001"),
    movie("Two", "/media/Films/Two in one/two.mkv"),
    movie("Other", "/media/Films/Other/Other.mkv", imdb="tt9"),
]


def test_each_kind_of_art_is_a_title_of_its_own(catalog, tmp_path):
    document, index = by_kind(read_catalogue(str(catalog)), str(tmp_path))
    (tmp_path / "kinds.json").write_text(json.dumps(document), encoding="utf-8")
    kinds = keyart.Catalog.load(tmp_path / "kinds.json")  # which the sidecar reads
    assert [title.id for title in kinds] == ["Night", "Night#fanart", "Day", "imdb:tt0000001", "two"]
    assert index.titles["Night"] == {"poster": "Night", "fanart": "Night#fanart"}
    assert index.titles["Day"] == {"landscape": "Day"}
    assert index.images["Night/poster1"] == f"{tmp_path}/Films/Night/poster1.jpg"
    index.save(str(tmp_path / "index.json"))
    assert Index.load(str(tmp_path / "index.json")) == index
    assert (tmp_path / "index.json").stat().st_mode & 0o077 == 0
    assert Index.load(str(tmp_path / "none.json")) == Index({}, {}, {})


def test_films_are_known_by_their_ids_or_their_folders(index):
    known = [index.film_of(one["uniqueid"], one["file"]) for one in MOVIES]
    assert known == [
        "Night",
        "Day",
        "imdb:tt0000001",
        None,
        None,
    ]  # two films share a folder: one of them is guesswork


@pytest.mark.parametrize("text", ["", "[]", '{"format": "keyart-catalog/2", "titles": []}'])
def test_a_file_that_is_no_catalogue_says_what_to_do(tmp_path, text):
    (tmp_path / "c.json").write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError, match="keyart catalog import"):
        read_catalogue(str(tmp_path / "c.json"))
    with pytest.raises(CatalogueError, match="settings"):
        read_catalogue(str(tmp_path / "none.json"))


def test_a_catalogue_written_by_hand_may_leave_things_out(tmp_path):
    artworks = [{"id": "a", "image": "a.jpg"}, {"id": "b", "tags": POSTER}]  # without tags, without a picture
    document, index = by_kind({"titles": [{"id": "t", "artworks": artworks}]}, "/media")
    assert [title["artworks"] for title in document["titles"]] == [artworks[:1]]
    assert index.titles == {"t": {"landscape": "t"}} and index.images == {"a": "/media/a.jpg"}


def test_dayparts_are_those_of_keyart():
    named = {hour: daypart_of(datetime(2026, 3, 2, hour, tzinfo=UTC)) for hour in range(24)}
    assert {hour: DAYPARTS[daypart(hour)] for hour in range(24)} == named


def listed(index: Index, decisions: list[dict], is_limited: bool = False) -> dict[str, tuple[dict, str]]:
    films = [index.film_of(one["uniqueid"], one["file"]) for one in MOVIES]
    return {
        entry.movie["title"]: (entry.art, entry.decision)
        for entry in entries(MOVIES, films, index, decisions, is_limited)
    }


def decided(title: str, artwork: str | None) -> dict:
    return {"id": f"d-{title}", "title_id": title, "artwork_id": artwork}


def test_the_list_has_the_chosen_art_and_the_library_s_own_elsewhere(index):
    films = [index.film_of(one["uniqueid"], one["file"]) for one in MOVIES]
    context = {"device": "tv", "at": "2026-03-02T20:15:00+01:00"}
    pages = {tuple(params["title_ids"]) for _, params in questions(films, index, context)}
    assert pages == {("Night", "imdb:tt0000001"), ("Day",), ("Night#fanart",)}
    chosen = listed(index, [decided("Night", "Night/poster1"), decided("Day", "Day/landscape")])
    night = "/media/Films/Night/poster1.jpg"
    assert chosen["Night"] == (
        {"poster": night, "thumb": night, "icon": night, "fanart": "own-fanart.jpg"},
        "d-Night",
    )
    day = "/media/Films/Day/landscape.jpg"
    assert chosen["Day"] == ({"poster": "own.jpg", "landscape": day, "fanart": day}, "d-Day")
    assert chosen["Other"] == (MOVIES[-1]["art"], "")
    assert listed(index, []) == {one["title"]: (one["art"], "") for one in MOVIES}  # keyart is away


def test_below_an_age_limit_only_what_keyart_chose_is_listed(index):
    chosen = listed(index, [decided("Night", "Night/poster1"), decided("imdb:tt0000001", None)], is_limited=True)
    assert list(chosen) == ["Night"] and "fanart" not in chosen["Night"][0]
    assert listed(index, [], is_limited=True) == {}


A, B = Shown("a", "/a.mkv"), Shown("b", "/b.mkv")


def after_looking_at(*shown: Shown) -> tuple[Attention, list]:
    attention, calls = Attention(), []
    for at, one in enumerate(shown):
        for now in (2.0 * at, 2.0 * at + 1.1, 2.0 * at + 1.5):
            calls += attention.look(one, now)
    return attention, calls


def test_a_glance_is_not_a_look():
    attention, calls = after_looking_at(A, B)
    assert calls == [("seen", {"decision_id": "a"}), ("seen", {"decision_id": "b"})]
    assert list(attention.look(A, 10.0)) + list(attention.look(B, 10.5)) == []


def test_a_play_is_learned_from_with_what_was_passed_over_for_it():
    attention, _ = after_looking_at(A, B)
    assert list(attention.start("/b.mkv", "B", "T", 5.0)) == [
        ("observe", {"decision_id": "a", "outcome": {"kind": "skipped"}})
    ]
    calls = [call for step in range(29) for call in attention.advance(0.25 * step)]
    assert [params["outcome"]["seconds"] for _, params in calls] == [REPORT_SECONDS]
    assert list(attention.advance(3000.0)) == []  # a jump was not watched
    observed, recorded = attention.stop("tv")
    assert observed == ("observe", {"decision_id": "b", "outcome": {"kind": "played", "seconds": 7.0}})
    assert recorded == ("record", {"views": [{"title_id": "B", "at": "T", "seconds": 7.0, "device": "tv"}]})
    assert list(attention.stop("tv")) == []


def test_what_was_looked_at_long_ago_was_not_passed_over():
    attention, _ = after_looking_at(A, B)
    assert list(attention.start("/b.mkv", "B", "T", REMEMBERED_SECONDS + 10)) == []


def test_a_play_from_elsewhere_is_a_view_alone():
    attention, _ = after_looking_at(A)
    list(attention.start("/c.mkv", "C", "T", 3.0))
    calls = [call for step in range(40) for call in attention.advance(0.25 * step)]
    assert calls == [] and [method for method, _ in attention.stop("tv")] == ["record"]


def test_an_opened_page_is_reported_once():
    attention, _ = after_looking_at(A)
    opened = [call for _ in range(3) for call in attention.open_page()]
    assert opened == [("observe", {"decision_id": "a", "outcome": {"kind": "opened"}})]


def test_views_of_a_killed_kodi_are_recovered_once(tmp_path):
    pictures = [keyart.Artwork("p", POSTER, "p.jpg"), keyart.Artwork("q", POSTER, "q.jpg")]
    catalog = keyart.Catalog.from_titles([keyart.Title("Night", artworks=pictures)])
    with keyart.Personalizer.open("memory", catalog=catalog, keys=keyart.EphemeralKey()) as art:
        art.consent.grant("personalization")
        decision = art.choose("Night", keyart.Context("tv", datetime(2026, 3, 2, 20, tzinfo=UTC)))
        assert unrecorded_views(art.export()) == []
        art.observe(decision.id, keyart.Outcome.played(700))
        (view,) = unrecorded_views(art.export())
        assert (view["title_id"], view["seconds"], view["device"]) == ("Night", 700.0, "tv")
        art.record(keyart.View(**{**view, "at": datetime.fromisoformat(view["at"])}))
        assert unrecorded_views(art.export()) == []


def test_reasons_come_first_and_long_ones_have_two_lines():
    text = "Plays that start from it are broken off less often than those from others."
    explanation = {"artwork_id": "p", "factors": [{"text": "It shows crime."}, {"text": text}]}
    made = rows(explanation, {"p": 0.02, "q": 0.98, "r": 0.0}, {"p": "p.jpg", "q": "q.jpg"}, Words("S", "O", "N"))
    assert [row.label for row in made][::2] == ["It shows crime.", "98 %", "N"]
    assert f"{made[1].label} {made[1].detail}" == text and made[1].detail
    assert [(row.label, row.detail, row.image) for row in made[2:4]] == [
        ("98 %", "O", "q.jpg"),
        ("2 %", "S", "p.jpg"),
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ("", "")),
        ("It shows crime.", ("It shows crime.", "")),
        ("Das nächstbeste Bild passt hier genauso gut.", ("Das nächstbeste Bild passt hier genauso", "gut.")),
        ("画像についてまだ何もわかっていません。画像は抽選です。",
         ("画像についてまだ何もわかっていません。画", "像は抽選です。")),
        ("ここで表示できるこの作品の画像はこれだけ。", ("ここで表示できるこの作品の画像はこれだ", "け。")),
        (50 * "x", (50 * "x", "")),
    ],
)  # fmt: skip
def test_a_first_line_is_as_long_as_fits(text, lines):
    assert broken(text) == lines


STRING = re.compile(r'^msgctxt "#(\d+)"\nmsgid "(.+)"\nmsgstr "(.*)"$', re.MULTILINE)


def strings(language: str) -> dict[str, tuple[str, str]]:
    """Return the sentences of a language by number, each with the English one before it."""
    file = ADDON / "resources" / "language" / f"resource.language.{language}" / "strings.po"
    return {number: (english, told) for number, english, told in STRING.findall(file.read_text(encoding="utf-8"))}


def test_every_sentence_of_the_add_on_is_there():
    files = [*ADDON.rglob("*.py"), *ADDON.rglob("*.xml")]
    used = {number for file in files for number in re.findall(r"\b(300\d\d)\b", file.read_text(encoding="utf-8"))}
    assert used == set(strings("en_gb"))


def test_the_add_on_speaks_the_languages_of_the_reasons():
    folders = sorted((ADDON / "resources" / "language").iterdir())
    assert {folder.name.split(".")[-1][:2] for folder in folders} == set(LANGUAGES)
    summaries = re.findall(
        r'<(?:summary|description) lang="(\w+)"', (ADDON / "addon.xml").read_text(encoding="utf-8")
    )
    assert sorted(summaries) == sorted(2 * ["en_GB", "de_DE", "es_ES", "fr_FR", "ja_JP"])


@pytest.mark.parametrize("language", ["de_de", "es_es", "fr_fr", "ja_jp"])
def test_each_sentence_is_translated(language):
    english = {number: sentence for number, (sentence, _) in strings("en_gb").items()}
    there = strings(language)
    assert {number: sentence for number, (sentence, _) in there.items()} == english
    for sentence, told in there.values():
        assert told and re.findall(r"\{\w+\}", told) == re.findall(r"\{\w+\}", sentence)


@pytest.mark.skipif(os.name != "posix", reason="Unix sockets")
def test_the_sidecar_is_started_again_and_ends_with_the_add_on(catalog, tmp_path):
    document, _ = by_kind(read_catalogue(str(catalog)), str(tmp_path))
    place = Place(str(tmp_path), str(tmp_path / "keyart.sock"))
    Path(place.catalog).write_text(json.dumps(document), encoding="utf-8")
    helper = Helper(place, sys.executable, "", [("close", {}), ("open", {})], consents=True)

    def until_ready() -> None:
        end = time.monotonic() + 30
        while not helper.watch(time.monotonic()):
            assert time.monotonic() < end, helper.problem
            time.sleep(0.02)

    until_ready()
    try:
        assert rpc.call(place.socket, "consent.allows", purpose="personalization") is True
        with pytest.raises(rpc.Refused, match="No title"):
            rpc.call(place.socket, "choose", title_id="nobody", context={"device": "tv"})
        helper._process.kill()
        helper._process.wait()
        with pytest.raises(rpc.Away):
            rpc.call(place.socket, "profiles")
        until_ready()
        assert rpc.call(place.socket, "profiles") == ["default"]
        assert len(rpc.call(place.socket, "export")["consent"]) == 1  # nobody was asked again
    finally:
        process = helper._process
        helper.stop()
    assert process.returncode == 0


def test_a_python_without_keyart_is_named(tmp_path):
    helper = Helper(Place(str(tmp_path), str(tmp_path / "s")), str(tmp_path / "python"), "", [], consents=False)
    assert not helper.watch(0.0)
    assert helper.problem.endswith("python: No such file or directory")
