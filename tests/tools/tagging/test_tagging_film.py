"""A film's file: what is one, what it says, and that its pictures are upright."""

from __future__ import annotations

import http.server
import os
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from keyart.errors import InputError
from keyart_tools.tagging import FilmFile

from .conftest import FilmWriter, scenery


def test_what_a_clip_says_of_itself(clips: dict[str, Path]) -> None:
    film = FilmFile.open(clips["bikes"])

    assert (film.frames, film.fps, film.seconds) == (250, 25.0, 10.0)
    assert sum(1 for _ in film.decoded()) == 250


def audio(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        for place in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, 1024 * place
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize("kind", ["nothing", "folder", "empty", "text", "random", "sound", "device", "headless"])
def test_what_is_no_film_is_told(kind: str, tmp_path: Path, clips: dict[str, Path]) -> None:
    path = tmp_path / "film.mp4"
    match kind:
        case "folder":
            path.mkdir()
        case "empty":
            path.touch()
        case "text":
            path.write_text("hello")
        case "random":
            path.write_bytes(os.urandom(100_000))
        case "sound":
            audio(path)
        case "device":
            path = Path(os.devnull)
        case "headless":  # without the table at its end, an mp4 cannot be read
            path.write_bytes(clips["bikes"].read_bytes()[:200_000])

    with pytest.raises(InputError, match=r"film"):
        FilmFile.open(path)


def test_a_playlist_in_disguise_reaches_no_server(tmp_path: Path) -> None:
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        for name in ("film.mp4", "film.m3u8"):
            path = tmp_path / name
            path.write_text(
                "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n"
                f"http://127.0.0.1:{server.server_port}/a.ts\n#EXT-X-ENDLIST\n"
            )
            with pytest.raises(InputError):
                FilmFile.open(path)
        server.shutdown()
    assert asked == []


def test_a_film_that_breaks_off_ends_there(clips: dict[str, Path], tmp_path: Path) -> None:
    source = av.open(str(clips["bikes"]))
    whole = tmp_path / "film.mkv"
    with av.open(str(whole), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    source.close()
    whole.write_bytes(whole.read_bytes()[:200_000])

    assert 20 < sum(1 for _ in FilmFile.open(whole).decoded()) < 249


def test_damaged_frames_are_left_out(film_of: FilmWriter, tmp_path: Path) -> None:
    path = tmp_path / "damaged.mkv"
    with av.open(str(film_of(*map(scenery, range(3))))) as source, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.dts is not None:
                copy = av.Packet(b"\xff" * packet.size if 30 <= number < 40 else bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.is_keyframe, copy.stream = packet.is_keyframe, stream
                container.mux(copy)

    assert 60 <= sum(1 for _ in FilmFile.open(path).decoded(threads=False)) < 75


def test_a_turned_film_is_upright(film_of: FilmWriter) -> None:
    picture = np.zeros((180, 320, 3), np.uint8)
    picture[:90, :160] = 255  # what is at the upper left as it is coded
    film = FilmFile.open(film_of(picture, frames=2, turned=90))

    seen = film.picture(next(film.decoded()))

    # Turned by 90° against the clock, it is at the lower left.
    assert seen.shape == (320, 180, 3)
    assert seen[200:300, 10:80].mean() > 250 and seen[20:150].mean() < 5 and seen[200:300, 100:].mean() < 5


def test_wide_pixels_are_shown_wide(film_of: FilmWriter) -> None:
    film = FilmFile.open(film_of(scenery(1), frames=2, aspect=Fraction(4, 3)))

    assert film.picture(next(film.decoded())).shape == (180, 427, 3)


def test_colours_are_those_of_the_film(film_of: FilmWriter) -> None:
    orange = np.full((180, 320, 3), (230, 120, 20), np.uint8)
    film = FilmFile.open(film_of(orange, frames=2))

    assert np.abs(film.picture(next(film.decoded())).mean(axis=(0, 1)) - (230, 120, 20)).max() < 4


def test_a_changed_film_is_not_the_same(film_of: FilmWriter) -> None:
    path = film_of(scenery(1), frames=2)
    film = FilmFile.open(path)

    assert film.same_as(FilmFile.open(path))
    os.utime(path, ns=(1, 1))
    assert not film.same_as(FilmFile.open(path))
    assert not film.same_as(replace(film, head="0"))
    assert FilmFile.from_json(film.to_json()) == film
