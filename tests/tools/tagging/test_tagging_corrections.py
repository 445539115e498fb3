"""Corrections of a person: what they change, and what is no correction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keyart.errors import CatalogError
from keyart_tools.tagging.corrections import apply_corrections

from .test_tagging_file import TAGGING


def written(tmp_path: Path, stills: Any, **fields: Any) -> Path:
    path = tmp_path / "corrections.json"
    path.write_text(json.dumps({"format": "keyart-corrections/1", "film": "ab", "stills": stills, **fields}))
    return path


def test_verdicts_and_tags(tmp_path: Path) -> None:
    path = written(
        tmp_path, {"0001": {"verdict": "reject"}, "0002": {"verdict": "accept", "tags": {"mood:happy": 0.5}}}
    )

    first, second = apply_corrections(TAGGING, path).stills

    assert (first.accepted, first.by_hand, first.refused) == (False, True, "rejected by hand")
    assert (second.accepted, second.by_hand, second.tags_by_hand) == (True, True, True)
    assert second.all_tags == {"mood:happy": 0.5}
    assert first.tags == TAGGING.stills[0].tags and not first.tags_by_hand


def test_a_verdict_can_be_taken_back(tmp_path: Path) -> None:
    rejected = apply_corrections(TAGGING, written(tmp_path, {"0001": {"verdict": "reject"}}))

    (first, _) = apply_corrections(rejected, written(tmp_path, {"0001": {"verdict": ""}})).stills

    assert first.accepted and not first.by_hand


@pytest.mark.parametrize(
    ("stills", "message"),
    [
        ([], "must be an object"),
        ({"0009": {"verdict": "accept"}}, "no still '0009'"),
        ({"0001": {"verdict": "maybe"}}, "'maybe'"),
        ({"0001": {"verdict": ["accept"]}}, "must be"),
        ({"0001": {"rank": 3}}, "'verdict' and 'tags'"),
        ({"0001": "accept"}, "'verdict' and 'tags'"),
        ({"0001": {"tags": {"mood:happy": -1}}}, "mood:happy"),
        ({"0001": {"tags": {"": 1}}}, "tag"),
        ({"0001": {"tags": ["a"]}}, "tags"),
    ],
)
def test_what_is_no_correction_is_told(stills: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=message):
        apply_corrections(TAGGING, written(tmp_path, stills))


def test_corrections_of_another_film_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="another film"):
        apply_corrections(TAGGING, written(tmp_path, {}, film="cd"))


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"[]", b'{"format": "keyart-tagging/1"}'])
def test_another_file_is_told(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_bytes(data)

    with pytest.raises(CatalogError, match="not a file of corrections"):
        apply_corrections(TAGGING, tmp_path / "other.json")
