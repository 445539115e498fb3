"""From measures to tags."""

from __future__ import annotations

import pytest

from keyart_tools.models import Face
from keyart_tools.tagging.colour import Colours
from keyart_tools.tagging.tags import PALETTE, look_of, ramp, shot_size, tags_of, with_look

PLAIN = Colours(0.55, 0.15, 0.06, 0.0, (("#777777", 1.0),))


def face(height: float) -> Face:
    return Face((0.1, 0.1, height / 2, height), 0.9)


def test_a_plain_picture_has_the_tag_of_its_motion_alone() -> None:
    assert tags_of(PLAIN, 0.01, None, [], {}, []) == {"motion:calm": 1.0}


@pytest.mark.parametrize(
    ("colours", "tag"),
    [
        (Colours(0.55, 0.15, 0.06, 0.06, ()), "palette:warm"),
        (Colours(0.55, 0.15, 0.06, -0.06, ()), "palette:cool"),
        (Colours(0.2, 0.15, 0.06, 0.0, ()), "palette:dark"),
        (Colours(0.9, 0.15, 0.06, 0.0, ()), "palette:bright"),
        (Colours(0.55, 0.15, 0.01, 0.0, ()), "palette:muted"),
        (Colours(0.55, 0.15, 0.2, 0.0, ()), "palette:vivid"),
        (Colours(0.55, 0.05, 0.06, 0.0, ()), "contrast:low"),
        (Colours(0.55, 0.3, 0.06, 0.0, ()), "contrast:high"),
    ],
)
def test_each_tag_of_colour(colours: Colours, tag: str) -> None:
    assert tags_of(colours, 0.01, None, [], {}, []) == {tag: 1.0, "motion:calm": 1.0}
    assert tag in PALETTE


def test_weights_rise_in_a_line() -> None:
    assert [ramp(x, 0.2, 0.6) for x in (0.0, 0.2, 0.4, 0.6, 1.0)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert [ramp(x, 0.6, 0.2) for x in (1.0, 0.4, 0.0)] == pytest.approx([0, 0.5, 1])


@pytest.mark.parametrize(("motion", "tag"), [(0.0, "still"), (0.01, "calm"), (0.1, "fast")])
def test_motion(motion: float, tag: str) -> None:
    assert tags_of(PLAIN, motion, None, [], {}, []) == {f"motion:{tag}": 1.0}


@pytest.mark.parametrize(
    ("heights", "calm", "size"),
    [
        ([0.5], 0.0, "close-up"),
        ([0.2], 0.0, "medium"),
        ([0.05, 0.1], 0.0, "wide"),
        ([0.1, 0.2, 0.1], 0.0, "ensemble"),
        ([0.1, 0.6, 0.1], 0.0, "close-up"),
        ([], 0.5, "empty"),
        ([], 0.1, ""),
    ],
)
def test_shot_size(heights: list[float], calm: float, size: str) -> None:
    assert shot_size([face(h) for h in heights], [(0.0, 0.0, 1.0, calm)]) == size


def test_faces_weigh_by_number_and_size_and_moods_only_where_sure() -> None:
    expressions = [
        {"happy": 0.7, "neutral": 0.2, "intense": 0.1},
        {"happy": 0.9, "neutral": 0.1, "intense": 0.0},
        {"happy": 0.1, "neutral": 0.4, "intense": 0.5},
    ]
    tags = tags_of(PLAIN, 0.01, [face(0.1), face(0.2), face(0.05)], expressions, {}, [])

    assert tags == {"motion:calm": 1.0, "faces": 0.35, "shot:ensemble": 1.0, "mood:happy": 0.9}
    assert tags_of(PLAIN, 0.01, [face(0.7), face(0.7)], [], {}, [])["faces"] == 1.0


def test_objects_are_named_as_tags() -> None:
    assert tags_of(PLAIN, 0.01, None, [], {"Norwegian elkhound, hound": 0.5}, [])[
        "object:norwegian-elkhound-hound"
    ] == pytest.approx(0.5)


def test_look_of_a_title_is_the_mean_of_its_pictures() -> None:
    pictures = [
        {"palette:warm": 1.0, "faces": 1.0, "object:boat": 1.0},
        {"mood:happy": 0.6},
        {"palette:cool": 0.1},
        {},
    ]

    assert look_of(pictures) == {"mood:happy": 0.15, "palette:warm": 0.25}
    assert look_of([]) == {}


def test_kinds_that_a_title_has_of_its_own_stay() -> None:
    own = {"genre:drama": 1.0, "mood:sad": 0.4}

    assert with_look(own, {"mood:happy": 0.5, "palette:warm": 0.2}) == {**own, "palette:warm": 0.2}
