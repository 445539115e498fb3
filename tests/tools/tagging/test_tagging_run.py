"""A run from film to folder: what it writes, how it goes on, and what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from keyart import Catalog
from keyart.errors import CatalogError, InputError
from keyart_tools.models import Models
from keyart_tools.tagging import FilmFile, Tagging, tag
from keyart_tools.tagging.film_texts import FilmTexts
from keyart_tools.tagging.judgement import judge
from keyart_tools.tagging.similarity import MIN_DUPLICATE_COSINE, cosines
from keyart_tools.text import SubtitleLine, Subtitles

from .conftest import FilmWriter, scenery


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def first_run(clips: dict[str, Path], no_models: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first") / "out"
    tag(FilmFile.open(clips["bikes"]), folder, no_models, count=3, html=True)
    return folder


@pytest.fixture
def bikes(first_run: Path, tmp_path: Path) -> Path:
    """The folder of a run on the clip of six shots, without models."""
    shutil.copytree(first_run, tmp_path / "bikes")
    return tmp_path / "bikes"


@pytest.mark.slow
def test_what_a_run_writes(bikes: Path) -> None:
    tagging, catalog = Tagging.load(bikes), Catalog.load(bikes / "catalog.json")

    assert sorted(files(bikes)) == [
        "catalog.json", "sheet.html", *(f"stills/000{shot}.jpg" for shot in range(1, 6)), "tagging.json",
    ]  # fmt: skip
    assert (tagging.shots, len(tagging.stills), len(tagging.selected)) == (6, 5, 3)
    assert [a.id for a in catalog["bikes"].artworks] == [f"bikes/{still.id}" for still in tagging.selected]
    assert all((bikes / artwork.image).is_file() for artwork in catalog["bikes"].artworks)
    assert catalog["bikes"].duration == 10.0
    assert all(artwork.embedding is None for artwork in catalog["bikes"].artworks)  # there is no model for it
    assert not any(a.tags.keys() & {"faces", "lettering"} for a in catalog["bikes"].artworks)


def test_stills_are_frames_of_the_film(bikes: Path, clips: dict[str, Path]) -> None:
    wanted = {still.frame: still for still in Tagging.load(bikes).stills}
    film = FilmFile.open(clips["bikes"])
    for number, frame in enumerate(film.decoded()):
        if number in wanted:
            still = cv2.imread(str(bikes / wanted[number].image))[..., ::-1]
            assert np.abs(still.astype(int) - film.picture(frame)).mean() < 4


@pytest.mark.slow
def test_all_models_together(clips: dict[str, Path], models: Models, tmp_path: Path) -> None:
    tagging = tag(FilmFile.open(clips["bikes"]), tmp_path / "out", models)
    catalog = Catalog.load(tmp_path / "out" / "catalog.json")

    assert set(tagging.models) == {"faces", "expression", "objects", "lettering", "unsafe"}
    assert all(still.checked and still.unsafe is not None for still in tagging.selected)
    assert all(len(artwork.embedding or ()) == 1280 for artwork in catalog["bikes"].artworks)
    assert np.linalg.norm(catalog["bikes"].embedding) == pytest.approx(1.0, abs=1e-3)
    vectors = np.array([still.embedding for still in tagging.selected])
    assert (cosines(vectors) - np.eye(len(vectors))).max() <= MIN_DUPLICATE_COSINE


@pytest.mark.slow
def test_models_that_have_come_see_the_stills_again(
    clips: dict[str, Path], models: Models, no_models: Models, tmp_path: Path
) -> None:
    film, out = FilmFile.open(clips["bikes"]), tmp_path / "out"
    before = tag(film, out, no_models)
    after = tag(film, out, models)

    assert {len(s.embedding) for s in before.stills if s.embedding is not None} == {192}
    assert {len(s.embedding) for s in after.stills if s.embedding is not None} == {1280}
    assert tag(film, out, no_models).models == after.models  # and what they saw stays


def test_a_second_run_decodes_nothing(bikes: Path, clips: dict[str, Path], no_models: Models) -> None:
    before, labels = files(bikes), []

    @contextmanager
    def stage(label: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, of: labels.append(label)

    tag(FilmFile.open(clips["bikes"]), bikes, no_models, html=True, stage=stage)

    assert labels == []
    assert files(bikes) == before


def test_a_folder_alone_selects_anew(bikes: Path, no_models: Models) -> None:
    assert len(tag(None, bikes, no_models, count=5).selected) == 5
    assert len(tag(None, bikes, no_models).selected) == 5  # as before
    assert len(tag(None, bikes, no_models, count=3).selected) == 3


class Stop(Exception):
    pass


@pytest.mark.parametrize("stopped_at", [40, 120, 160, 249])
def test_a_run_that_fails_while_it_decodes_goes_on(
    stopped_at: int, bikes: Path, clips: dict[str, Path], no_models: Models, tmp_path: Path
) -> None:
    film, out, seen = FilmFile.open(clips["bikes"]), tmp_path / "out", []

    def stage_until(last: int) -> Callable[[str], object]:
        @contextmanager
        def stage(label: str) -> Iterator[Callable[[int, int], None]]:
            def tell(done: int, of: int) -> None:
                if label == "frames":
                    seen.append(done)
                    if done == last:
                        raise Stop

            yield tell

        return stage

    clock = iter(range(0, 10**9, 60)).__next__  # a minute between two looks: everything is saved at once
    with pytest.raises(Stop):
        tag(film, out, no_models, count=3, stage=stage_until(stopped_at), clock=clock)
    assert not (out / "catalog.json").exists()
    shots_seen = Tagging.load(out).shots if (out / "tagging.json").exists() else 0
    seen.clear()
    tag(film, out, no_models, count=3, html=True, stage=stage_until(-1))

    assert shots_seen == {40: 1, 120: 2, 160: 3, 249: 5}[stopped_at]
    assert min(seen) > 1  # it does not begin at the first frame
    assert files(out) == files(bikes)


def killed(film: Path, out: Path, at: str) -> None:
    """A run in a process of its own, killed by the kernel when a file of that name appears for the n-th time."""
    name, _, times = at.partition("*")
    program = f"""
import os, signal, itertools
from pathlib import Path
from keyart.bundle import durable
from keyart_tools.models import Models
from keyart_tools.tagging import FilmFile, tagging_run as run
wrote, left = run.replace_file, itertools.count(1)
def write(path, data, mode=0o644):
    if path.name.endswith({name!r}) and next(left) == {int(times)}:
        path.with_name(f".{{path.name}}.partial").write_bytes(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    wrote(path, data, mode)
run.replace_file = write
import keyart_tools.tagging.tagging_file as record, keyart_tools.tagging.contact_sheet as sheet
record.replace_file = sheet.replace_file = write
run.tag(FilmFile.open(Path({str(film)!r})), Path({str(out)!r}), Models.open(Path({str(out.parent / "none")!r})),
        count=3, html=True, clock=itertools.count(0, 60).__next__)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("at", ["0003.jpg*1", "tagging.json*6", "sheet.html*1"])
def test_a_run_that_was_killed_goes_on(
    at: str, bikes: Path, clips: dict[str, Path], no_models: Models, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    killed(clips["bikes"], out, at)
    if (out / "tagging.json").exists():
        Tagging.load(out)  # whole

    tag(FilmFile.open(clips["bikes"]), out, no_models, count=3, html=True)

    assert files(out) == files(bikes)


@pytest.mark.slow
def test_a_killed_process_of_the_command_goes_on(clips: dict[str, Path], bikes: Path, tmp_path: Path) -> None:
    arguments = ["tag", str(clips["bikes"]), "--out", "out", "--count", "3", "--html"]
    program = [sys.executable, "-c", f"from keyart_tools.cli import main; main({arguments!r})"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "none")}
    with (tmp_path / "said").open("w") as said:
        running = subprocess.Popen(program, cwd=tmp_path, env=environment, stdout=said, stderr=said)
    while running.poll() is None and not (tmp_path / "out" / "stills" / "0002.jpg").exists():
        time.sleep(0.005)
    running.kill()
    running.wait()
    subprocess.run(program, cwd=tmp_path, env=environment, check=True, capture_output=True)

    assert files(tmp_path / "out") == files(bikes)


def test_a_changed_film_starts_anew(film_of: FilmWriter, no_models: Models, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tag(FilmFile.open(film_of(*map(scenery, range(4)))), out, no_models)
    tagging = tag(FilmFile.open(film_of(*map(scenery, range(7, 9)))), out, no_models)

    assert (tagging.shots, len(tagging.stills)) == (2, 2)
    assert sorted(path.name for path in (out / "stills").iterdir()) == ["0001.jpg", "0002.jpg"]


def test_a_changed_film_takes_no_corrections_away(film_of: FilmWriter, no_models: Models, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tagging = tag(FilmFile.open(film_of(scenery(1), scenery(2))), out, no_models)
    by_hand = tuple(replace(still, by_hand=True) for still in tagging.stills)
    replace(tagging, stills=by_hand).save(out)
    before = files(out)

    with pytest.raises(InputError, match="corrected by hand"):
        tag(FilmFile.open(film_of(scenery(3))), out, no_models)
    assert files(out) == before


def test_somebodys_folder_is_left_alone(film_of: FilmWriter, no_models: Models, tmp_path: Path) -> None:
    film = FilmFile.open(film_of(scenery(1)))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "holiday.jpg").write_bytes(b"\xff\xd8")

    with pytest.raises(InputError, match="not empty"):
        tag(film, tmp_path / "full", no_models)
    with pytest.raises(InputError, match="is a file"):
        tag(film, tmp_path / "film.mp4", no_models)
    assert files(tmp_path / "full") == {"holiday.jpg": b"\xff\xd8"}


def test_a_film_without_a_still_says_why(film_of: FilmWriter, no_models: Models, tmp_path: Path) -> None:
    black, white = np.zeros((180, 320, 3), np.uint8), np.full((180, 320, 3), 250, np.uint8)

    with pytest.raises(CatalogError, match="1 black, 1 flat"):
        tag(FilmFile.open(film_of(black, white)), tmp_path / "out", no_models, html=True)
    with pytest.raises(CatalogError, match="half a second"):
        tag(FilmFile.open(film_of(scenery(1), frames=1, name="one.mp4")), tmp_path / "one", no_models)
    assert (tmp_path / "out" / "sheet.html").exists() and not (tmp_path / "out" / "catalog.json").exists()


def test_composed_pictures_stay_in_the_catalogue(bikes: Path, no_models: Models) -> None:
    document = json.loads((bikes / "catalog.json").read_text("utf-8"))
    document["titles"][0]["artworks"].append({"id": "bikes/poster", "image": "poster.jpg", "synthetic": True})
    (bikes / "catalog.json").write_text(json.dumps(document))

    tag(None, bikes, no_models)

    assert Catalog.load(bikes / "catalog.json")["bikes"].artworks[-1].id == "bikes/poster"


@pytest.mark.slow
def test_a_still_knows_what_is_said(clips: dict[str, Path], models: Models, tmp_path: Path) -> None:
    subtitles = Subtitles(
        (SubtitleLine(1.0, 2.0, "Robin, hold on to the bar!"), SubtitleLine(8.0, 9.0, "We are there."))
    )
    words = FilmTexts(cast={"Robin Example": ["Robin"]}, subtitles=subtitles)

    tagging = tag(FilmFile.open(clips["bikes"]), tmp_path / "out", models, words=words)

    first, last = tagging.stills[0], tagging.stills[-1]
    assert "hold on" in first.said and first.said_tags["cast:robin-example"] > 0
    assert "We are there." in last.said
    assert "cast:robin-example" in tagging.title_tags


def test_what_is_selected_is_checked_and_never_unsafe(bikes: Path) -> None:
    tagging = Tagging.load(bikes)
    unsafe = tuple(replace(s, unsafe=0.9) if s.selected == 1 else s for s in tagging.stills)

    assert [s.refused for s in judge(unsafe) if s.selected == 1] == ["unsafe"]


def test_what_looks_unsafe_and_is_accepted_is_for_adults(bikes: Path, no_models: Models) -> None:
    tagging = Tagging.load(bikes)
    name = tagging.selected[0].id
    stills = tuple(replace(s, unsafe=0.9, checked=True, by_hand=True) if s.id == name else s for s in tagging.stills)
    replace(tagging, stills=stills).save(bikes)

    tag(None, bikes, no_models)

    artworks = {artwork.id: artwork for artwork in Catalog.load(bikes / "catalog.json")["bikes"].artworks}
    assert artworks[f"bikes/{name}"].maturity == "18+"
    assert all(artwork.maturity == "" for key, artwork in artworks.items() if key != f"bikes/{name}")


def test_a_full_disk_leaves_nothing_half_written(clips: dict[str, Path], tmp_path: Path) -> None:
    """A limit on the size of files, since a test cannot fill a disk; the error of the system is of the same kind."""
    program = (
        "import resource; from pathlib import Path\n"
        "from keyart_tools.models import Models\nfrom keyart_tools.tagging import FilmFile, tag\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000))\n"
        f"tag(FilmFile.open(Path({str(clips['bikes'])!r})), Path('out'), Models.open(Path('none')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 1 and "OSError" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.rglob("*.partial"))
