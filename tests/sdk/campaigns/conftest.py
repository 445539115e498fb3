"""Three devices in memory that take part in small rounds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.campaigns import fleet
from support.catalogs import Clock

import keyart


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def three(clock: Clock) -> Iterator[list[keyart.Personalizer]]:
    with fleet(3, clock) as arts:
        yield arts
