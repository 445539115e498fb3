"""tagging.json: what is written is read again, and what is not ours is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from keyart.errors import CatalogError
from keyart_tools.models import Face
from keyart_tools.tagging import FilmFile, Tagging
from keyart_tools.tagging.shots import ResumePoint, ShotSegment

from .test_tagging_judgement import still

EMBEDDING = np.random.default_rng(0).normal(size=1280).astype(np.float32)
FILM = FilmFile(Path("a film.mp4"), 10, 20, "ab", 60.0, 1440, 24.0)
FULL = replace(
    still(),
    embedding=EMBEDDING / np.linalg.norm(EMBEDDING),
    objects={"hare": 0.5},
    faces=(Face((0.1, 0.2, 0.3, 0.4), 0.75),),
    lettering=((0.0, 0.9, 1.0, 0.1),),
    calm=((0.05, 0.05, 0.5, 0.3),),
    subject=(0.1, 0.2, 0.3, 0.4),
    unsafe=0.25,
    checked=True,
    said="Grüße",
    said_tags={"theme:friendship": 0.5},
    by_hand=True,
    selected=1,
)
TAGGING = Tagging(
    FILM, "t1", "A film", "CC BY 3.0", 5, {"genre:comedy": 0.5}, {"faces": "MIT"},
    ShotSegment(3, 1, 20, 40, False, 0.01, ResumePoint(3, 512)), True, (FULL, still("0002", 1, embedding=None)),
)  # fmt: skip


def test_there_and_back(tmp_path: Path) -> None:
    TAGGING.save(tmp_path)
    again = Tagging.load(tmp_path)

    assert again == TAGGING
    first, second = again.stills
    assert first.embedding is not None and second.embedding is None
    assert float(first.embedding @ FULL.embedding) == pytest.approx(1.0, abs=1e-5)
    assert again.shots == 3
    assert [s.id for s in again.selected] == ["0001"]
    assert [path.name for path in tmp_path.iterdir()] == ["tagging.json"]


def test_the_file_says_what_others_read(tmp_path: Path) -> None:
    TAGGING.save(tmp_path)
    entry = json.loads((tmp_path / "tagging.json").read_text("utf-8"))["stills"][0]

    assert entry["accepted"] is True and entry["selected"] == 1
    assert entry["faces"] == [{"box": [0.1, 0.2, 0.3, 0.4], "score": 0.75}]
    assert entry["palette"] == [["#808080", 1.0]] and entry["brightness"] == 0.6
    assert entry["lettering"] == [[0.0, 0.9, 1.0, 0.1]]


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "\x00", '{"format": "keyart-tagging/1"}', "[" * 100_000,
        '{"format": "keyart-tagging/1", "film": 3, "title": {}, "stills": []}',
    ],
)  # fmt: skip
def test_what_is_not_ours_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "tagging.json").write_text(text)

    with pytest.raises(CatalogError, match=r"tagging\.json"):
        Tagging.load(tmp_path)


@pytest.mark.parametrize("field", ["faces", "palette", "embedding", "subject", "brightness", "id"])
def test_a_still_that_is_damaged_is_told(field: str, tmp_path: Path) -> None:
    TAGGING.save(tmp_path)
    document = json.loads((tmp_path / "tagging.json").read_text("utf-8"))
    for broken in ({"a": 1}, "!", None):
        changed = json.loads(json.dumps(document))
        if field == "id":
            del changed["stills"][0]["id"]
        elif broken is None and field in ("embedding", "subject"):
            continue
        else:
            changed["stills"][0][field] = broken
        (tmp_path / "tagging.json").write_text(json.dumps(changed))
        with pytest.raises(CatalogError, match="damaged"):
            Tagging.load(tmp_path)


def test_a_folder_without_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"has no tagging\.json"):
        Tagging.load(tmp_path)
