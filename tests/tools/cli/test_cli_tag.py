"""`keyart tag`: a film in, stills and a catalogue out; a mistake is a sentence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.services import had

from keyart import Catalog
from keyart_tools.models.sample_media import sample_clips
from keyart_tools.tagging import Tagging


@pytest.fixture(scope="module")
def bikes(downloads: None) -> Path:
    return had(sample_clips)["bikes"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test runs in a folder of its own, and has no models."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_film_becomes_a_catalogue(bikes: Path, keyart_command: Any) -> None:
    done = keyart_command(
        "tag", bikes, "--count", 3, "--name", "Bikes", "--title-id", "b1", "--licence", "BSD", "--html", "--json"
    )

    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    title = Catalog.load("bikes/catalog.json")["b1"]
    assert title.name == "Bikes"
    assert [artwork.id for artwork in title.artworks] == [f"b1/{still['id']}" for still in document["selected"]]
    assert (document["shots"], document["stills"], document["licence"]) == (6, 5, "BSD")
    assert Path(document["sheet"]).is_file()
    assert document["missing"] == ["faces", "expression", "objects", "lettering", "unsafe", "sentences"]
    assert "keyart models fetch" in done.stderr
    assert Tagging.load(Path("bikes")).licence == "BSD"


@pytest.mark.slow
def test_a_table_where_no_json_is_asked_for(bikes: Path, keyart_command: Any) -> None:
    done = keyart_command("tag", bikes, "--out", "somewhere")

    assert done.exit_code == 0
    assert "6 shots, 5 stills" in done.stdout and "0:06.7" in done.stdout
    assert "5 of 20 stills" in done.stderr
    assert not (Path("somewhere") / "sheet.html").exists()


@pytest.mark.slow
def test_corrections_are_applied_to_a_folder(bikes: Path, keyart_command: Any) -> None:
    first = json.loads(keyart_command("tag", bikes, "--count", 2, "--json").stdout)
    chosen = first["selected"][0]["id"]
    other = next(s.id for s in Tagging.load(Path("bikes")).stills if s.selected is None)
    Path("corrections.json").write_text(json.dumps({
        "format": "keyart-corrections/1",
        "film": Tagging.load(Path("bikes")).film.head,
        "stills": {chosen: {"verdict": "reject"}, other: {"verdict": "accept", "tags": {"mood:happy": 0.5}}},
    }))  # fmt: skip

    done = keyart_command("tag", "bikes", "--corrections", "corrections.json", "--json")

    selected = {still["id"]: still["tags"] for still in json.loads(done.stdout)["selected"]}
    assert len(selected) == 2 and chosen not in selected
    assert selected[other] == {"mood:happy": 0.5}
    again = json.loads(keyart_command("tag", bikes, "--json").stdout)  # and they stay
    assert {still["id"] for still in again["selected"]} == set(selected)


@pytest.mark.slow
def test_texts_without_a_model_for_them(bikes: Path, keyart_command: Any) -> None:
    Path("cast.csv").write_text("actor,character\nRobin Example,Robin\n")
    Path("said.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nHold on, Robin!\n")

    done = keyart_command(
        "tag", bikes, "--synopsis", "Robin rides a bike.", "--cast", "cast.csv", "--subtitles", "said.srt", "--json"
    )

    assert done.exit_code == 0, done.output
    assert "cast:robin-example" in json.loads(done.stdout)["title_tags"]
    assert Tagging.load(Path("bikes")).stills[0].said == "Hold on, Robin!"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["nowhere.mp4"], 1),
        (["empty"], 1),
        (["zero.mp4"], 1),
        (["text.mp4"], 1),
        (["random.mp4"], 1),
        (["FILM", "--count", "0"], 2),
        (["FILM", "--out", "text.mp4"], 2),
        (["FILM", "--out", "text.mp4/below"], 1),
        (["FILM", "--out", "full"], 1),
        (["FILM", "--corrections", "nowhere.json"], 2),
        (["FILM", "--corrections", "random.mp4"], 1),
        (["FILM", "--subtitles", "random.mp4"], 1),
        (["FILM", "--cast", "text.mp4"], 1),
        (["FILM", "--synopsis", " "], 1),
        (["FILM", "--title-id", ""], 1),
        (["empty", "--out", "elsewhere"], 2),
    ],
)
def test_mistake_is_a_sentence(
    arguments: list[str], code: int, bikes: Path, elsewhere: Path, keyart_command: Any
) -> None:
    (elsewhere / "text.mp4").write_text("hello\n")
    (elsewhere / "zero.mp4").touch()
    (elsewhere / "random.mp4").write_bytes(os.urandom(4000))
    (elsewhere / "empty").mkdir()
    (elsewhere / "full").mkdir()
    (elsewhere / "full" / "holiday.jpg").write_bytes(b"\xff\xd8")
    before = sorted(elsewhere.rglob("*"))

    done = keyart_command("tag", *(str(bikes) if a == "FILM" else a for a in arguments))

    assert done.exit_code == code, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.stdout == "" and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert sorted(elsewhere.rglob("*")) == before


def test_a_folder_that_may_not_be_written(bikes: Path, keyart_command: Any) -> None:
    done = keyart_command("tag", bikes, "--out", "/proc/keyart")

    assert done.exit_code == 1 and "Traceback" not in done.output
    assert "/proc/keyart" in done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_half_written(bikes: Path, elsewhere: Path, keyart_command: Any) -> None:
    program = (  # what a shell runs in the background ignores SIGINT, and so does all that it starts
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"from keyart_tools.cli import main; main(['tag', {str(bikes)!r}, '--out', 'out'])"
    )
    running = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    while running.poll() is None and not (elsewhere / "out" / "stills" / "0001.jpg").exists():
        time.sleep(0.002)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate()

    assert running.returncode == 130 and "Traceback" not in said
    assert not list(elsewhere.rglob("*.partial"))
    Tagging.load(elsewhere / "out")
    assert keyart_command("tag", bikes, "--out", "out").exit_code == 0


@pytest.mark.slow
def test_a_film_that_breaks_off_is_told(bikes: Path, elsewhere: Path, keyart_command: Any) -> None:
    import av

    with av.open(str(bikes)) as source, av.open("film.mp4", "w", options={"movflags": "faststart"}) as film:
        stream = film.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                film.mux(packet)
    data = Path("film.mp4").read_bytes()
    Path("film.mp4").write_bytes(data[: len(data) // 2])

    done = keyart_command("tag", "film.mp4", "--json")

    assert done.exit_code == 0, done.output
    assert "is incomplete" in done.stderr and "of 250 frames" in done.stderr
    assert 1 <= json.loads(done.stdout)["shots"] < 6
