"""Answers of TMDB's API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.catalogues import picture

from keyart_tools.catalogues import ImportResult, import_catalog


def details(**more: Any) -> dict[str, Any]:
    return {
        "id": 603,
        "title": "Night Ferry",
        "runtime": 104,
        "release_date": "1999-03-31",
        "genres": [{"id": 878, "name": "Science Fiction"}, {"id": 10402, "name": "Music"}],
        "belongs_to_collection": {"name": "Night Ferry Collection"},
        "production_countries": [{"iso_3166_1": "DE", "name": "Germany"}],
        "credits": {
            "cast": [{"name": "Second", "order": 1}, {"name": "First", "order": 0}],
            "crew": [{"name": "Ana Mér", "job": "Director"}, {"name": "Tom Ott", "job": "Gaffer"}],
        },
        "images": {
            "posters": [{"file_path": "/p.jpg", "iso_639_1": "en", "vote_average": 5}],
            "backdrops": [{"file_path": f"/b{n}.jpg", "vote_average": n} for n in range(30)],
            "logos": [{"file_path": "/logo.png"}],
        },
        "release_dates": {"results": [{"iso_3166_1": "NL", "release_dates": [{"certification": "16"}]}]},
        **more,
    }


def imported(path: Path, text: str) -> ImportResult:
    path.write_text(text, encoding="utf-8")
    return import_catalog([path], path.parent)


def test_details_of_a_film(tmp_path: Path) -> None:
    picture(tmp_path / "p.jpg")
    result = imported(tmp_path / "603.json", json.dumps(details()))

    (title,) = result.catalog
    assert (title.id, title.name, title.duration) == ("tmdb:603", "Night Ferry", 6240.0)
    assert set(title.tags) == {
        "genre:science-fiction", "genre:musical", "franchise:night-ferry-collection", "country:germany",
        "cast:first", "cast:second", "director:ana-mer", "decade:1990s",
    }  # fmt: skip
    poster, best = title.artworks[:2]
    assert (poster.id, poster.image, dict(poster.tags)) == (
        "tmdb:603/p", "p.jpg", {"type:poster": 1.0, "lettering": 1.0},
    )  # fmt: skip
    assert (best.id, best.maturity) == ("tmdb:603/b29", "16+") and best.image.endswith("/original/b29.jpg")
    assert len(title.artworks) == 9 and not result.issues.broken


def test_series_have_ids_of_their_own(tmp_path: Path) -> None:
    series = {"id": 603, "name": "Series", "episode_run_time": [50], "genres": [], "poster_path": "/s.jpg"}

    (title,) = imported(tmp_path / "a.json", json.dumps(series)).catalog
    assert (title.id, title.duration) == ("tmdb-tv:603", 3000.0)
    (title,) = imported(tmp_path / "a.json", json.dumps(details(imdb_id="tt1234567"))).catalog
    assert title.id == "imdb:tt1234567"


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_lines_and_what_is_broken_among_them(tmp_path: Path, suffix: str) -> None:
    lines = [json.dumps(details(id=1)), '{"id": 2, "title":', json.dumps([1]), json.dumps(details(id=4, runtime="x"))]
    result = imported(tmp_path / f"a.{suffix}", "\n".join([*lines, json.dumps(details(id=5))]))

    if suffix == "jsonl":
        assert [title.id for title in result.catalog] == ["tmdb:1", "tmdb:5"]
        assert [issue.line for issue in result.issues.broken] == [2, 3, 4]


def test_list_and_folder(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps([details(id=1), details(id=2)]))
    (tmp_path / "two.json").write_text('{"id": 3,\n "title": }')
    (tmp_path / "other.json").write_text('{"settings": true}')

    result = import_catalog([tmp_path], tmp_path)
    assert [title.id for title in result.catalog] == ["tmdb:1", "tmdb:2"]
    assert [(Path(issue.file).name, issue.line) for issue in result.issues.broken] == [("two.json", 2)]


@pytest.mark.parametrize(
    "more",
    [
        {"images": None, "poster_path": None}, {"runtime": -5}, {"id": None}, {"id": True},
    ],
)  # fmt: skip
def test_unusable_details_are_named(tmp_path: Path, more: dict[str, Any]) -> None:
    result = imported(tmp_path / "a.json", json.dumps([details(**more), details(id=7)]))

    assert [title.id for title in result.catalog] == ["tmdb:7"] and len(result.issues.broken) == 1


@pytest.mark.parametrize("wrong", [7, "x", [7], {"a": 7}, [["x"]], [{"name": 7}], True, None])
def test_any_shape_of_any_field_is_borne(tmp_path: Path, wrong: Any) -> None:
    for name in details():
        result = imported(tmp_path / "a.json", json.dumps([details(**{name: wrong}), details(id=7)]))
        assert result.catalog is not None and "tmdb:7" in result.catalog, name
