"""Servers to attack: one of a test's own, and one for a whole file of attacks that leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.server.wire import Target, attacked
from support.server import Clock


@pytest.fixture(autouse=True, scope="module")
def quick(quick_passwords: None) -> None:
    """Every attack on passwords is quick."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def target(tmp_path: Path, clock: Clock) -> Iterator[Target]:
    with attacked(tmp_path, clock) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, quick_passwords: None) -> Iterator[Target]:
    with attacked(tmp_path_factory.mktemp("shared")) as made:
        yield made
