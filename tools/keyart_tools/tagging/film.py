"""A film's file: its properties, its frames, and a frame as a picture."""

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
    """A film's file.

    Attributes:
        size: bytes.
        changed: modification time, ns.
        head: sha256 of the first MiB.
        seconds, frames: as stated in the file; 0 if it does not state them.
        pixel_aspect: width of a pixel over its height.
    """

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
        """Open a film.

        Raises:
            InputError: the file is not a film.
            OSError: the file cannot be read.
        """
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
        """Return whether size, modification time and head agree with `other`."""
        return (self.size, self.changed, self.head) == (other.size, other.changed, other.head)

    def decoded(self, since: int | None = None, *, threads: bool = True) -> Iterator[av.VideoFrame]:
        """Yield all frames in display order, or those from a key frame at or before the timestamp `since`.

        Damaged frames are skipped; a truncated file ends early.
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
        """Convert a frame to a picture as players show it: square pixels, rotation and colour matrix of the film."""
        guessed = "ITU709" if frame.colorspace == UNSPECIFIED and frame.height >= HD_HEIGHT else None
        width = max(1, round(frame.width * self.pixel_aspect))
        pixels = frame.reformat(width=width, format="rgb24", src_colorspace=guessed).to_ndarray()
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "path": str(self.path)}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> FilmFile:
        """Read the result of `to_json`."""
        return cls(**{**entry, "path": Path(entry["path"])})


@contextmanager
def _video(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open the file, and yield it with its first video stream."""
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
