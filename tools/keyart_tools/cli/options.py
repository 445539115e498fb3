"""Types and options that several commands share, and a command whose help lists its options under headings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

COUNT = click.IntRange(min=1)
PATH = click.Path(path_type=Path)
FOLDER = click.Path(path_type=Path, file_okay=False)
POSITIVE = click.FloatRange(min=0, min_open=True)
BELOW_ONE = click.FloatRange(0.0, 1.0, min_open=True, max_open=True)


def seed_option(effect: str) -> Callable[[Command], Command]:
    """Return the option --seed; `effect` says what it determines."""
    seed = click.IntRange(min=0)
    return click.option("--seed", type=seed, default=0, show_default=True, help=f"Random seed {effect}.")


def combined(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return a decorator that adds several options, in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


force_option = click.option(
    "--force", is_flag=True, help="Go on although the int8 weights miss a bar; the manifest states the figures."
)


def require_bars(missed: Sequence[str], force: bool, consequence: str) -> None:
    """Require that no bar is missed, or that the person has chosen to go on; then only report it.

    Args:
        missed: a phrase for each bar that is missed.
        force: whether to go on.
        consequence: sentence about what was not written.

    Raises:
        ClickException: a bar is missed and `force` is False.
    """
    if not missed:
        return
    what = f"The int8 weights miss {'a bar' if len(missed) == 1 else 'two bars'}: {'; '.join(missed)}."
    if force:
        click.echo(f"{what} Going on because of --force.", err=True)
        return
    raise click.ClickException(
        f"{what} {consequence} Let `keyart quantize` measure them on a log or a world, train again, or give --force "
        "to go on."
    )


def listening_options(port: int) -> Callable[[Command], Command]:
    """Return the options of the address at which a process listens, with this default port."""
    return combined(
        click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
        click.option(
            "--port", type=click.IntRange(0, 65535), default=port, show_default=True,
            help="TCP port; 0 takes any free port.",
        ),
        click.option("--tls-cert", type=PATH, help="TLS certificate chain, PEM; --tls-key is required with it."),
        click.option("--tls-key", type=PATH, help="Private key of the certificate, PEM."),
        click.option(
            "--public", is_flag=True,
            help="Allow --host to be reachable from other machines without TLS: a proxy in front terminates TLS.",
        ),
    )  # fmt: skip


class SectionedCommand(click.Command):
    """A command whose help lists its options under headings.

    Attributes:
        sections: names of parameters by heading; those that it does not name follow under "Other options".
    """

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        """Create the command with these sections; all other arguments go to click."""
        super().__init__(*args, **kwargs)
        self.sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, one section after the other."""
        records = {str(parameter.name): parameter.get_help_record(ctx) for parameter in self.get_params(ctx)}
        named = {name for names in self.sections.values() for name in names}
        sections = {**self.sections, "Other options": [name for name in records if name not in named]}
        for heading, names in sections.items():
            rows = [record for name in names if (record := records[name]) is not None]
            with formatter.section(heading):
                formatter.write_dl(rows)
