"""A check of output files before the work begins."""

from __future__ import annotations

from pathlib import Path

import click


def check_output_path(path: Path, what: str) -> None:
    """Require that the file `path` can be created, or is a model that can be replaced.

    Raises:
        UsageError: it is neither.
    """
    if not path.parent.is_dir():
        raise click.UsageError(f"The folder {path.parent} for the {what} does not exist; create it first.")
    if path.is_dir():
        raise click.UsageError(f"{path} is a folder; name a file for the {what}, such as {path / 'model.npz'}.")
    if path.exists() and not _is_model(path):
        raise click.UsageError(f"{path} is not a {what}; name another file.")


def _is_model(path: Path) -> bool:
    from keyart.errors import InputError
    from keyart_federated.export import ModelFile

    try:
        ModelFile.load(path)
    except InputError:
        return False
    return True
