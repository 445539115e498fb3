"""Where a command may write: told before the work is done, not after."""

from __future__ import annotations

from pathlib import Path

import click


def check_output_path(path: Path, what: str) -> None:
    """A file `path` may be made, or replaced if it is a model already. Raises UsageError."""
    if not path.parent.is_dir():
        raise click.UsageError(f"There is no folder {path.parent} for the {what}; make it first.")
    if path.is_dir():
        raise click.UsageError(
            f"{path} is a folder; give the {what} the name of a file, such as {path / 'model.npz'}."
        )
    if path.exists() and not _is_model(path):
        raise click.UsageError(f"{path} is something else than a {what}; name another file.")


def _is_model(path: Path) -> bool:
    from keyart.errors import InputError
    from keyart_federated.export import ModelFile

    try:
        ModelFile.load(path)
    except InputError:
        return False
    return True
