"""What is noted of devices while they take part in rounds."""

from __future__ import annotations

import pytest

from keyart.campaigns import vectors


@pytest.fixture
def noted(monkeypatch):
    """The integer vectors, as they are made, in the order of the devices that make one."""
    made = []
    answer = vectors.protected_vector
    monkeypatch.setattr(vectors, "protected_vector", lambda *args: made.append(answer(*args)) or made[-1])
    return made
