"""Loading of the world that a command names: a built-in one, or a user's own as module:factory."""

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
    """Load a world by its name or as module:factory.

    Raises:
        KeyartError: the world cannot be loaded; any other error comes from the factory.
    """
    from keyart_federated.worlds import load

    if ":" in spec and str(Path.cwd()) not in sys.path:  # as `python -m` does; an installed command does not
        sys.path.insert(0, str(Path.cwd()))
    return load(spec, **settings)


@contextmanager
def world_errors(spec: str) -> Iterator[None]:
    """Turn an error of a user's own world into a WorldError."""
    try:
        yield
    except Exception as error:
        if ":" not in spec or (world_error := _world_error(spec, error)) is None:
            raise
        raise world_error from error


def _world_error(spec: str, error: Exception) -> Exception | None:
    """Return a WorldError that names the failing line of the user's world; None for an error of keyart."""
    from keyart.errors import KeyartError, WorldError

    if isinstance(error, KeyartError | click.ClickException | OSError):
        return None
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    return WorldError(f"World {spec!r} failed with {type(error).__name__}: {error} ({where}).")
