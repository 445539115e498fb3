"""What tests fetch: where it is not to be had, they skip with the reason, or fail where services are required."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import pytest

from keyart.errors import DataUnavailable
from keyart_tools.models import MODELS, Models, fetch

T = TypeVar("T")


def had(get: Callable[[], T]) -> T:
    """What `get` fetches."""
    try:
        return get()
    except DataUnavailable as error:
        if os.environ.get("KEYART_REQUIRE_SERVICES") == "1":
            pytest.fail(f"{error} Or unset KEYART_REQUIRE_SERVICES.")
        pytest.skip(str(error))


def all_models() -> Models:
    for model in MODELS.values():
        had(lambda model=model: fetch(model))
    return Models.open()
