"""A check of output files before the work begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click


def check_output_path(path: Path, what: str, example: str, replaceable: Callable[[Path], bool]) -> None:
    """Require that the file `path` can be created, or is a file of its kind that can be replaced.

    Args:
        path: The file.
        what: Its kind in words, such as "model".
        example: A name for such a file.
        replaceable: Returns True for a file of the kind.

    Raises:
        UsageError: It is neither.
    """
    if not path.parent.is_dir():
        raise click.UsageError(f"The folder {path.parent} for the {what} does not exist; create it first.")
    if path.is_dir():
        raise click.UsageError(f"{path} is a folder; name a file for the {what}, such as {path / example}.")
    if path.exists() and not replaceable(path):
        raise click.UsageError(f"{path} is not a {what}; name another file.")


def is_model(path: Path) -> bool:
    """Return True for a trained model."""
    from keyart.errors import InputError
    from keyart_federated.export import ModelFile

    try:
        ModelFile.load(path)
    except InputError:
        return False
    return True
