"""Programs, databases and downloads that a machine may lack: their tests skip there, or fail if all are required."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest

from keyart.errors import DataUnavailable

if TYPE_CHECKING:
    from keyart_tools.models import Models

T = TypeVar("T")


def missing(why: str) -> NoReturn:
    """Skip the test, or fail it where KEYART_REQUIRE_SERVICES is 1."""
    if os.environ.get("KEYART_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{why.rstrip('.')}. Provide it, or unset KEYART_REQUIRE_SERVICES.")
    pytest.skip(why)


def had(get: Callable[[], T]) -> T:
    """Return what `get` downloads."""
    try:
        return get()
    except DataUnavailable as error:
        missing(str(error))


def all_models() -> Models:
    from keyart_tools.models import MODELS, Models, fetch

    for model in MODELS.values():
        had(lambda model=model: fetch(model))
    return Models.open()
