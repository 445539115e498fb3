"""The real sentence model, from the cache, or fetched into it."""

from __future__ import annotations

import pytest
from support.services import had

from keyart_tools.models import MODELS, Models, fetch
from keyart_tools.text import SentenceEncoder


@pytest.fixture(scope="session")
def sentences() -> SentenceEncoder:
    had(lambda: fetch(MODELS["sentences"]))
    reader = Models.open().sentences
    assert reader is not None
    return reader
