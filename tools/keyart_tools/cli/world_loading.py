"""The world that a command is given: a built-in one by name, or anybody's as module:factory."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from keyart_federated import World


def load_world(spec: str, settings: dict[str, Any]) -> World:
    """Raises KeyartError, and whatever the factory does."""
    from keyart_federated.worlds import load

    if ":" in spec and str(Path.cwd()) not in sys.path:  # as `python -m` does; an installed command does not
        sys.path.insert(0, str(Path.cwd()))
    return load(spec, **settings)


@contextmanager
def world_errors(spec: str) -> Iterator[None]:
    """An error out of a world of the user's own becomes a sentence."""
    try:
        yield
    except Exception as error:
        if ":" not in spec or (said := _world_error(spec, error)) is None:
            raise
        raise said from error


def _world_error(spec: str, error: Exception) -> Exception | None:
    """An error out of the user's own world, as a sentence that says where; None for one of keyart's."""
    from keyart.errors import KeyartError, WorldError

    if isinstance(error, KeyartError | click.ClickException | OSError):
        return None
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    return WorldError(f"World {spec!r} failed with {type(error).__name__}: {error} ({where}).")
