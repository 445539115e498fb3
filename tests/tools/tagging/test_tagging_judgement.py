"""Which stills may be chosen, and why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from keyart_tools.tagging import Still
from keyart_tools.tagging.colour import Colours
from keyart_tools.tagging.judgement import MAX_UNSAFE, MIN_SHARPNESS, judge, quality, traits


def still(name: str = "0001", direction: int = 0, **fields: Any) -> Still:
    good = Still(
        name, int(name), 1.0, 24, f"stills/{name}.jpg", 640, 360, sharpness=200.0, motion=0.01,
        colours=Colours(0.6, 0.2, 0.06, 0.0, (("#808080", 1.0),)),
        embedding=np.eye(8, dtype=np.float32)[direction], tags={"motion:calm": 1.0},
    )  # fmt: skip
    return replace(good, **fields)


DARK, EVEN = Colours(0.1, 0.2, 0.0, 0.0, ()), Colours(0.6, 0.01, 0.0, 0.0, ())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, ""),
        ({"colours": DARK}, "black"),
        ({"colours": EVEN}, "flat"),
        ({"sharpness": MIN_SHARPNESS - 1}, "blurred"),
        ({"unsafe": MAX_UNSAFE}, "unsafe"),
        ({"unsafe": MAX_UNSAFE - 0.01}, ""),
        ({"lettering": ((0.1, 0.1, 0.5, 0.1),)}, "lettering"),
        ({"lettering": ((0.1, 0.1, 0.05, 0.02),)}, ""),
    ],
)
def test_reasons(fields: dict[str, Any], reason: str) -> None:
    (told,) = judge([still(**fields)])

    assert (told.refused, told.accepted) == (reason, not reason)


def test_of_near_duplicates_the_sharpest_stays() -> None:
    told = judge([still("0001", 0, sharpness=90.0), still("0002", 0, sharpness=300.0), still("0003", 1)])

    assert [s.refused for s in told] == ["near-duplicate of 0002", "", ""]


def test_what_is_refused_makes_nobody_a_duplicate() -> None:
    told = judge([still("0001", 0), still("0002", 0, sharpness=900.0, colours=DARK)])

    assert [s.refused for s in told] == ["", "black"]


def test_a_person_has_the_last_word() -> None:
    told = judge([
        still("0001", 0, by_hand=True),
        still("0002", 0, sharpness=900.0),
        still("0003", 1, by_hand=True, colours=DARK),
        still("0004", 2, by_hand=True, refused="rejected by hand"),
        still("0005", 2, sharpness=30.0),
    ])  # fmt: skip

    assert [s.refused for s in told] == ["", "near-duplicate of 0001", "", "rejected by hand", ""]


def test_a_reason_that_is_gone_is_forgotten() -> None:
    (told,) = judge([still(refused="near-duplicate of 0009")])

    assert told.refused == ""


def test_quality_prefers_sharp_light_roomy_clean() -> None:
    roomy = still(calm=((0.05, 0.05, 0.5, 0.4),))
    worse = (
        replace(roomy, sharpness=40.0),
        replace(roomy, colours=replace(roomy.colours, lightness=0.2)),
        replace(roomy, calm=()),
        replace(roomy, lettering=((0.0, 0.0, 0.1, 0.1),)),
    )

    assert quality(roomy) == pytest.approx(0.9, abs=0.11)
    assert all(0 <= quality(other) < quality(roomy) for other in worse)


def test_all_kinds_are_worth_the_same() -> None:
    weight, worth = traits([
        still(tags={"object:a": 0.4, "object:b": 1.0, "faces": 7.0}), still(tags={"object:c": 1.0, "lettering": 1.0}),
    ])  # fmt: skip

    # faces, object:a, object:b, object:c
    assert worth == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6])
    assert weight.tolist() == [[1.0, 0.4, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
