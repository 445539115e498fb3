"""On what models are judged: the options of `quantize` and `inspect` that name a world or a log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .world_loading import load_world

if TYPE_CHECKING:
    from keyart_tools.model_evaluation import EvaluationSet

Command = TypeVar("Command", bound=Callable[..., Any])
COUNT = click.IntRange(min=1)
PATH = click.Path(path_type=Path)
OPTIONS = (
    click.option("--world", metavar="WORLD", help="Judge on synthetic, movielens, openbandit, or module:factory."),
    click.option("--viewers", type=COUNT, help="Of the world."),
    click.option("--titles", type=COUNT, help="Of the world."),
    click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the world and of draws."
    ),
    click.option("--log", type=PATH, help="Judge on the decisions of a log, by SNIPS."),
    click.option("--catalog", type=PATH, help="The titles of the log."),
    click.option("--slates", type=COUNT, default=10_000, show_default=True, help="How many to judge on."),
)


def evaluation_options(command: Command) -> Command:
    """--world with --viewers, --titles and --seed, or --log with --catalog; --slates for both."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def read_evaluation_set(
    world: str | None,
    viewers: int | None,
    titles: int | None,
    seed: int,
    log: Path | None,
    catalog: Path | None,
    slates: int,
) -> EvaluationSet | None:
    """None where neither a world nor a log is named. Raises UsageError, KeyartError."""
    if world is not None and log is not None:
        raise click.UsageError("Judge on --world or on --log, not on both.")
    if (log is None) != (catalog is None):
        raise click.UsageError("--log goes with --catalog, the titles that it is about.")
    if world is None and (viewers is not None or titles is not None):
        raise click.UsageError("--viewers and --titles are the world's; name one with --world.")
    if world is None and log is None:
        return None
    from keyart import Catalog
    from keyart.errors import HistoryError
    from keyart_tools.logs import Log
    from keyart_tools.model_evaluation import EvaluationSet

    if world is not None:
        settings = {"viewers": viewers, "titles": titles, "seed": None if ":" in world else seed}
        return EvaluationSet.of_world(load_world(world, {k: v for k, v in settings.items() if v is not None}), slates)
    assert log is not None and catalog is not None  # noqa: S101 – said above
    known = Catalog.load(catalog)
    found = EvaluationSet.of_log(Log.read(log).within(known), known, slates)
    if not found.each:
        raise HistoryError(f"{log} has no decision about a title of {catalog}; nothing can be judged.")
    return found
