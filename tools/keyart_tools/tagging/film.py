"""A film's file: what it says of itself, its frames one by one, and a frame as a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from keyart.errors import InputError
from keyart_tools.models import Picture

HEAD_BYTES = 1 << 20  # of the file, which its fingerprint covers
MAX_PIXELS = 8192 * 8192  # of a frame: beyond, one picture takes gigabytes
HD_HEIGHT = 720  # from here on, a film that does not say which colours it has is taken for BT.709
UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
ATTACHED = av.stream.Disposition.attached_pic  # the cover of a song: pictures, and no film


@dataclass(frozen=True, slots=True)
class FilmFile:
    """size: bytes. changed: time of the last change, ns. head: sha256 of the first MiB. seconds, frames: as the file
    says, 0 where it does not. pixel_aspect: width of a pixel by its height."""

    path: Path
    size: int
    changed: int
    head: str
    seconds: float
    frames: int
    fps: float
    pixel_aspect: float = 1.0

    @classmethod
    def open(cls, path: Path) -> FilmFile:
        """Raises InputError for what is no film, OSError for what may not be read."""
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise InputError(f"{path} {what}; give the path of a film.")
        with path.open("rb") as file:
            head = hashlib.sha256(file.read(HEAD_BYTES)).hexdigest()
        with _video(path) as (container, stream):
            fps = float(stream.average_rate or stream.guessed_rate or 25)
            ticks = stream.duration or 0
            seconds = float(ticks * stream.time_base) or (container.duration or 0) / av.time_base
            frames = stream.frames or round(seconds * fps)
            aspect = float(stream.sample_aspect_ratio or 1)
            width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MAX_PIXELS:
            raise InputError(f"{path} has frames of {width}×{height}; give a copy of at most 8192×8192.")
        stat = path.stat()
        film = cls(path, stat.st_size, stat.st_mtime_ns, head, max(0.0, seconds), max(0, frames), fps, aspect)
        if next(film.decoded(threads=False), None) is None:
            raise InputError(f"{path} has no picture that can be decoded; is it whole?")
        return film

    def same_as(self, other: FilmFile) -> bool:
        """Whether the file is what `other` was, by size, time of change and head."""
        return (self.size, self.changed, self.head) == (other.size, other.changed, other.head)

    def decoded(self, since: int | None = None, *, threads: bool = True) -> Iterator[av.VideoFrame]:
        """All frames as they are shown, or those from a key frame at or before the timestamp `since`.

        What is damaged is left out; a file that breaks off ends there.
        """
        with _video(self.path) as (container, stream):
            stream.thread_type = "AUTO" if threads else "NONE"
            try:
                if since is not None:
                    container.seek(since, stream=stream)
                for packet in container.demux(stream):
                    try:
                        frames = packet.decode()
                    except FFmpegError:
                        continue
                    yield from frames
            except FFmpegError:
                return

    def picture(self, frame: av.VideoFrame) -> Picture:
        """A frame as a player shows it: square pixels, turned as the film says, colours by its own matrix."""
        guessed = "ITU709" if frame.colorspace == UNSPECIFIED and frame.height >= HD_HEIGHT else None
        width = max(1, round(frame.width * self.pixel_aspect))
        pixels = frame.reformat(width=width, format="rgb24", src_colorspace=guessed).to_ndarray()
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "path": str(self.path)}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> FilmFile:
        return cls(**{**entry, "path": Path(entry["path"])})


@contextmanager
def _video(path: Path) -> Iterator[tuple[Any, Any]]:
    """The opened file and its first stream of pictures."""
    try:
        # FFmpeg lets a playlist that is a file open files only, so none in disguise reaches a server.
        container = av.open(str(path.resolve()))
    except OSError:
        raise
    except FFmpegError as error:
        raise InputError(f"{path} is not a film that can be read: {error.strerror}.") from None
    with container:
        streams = [stream for stream in container.streams.video if not stream.disposition & ATTACHED]
        if any(name.endswith("_pipe") or name == "image2" for name in container.format.name.split(",")):
            raise InputError(f"{path} is a picture; give a film.")
        if not streams:
            raise InputError(f"{path} has no pictures, only {_kinds(container)}; give a film.")
        if streams[0].codec_context is None:
            raise InputError(f"{path} is in a format that cannot be decoded here; give a copy in H.264, say.")
        yield container, streams[0]


def _kinds(container: Any) -> str:
    return " and ".join(sorted({stream.type for stream in container.streams})) or "an empty container"
