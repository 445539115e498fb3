"""The options of `quantize` and `inspect` that name a world or a log to evaluate models on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .log_reading import read_whole
from .options import COUNT, PATH, combined, seed_option
from .world_loading import load_world

if TYPE_CHECKING:
    from keyart_tools.model_evaluation import EvaluationSet

evaluation_options = combined(
    click.option(
        "--world", metavar="WORLD", help="Evaluate on a world: synthetic, movielens, openbandit, or module:factory."
    ),
    click.option("--viewers", type=COUNT, help="Number of devices of the world."),
    click.option("--titles", type=COUNT, help="Number of titles of the world."),
    seed_option("of the world and of all draws"),
    click.option("--log", type=PATH, help="Evaluate on the decisions of a log, by SNIPS."),
    click.option("--catalog", type=PATH, help="Catalogue of the log's titles."),
    click.option("--slates", type=COUNT, default=10_000, show_default=True, help="Number of slates to evaluate on."),
)


def read_evaluation_set(
    world: str | None,
    viewers: int | None,
    titles: int | None,
    seed: int,
    log: Path | None,
    catalog: Path | None,
    slates: int,
) -> EvaluationSet | None:
    """Return the evaluation set that the options name; None if they name neither a world nor a log.

    Raises:
        UsageError: the options contradict each other.
        KeyartError: the world, the log or the catalogue cannot be read.
    """
    if world is not None and log is not None:
        raise click.UsageError("Give either --world or --log, not both.")
    if (log is None) != (catalog is None):
        raise click.UsageError("--log requires --catalog, the catalogue of its titles.")
    if world is None and (viewers is not None or titles is not None):
        raise click.UsageError("--viewers and --titles require --world.")
    if world is None and log is None:
        return None
    from keyart import Catalog
    from keyart.errors import HistoryError
    from keyart_tools.model_evaluation import EvaluationSet

    if world is not None:
        settings = {"viewers": viewers, "titles": titles, "seed": None if ":" in world else seed}
        return EvaluationSet.of_world(load_world(world, {k: v for k, v in settings.items() if v is not None}), slates)
    assert log is not None and catalog is not None  # noqa: S101 – checked above
    titles_catalog = Catalog.load(catalog)
    evaluation_set = EvaluationSet.of_log(read_whole(log).within(titles_catalog), titles_catalog, slates)
    if not evaluation_set.each:
        raise HistoryError(f"{log} has no decision about a title of {catalog}; there is nothing to evaluate.")
    return evaluation_set
