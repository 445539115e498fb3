"""The real sentence model, from the cache, or fetched into it."""

from __future__ import annotations

import os

import pytest

from keyart.errors import DataUnavailable
from keyart_tools.models import MODELS, Models, fetch
from keyart_tools.text import Sentences


@pytest.fixture(scope="session")
def sentences() -> Sentences:
    try:
        fetch(MODELS["sentences"])
    except DataUnavailable as error:
        if os.environ.get("KEYART_REQUIRE_SERVICES") == "1":
            pytest.fail(f"{error} Or unset KEYART_REQUIRE_SERVICES.")
        pytest.skip(str(error))
    reader = Models.open().sentences
    assert reader is not None
    return reader
