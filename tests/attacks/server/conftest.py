"""Servers to attack: one of a test's own, and one for a whole file of attacks that leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.server.wire import Target, attacked
from server_samples import Clock

from keyart_server.access import passwords, people


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Passwords at a thousandth of their cost, which stands in what is stored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "LOG_COST", 5)
        people.dummy_password_hash.cache_clear()
        yield
    people.dummy_password_hash.cache_clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def target(tmp_path: Path, clock: Clock) -> Iterator[Target]:
    with attacked(tmp_path, clock) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, quick: None) -> Iterator[Target]:
    with attacked(tmp_path_factory.mktemp("shared")) as made:
        yield made
