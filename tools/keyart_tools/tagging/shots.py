"""A pass over a film: shot detection, and the sharpest picture of each shot.

Cuts are those of PySceneDetect's ContentDetector with its default settings; here cuts, pictures and motion take a
single decoding. A long shot gives one picture per ten seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scenedetect.common import FrameTimecode
from scenedetect.detector import FlashFilter

from keyart_tools.models import Picture

from .film import FilmFile

if TYPE_CHECKING:
    import av

MIN_SECONDS = 0.5  # of a stretch that gives a picture
MAX_SECONDS = 10.0
SAMPLES_PER_SECOND = 4  # frames whose sharpness is measured
MIN_CUT_CHANGE = 27.0  # mean change of hue, saturation and value (0–255) that is a cut
MIN_CUT_FRAMES = 15  # below which cuts are taken together
CUT_PIXELS = 256  # of the longer side, on which cuts are looked for: as PySceneDetect does by itself
SHARP_PIXELS = 640  # of the longer side, on which sharpness is measured, so that films of any size compare
CINEMA_FPS = 24.0


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """A frame from which a pass can continue: its number and its timestamp."""

    frame: int
    pts: int


@dataclass(frozen=True, slots=True)
class ShotSegment:
    """A shot, or up to ten seconds of a long one: the frames from `start` up to `end`.

    Attributes:
        shot: number of the shot, from 1.
        part: number within the shot, from 0.
        cut: whether the shot ends here.
        motion: mean change of a colour channel per frame, 0–1, normalised to 24 frames per second.
        mark: where a later pass continues after this segment.
        still: its sharpest sample; None if the segment is too short.
    """

    shot: int
    part: int
    start: int
    end: int
    cut: bool
    motion: float
    mark: ResumePoint | None
    still: FrameSample | None = None


@dataclass(frozen=True, slots=True)
class FrameSample:
    """A sampled frame: time in seconds, and sharpness as the variance of the Laplacian of luma on 640 pixels."""

    frame: int
    at: float
    sharpness: float
    picture: Picture


def shot_segments(
    film: FilmFile, after: ShotSegment | None = None, tell: Callable[[int], None] = lambda frames: None
) -> Iterator[ShotSegment]:
    """Yield the segments of the film in order, or those after `after`.

    If the resume point of `after` is not found, all segments are yielded from the beginning. `tell` receives the
    number of decoded frames.
    """
    cuts = _CutDetector(film.fps)
    longest = round(MAX_SECONDS * film.fps)
    number, open_ = 0, _OpenSegment(film)
    mark = after.mark if after else None
    images = film.decoded(mark.pts if mark else None)
    if after and mark:
        if not any(image.pts == mark.pts for image in images):
            mark, images = None, film.decoded()
        else:
            number = mark.frame + 1
            open_.follow(after)
    for image in images:
        small = _reduced(image)
        open_.add(number, image, small)
        for end in cuts.new_cuts(number, small):
            if end > open_.start:
                yield open_.close(end, cut=True)
        if number - MIN_CUT_FRAMES >= open_.start + longest:
            yield open_.close(open_.start + longest, cut=False)
        number += 1
        tell(number)
    if number > open_.start:
        yield open_.close(number, cut=True)


class _CutDetector:
    """The ContentDetector of PySceneDetect with its filter; its score as one norm takes a quarter of the time.

    The filter has no effect later than `MIN_CUT_FRAMES` after the last large change.
    """

    def __init__(self, fps: float) -> None:
        self.fps, self.before = fps, None
        self.filter = FlashFilter(FlashFilter.Mode.MERGE, MIN_CUT_FRAMES)
        self.last: int | None = None  # frame with a large change; at first, the first

    def new_cuts(self, number: int, small: Any) -> list[int]:
        """Return the first frames of new shots that are known now, up to `MIN_CUT_FRAMES` late."""
        hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
        change = 0.0 if self.before is None else cv2.norm(hsv, self.before, cv2.NORM_L1) / hsv.size
        self.before = hsv
        if self.last is None or change >= MIN_CUT_CHANGE:
            self.last = number
        if number > self.last + MIN_CUT_FRAMES:
            return []
        return [
            cut.frame_num for cut in self.filter.filter(FrameTimecode(number, self.fps), change >= MIN_CUT_CHANGE)
        ]


class _OpenSegment:
    """The current segment, and as many earlier frames as a later pass needs to continue."""

    def __init__(self, film: FilmFile) -> None:
        self.film = film
        self.shot, self.part, self.start = 1, 0, 0
        self.timestamps: deque[tuple[int, int | None]] = deque(maxlen=2 * MIN_CUT_FRAMES + 4)
        self.changes: deque[tuple[int, float]] = deque()
        self.samples: list[tuple[int, float, av.VideoFrame]] = []
        self.before: Any = None
        self.stride = max(1, round(film.fps / SAMPLES_PER_SECOND))

    def follow(self, stretch: ShotSegment) -> None:
        """Begin after `stretch`."""
        self.start = stretch.end
        self.shot = stretch.shot + stretch.cut
        self.part = 0 if stretch.cut else stretch.part + 1

    def add(self, number: int, image: av.VideoFrame, small: Any) -> None:
        self.timestamps.append((number, image.pts))
        if self.before is not None and number > self.start:
            self.changes.append((number, cv2.norm(small, self.before, cv2.NORM_L1) / small.size / 255))
        self.before = small
        if number >= self.start and number % self.stride == 0:
            self.samples.append((number, _sharpness(image), image))
            # Of those that no late cut can take away, only the sharpest is kept: a frame is megabytes.
            settled = [sample for sample in self.samples if sample[0] <= number - MIN_CUT_FRAMES]
            for sample in sorted(settled, key=lambda sample: sample[1])[:-1]:
                self.samples.remove(sample)

    def close(self, end: int, *, cut: bool) -> ShotSegment:
        """Return the segment up to frame `end`, and begin a new one."""
        mine = [sample for sample in self.samples if sample[0] < end]
        still = None
        if mine and end - self.start >= MIN_SECONDS * self.film.fps:
            frame, sharpness, image = max(mine, key=lambda sample: sample[1])
            at = image.time if image.time is not None else frame / self.film.fps
            still = FrameSample(frame, float(at), sharpness, self.film.picture(image))
        # Far enough back for the detector to take the cut at `end` for one again, and so to be in the same state.
        warm = end - MIN_CUT_FRAMES - 2
        mark = next((ResumePoint(n, pts) for n, pts in self.timestamps if n == warm and pts is not None), None)
        changes = [change for number, change in self.changes if number < end]
        motion = float(np.mean(changes)) * self.film.fps / CINEMA_FPS if changes else 0.0
        stretch = ShotSegment(self.shot, self.part, self.start, end, cut, motion, mark, still)
        self.samples = self.samples[len(mine) :]
        self.changes = deque(item for item in self.changes if item[0] > end)
        self.follow(stretch)
        return stretch


def _reduced(image: av.VideoFrame) -> Any:
    """Return a small BGR copy for the detector."""
    width, height = _fitted(image.width, image.height, CUT_PIXELS)
    return image.reformat(width, height, "bgr24", interpolation="FAST_BILINEAR").to_ndarray()


def _sharpness(image: av.VideoFrame) -> float:
    kind = image.format
    if kind.is_planar and not kind.is_rgb and kind.components[0].bits == 8:  # the luma is there, as it is
        plane = image.planes[0]
        luma = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    else:
        luma = image.to_ndarray(format="gray")
    size = _fitted(image.width, image.height, SHARP_PIXELS)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), cv2.CV_16S))
    return float(deviation[0, 0]) ** 2


def _fitted(width: int, height: int, longer: int) -> tuple[int, int]:
    scale = min(1.0, longer / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
