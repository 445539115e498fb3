"""Real Kodi under Xvfb with the add-on: pictures by profile and hour, plays that are learned from, and kills."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import library
import pytest
from headless import Kodi, missing_programs
from keyart_kodi import rpc
from keyart_kodi.catalogue import Index
from PIL import Image
from support.services import missing

import keyart
import keyart_federated
from keyart_tools.demo.evenings import Evenings

pytestmark = pytest.mark.service

FILMS = 40
ADULT, OTHER, CHILD = "Living room", "Den", "Kids"
LIST = "plugin://plugin.video.keyart/"


@dataclass(frozen=True)
class Home:
    """Kodi's home with a library; `own` is the poster of the library itself, by film."""

    kodi: Kodi
    catalog: keyart.Catalog

    def call(self, method: str, **params: object) -> object:
        (socket,) = self.kodi.sockets()
        return rpc.call(str(socket), method, timeout=30.0, **params)

    def chosen(self) -> dict[str, str]:
        """The poster of each film, once the list is one that keyart chose."""
        return self.kodi.until(self.chosen_or_none, "keyart chooses")

    def chosen_or_none(self) -> dict[str, str] | None:
        posters = self.kodi.posters()
        return posters if posters and posters != self.own else None

    @property
    def own(self) -> dict[str, str]:
        return {title.name: f"{self.kodi.films.parent}/{title.artworks[0].image}" for title in self.catalog}


def plain(picture: library.Picture) -> bytes:
    """A tiny picture of one colour, another one for each file: drawn ones take half a minute, and nobody looks."""
    red, green, blue = hashlib.sha256(f"{picture.title.id}/{picture.file.name}".encode()).digest()[:3]
    return library.as_jpeg(Image.new("RGB", (20, 30), (red, green, blue)))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Kodi with three profiles: two with a history, and a child's."""
    if absent := missing_programs():
        missing(f"no {' and no '.join(absent)} here")
    work = tmp_path_factory.mktemp("kodi")
    films = list(library.films())[:FILMS]
    catalog = library.write_library(work, [library.Film(film, plain, "") for film in films])
    catalog.save(work / "catalog.json")
    # Two lists of a profile differ by exploration alone: at 2 %, in one film of 40.
    policy = keyart.Policy(exploration=0.02, stickiness=timedelta(0))
    world = Evenings(keyart.Catalog.from_titles(films), devices=200)
    report = keyart_federated.simulate(world, steps_per_round=15, rounds=4, seed=1, policy=policy)
    shutil.copytree(report.bundle, work / "bundle")
    settings = {
        "personalise": "true", "stickiness_hours": "0", "python": sys.executable,
        "catalog": str(work / "catalog.json"), "bundle": str(work / "bundle"),
    }  # fmt: skip
    kodi = Kodi(
        work / "home", work / "Films", {ADULT: settings, OTHER: settings, CHILD: {**settings, "child": "true"}}
    )
    library.write_history(kodi.addon_data(ADULT), work / "catalog.json", ("romance", "comedy"))
    library.write_history(kodi.addon_data(OTHER), work / "catalog.json", ("crime", "thriller"))
    try:
        kodi.install()
        kodi.start()
        kodi.ready()
        yield Home(kodi, catalog)
    finally:
        kodi.kill()
        shutil.rmtree(work)  # hundreds of MB, with Kodi's textures


def differing(one: dict[str, str], other: dict[str, str]) -> int:
    return sum(one[film] != other[film] for film in one.keys() & other.keys())


def seconds_of(log: str, said: str) -> list[float]:
    """The times at which Kodi's log has a line, in seconds of its day."""
    clocks = [line[11:23].split(":") for line in log.splitlines() if said in line]
    return [3600 * float(hour) + 60 * float(minute) + float(second) for hour, minute, second in clocks]


def test_the_first_row_and_the_time_of_a_list(home):
    log = home.kodi.until(lambda: home.kodi.log if "40 of them chosen" in home.kodi.log else "", "a row")
    first = seconds_of(log, "40 of them chosen")[0] - seconds_of(log, "the service begins")[0]
    for _ in range(8):
        assert len(home.chosen()) == FILMS
    times = [float(time) for time in re.findall(r"40 of them chosen, in ([\d.]+) ms", home.kodi.log)]
    print(f"first row {first:.1f} s after the service began; lists took {min(times)} to {max(times)} ms")
    # The goals are 2 s and 60 ms on a machine that does nothing else; this one may run other tests beside.
    assert first < 6
    assert statistics.median(times) < 240 and min(times) < 120


def test_every_kind_of_art_is_chosen_among_the_film_s_own(home):
    index = Index.load(f"{home.kodi.addon_data(ADULT)}/index.json")
    rows = home.kodi.row()
    for title in home.catalog:
        art = rows[title.name]
        for kind in ("poster", "landscape", "fanart"):
            assert Path(art[kind]).parent.name == title.name and Path(art[kind]).name.startswith(kind)
        assert set(index.titles[title.id]) == {"poster", "landscape", "fanart"}
    assert any(art["fanart"].endswith("fanart1.jpg") for art in rows.values())


def test_the_choice_follows_the_hour(home):
    home.kodi.set_daypart("evening")
    evening, again = home.chosen(), home.chosen()
    home.kodi.set_daypart("morning")
    morning = home.chosen()
    assert differing(evening, morning) > 3 * differing(evening, again) + 5
    home.kodi.set_daypart("evening")


def test_the_choice_follows_the_profile_and_a_child_s_has_its_limit(home):
    first, again = home.chosen(), home.chosen()
    try:
        home.kodi.switch_profile(OTHER)
        other = home.chosen()
        home.kodi.switch_profile(CHILD)
        child = home.chosen()
        kept = home.call("export")["decisions"]
    finally:
        home.kodi.switch_profile(ADULT)
    assert differing(first, other) > 2 * differing(first, again) + 3
    ratings = {
        f"{home.kodi.films.parent}/{artwork.image}": artwork.maturity
        for film in home.catalog
        for artwork in film.artworks
    }
    assert 0 < len(child) < FILMS and {ratings[poster] for poster in child.values()} == {"6+"}
    assert kept == []


def open_list(kodi: Kodi) -> None:
    kodi.call("GUI.ActivateWindow", window="home")
    kodi.call("GUI.ActivateWindow", window="videos", parameters=[LIST, "return"])
    kodi.until(lambda: kodi.info("Container.NumItems")["Container.NumItems"] == str(FILMS), "the list is shown")


def look_at(home: Home, place: int) -> str:
    """Move down the list, and stay there until the picture counts as seen; return the film's name."""
    for _ in range(place):
        home.kodi.press("down", pause=0.2)

    def seen() -> str:
        shown = home.kodi.info("ListItem.Label", "ListItem.Property(keyart.decision)")
        looked_at = {decision["id"] for decision in home.call("export")["decisions"] if decision["seen"]}
        return shown["ListItem.Label"] if shown["ListItem.Property(keyart.decision)"] in looked_at else ""

    return home.kodi.until(seen, "the picture is seen")


def plays(export: dict) -> int:
    return sum(outcome["kind"] == "played" for outcome in export["outcomes"])


def playing(kodi: Kodi) -> bool:
    return bool(kodi.call("Player.GetActivePlayers"))


def test_a_play_and_what_was_passed_over_are_learned(home):
    kodi = home.kodi
    before = home.call("export")
    open_list(kodi)
    passed, played = look_at(home, 1), look_at(home, 1)
    context = {"device": "tv", "at": "2026-03-02T20:15:00+01:00"}
    likely = home.call("preview", title_id=played, context=context)
    kodi.press("select")
    kodi.until(lambda: playing(kodi), "the film plays")
    kodi.until(lambda: not playing(kodi), "the film ends")
    kodi.until(lambda: len(home.call("export")["views"]) > len(before["views"]), "the view is recorded")
    after = home.call("export")
    title = {decision["id"]: decision["title_id"] for decision in after["decisions"]}
    outcomes = {title[one["decision_id"]]: one for one in after["outcomes"] if one not in before["outcomes"]}
    assert outcomes[passed]["kind"] == "skipped"
    assert outcomes[played]["kind"] == "played" and library.CLIP_SECONDS * 0.6 < outcomes[played]["seconds"] < 14
    (view,) = [view for view in after["views"] if view not in before["views"]]
    assert view["title_id"] == played and view["seconds"] == outcomes[played]["seconds"]
    assert after["learned"] != before["learned"]
    assert home.call("preview", title_id=played, context=context) != likely
    kodi.press("back")


def test_without_a_sidecar_the_library_s_own_art_is_shown_until_it_is_back(home):
    kodi = home.kodi
    before = home.call("export")
    process = kodi.sidecar()
    assert process is not None
    os.kill(process, signal.SIGSTOP)  # first it hangs
    assert kodi.posters() == home.own
    os.kill(process, signal.SIGKILL)
    began = time.monotonic()
    home.chosen()
    print(f"chosen art is back {time.monotonic() - began:.1f} s after the kill")
    assert kodi.sidecar() not in (None, process)
    after = home.call("export")
    assert (after["views"], after["outcomes"]) == (before["views"], before["outcomes"])


def test_a_killed_kodi_loses_nothing_and_leaves_no_orphan(home):
    kodi = home.kodi
    before = home.call("export")
    open_list(kodi)
    played = look_at(home, 3)
    kodi.press("select")
    kodi.until(lambda: playing(kodi), "the film plays")
    kodi.until(lambda: plays(home.call("export")) > plays(before), "a part of it is reported")
    kodi.kill()
    kodi.until(lambda: kodi.sidecar() is None, "the sidecar ends with Kodi", 10)
    kodi.start()
    kodi.ready()
    kodi.until(lambda: len(home.call("export")["views"]) > len(before["views"]), "the view is recovered")
    after = home.call("export")
    (view,) = [view for view in after["views"] if view not in before["views"]]
    assert view["title_id"] == played and view["seconds"] >= 5
    assert all(one in after["views"] for one in before["views"])
    assert all(one in after["outcomes"] for one in before["outcomes"])
    assert len(home.chosen()) == FILMS
