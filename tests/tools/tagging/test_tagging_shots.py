"""The pass over a film: cuts as PySceneDetect finds them, the sharpest samples, and going on in the middle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from scenedetect import ContentDetector, detect

from keyart_tools.tagging import FilmFile
from keyart_tools.tagging.shots import ResumePoint, ShotSegment, shot_segments

from .conftest import FilmWriter, scenery


def starts(found: list[ShotSegment]) -> list[int]:
    return [stretch.start for stretch in found if stretch.part == 0]


@pytest.mark.parametrize(("clip", "shots"), [("bikes", 6), ("bigbuckbunny", 1)])
def test_cuts_are_those_of_scenedetect(clip: str, shots: int, clips: dict[str, Path]) -> None:
    theirs = detect(str(clips[clip]), ContentDetector(), start_in_scene=True)

    mine = list(shot_segments(FilmFile.open(clips[clip])))

    assert starts(mine) == [start.frame_num for start, _ in theirs]
    assert len(theirs) == shots
    assert [s.end for s in mine] == [end.frame_num for _, end in theirs]


def test_a_shot_below_half_a_second_gives_no_still(clips: dict[str, Path]) -> None:
    mine = list(shot_segments(FilmFile.open(clips["bikes"])))

    assert [stretch.shot for stretch in mine if stretch.still is None] == [6]  # 8 frames of 25 a second
    assert mine[5].end - mine[5].start == 8


def test_the_sharpest_sample_is_taken(film_of: FilmWriter) -> None:
    sharp = scenery(1)
    soft = [cv2.GaussianBlur(sharp, (0, 0), sigma) for sigma in (4.0, 2.0)]
    film = FilmFile.open(film_of(soft[0], sharp, soft[1]))

    (stretch,) = shot_segments(film)

    assert stretch.still is not None and 25 <= stretch.still.frame < 50
    assert stretch.still.at == pytest.approx(stretch.still.frame / 25)


def test_a_long_shot_gives_a_still_for_every_ten_seconds(film_of: FilmWriter) -> None:
    film = FilmFile.open(film_of(scenery(1), frames=530))

    mine = list(shot_segments(film))

    assert [(s.shot, s.part, s.start, s.end, s.cut) for s in mine] == [
        (1, 0, 0, 250, False), (1, 1, 250, 500, False), (1, 2, 500, 530, True),
    ]  # fmt: skip
    assert all(s.still is not None and s.start <= s.still.frame < s.end for s in mine)


def test_motion_is_of_the_shot_and_not_of_its_cuts(film_of: FilmWriter) -> None:
    film = FilmFile.open(film_of(scenery(1), scenery(2), scenery(3)))

    mine = list(shot_segments(film))

    assert len(mine) == 3
    assert all(stretch.motion < 0.003 for stretch in mine)


def without_pictures(found: list[ShotSegment]) -> list[tuple[object, ...]]:
    return [
        (replace(s, still=None), s.still and (s.still.frame, s.still.at, s.still.sharpness)) for s in found
    ]  # fmt: skip


@pytest.fixture
def flashing(film_of: FilmWriter) -> FilmFile:
    """A second of a shot, five flashes of five frames, and two more shots: cuts that are taken together."""
    return FilmFile.open(film_of(*map(scenery, [1] * 5 + [2, 3, 2, 3, 2] + [4] * 8 + [5] * 5), frames=5))


def test_flashes_are_taken_together_as_scenedetect_does(flashing: FilmFile) -> None:
    theirs = detect(str(flashing.path), ContentDetector(), start_in_scene=True)

    assert starts(list(shot_segments(flashing))) == [start.frame_num for start, _ in theirs] == [0, 25, 50, 90]


def test_a_pass_goes_on_behind_flashes(flashing: FilmFile) -> None:
    whole = list(shot_segments(flashing))

    for place in range(1, len(whole)):
        rest = list(shot_segments(flashing, replace(whole[place - 1], still=None)))
        assert without_pictures(rest) == without_pictures(whole[place:])


def test_a_pass_goes_on_behind_any_stretch(clips: dict[str, Path]) -> None:
    film = FilmFile.open(clips["bikes"])
    whole = list(shot_segments(film))

    for place in range(1, len(whole)):
        rest = list(shot_segments(film, replace(whole[place - 1], still=None)))
        assert without_pictures(rest) == without_pictures(whole[place:])


def test_a_mark_that_is_not_found_starts_from_the_beginning(clips: dict[str, Path]) -> None:
    film = FilmFile.open(clips["bikes"])
    whole = list(shot_segments(film))

    for mark in (None, ResumePoint(40, 12345)):
        again = list(shot_segments(film, replace(whole[1], still=None, mark=mark)))
        assert without_pictures(again) == without_pictures(whole)


def test_every_frame_is_told(clips: dict[str, Path]) -> None:
    told: list[int] = []

    list(shot_segments(FilmFile.open(clips["bigbuckbunny"]), tell=told.append))

    assert told == list(range(1, 133))
