"""How every command talks: results on stdout, everything else on stderr, one sentence for what went wrong."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from keyart.errors import KeyartError

if TYPE_CHECKING:
    from rich.table import Table

INTERRUPTED = 130  # 128 + SIGINT, as shells say it
PLAIN_WIDTH = 120  # columns of a table that goes into a file or a pipe

Progress = Callable[[int, int], None]

json_option = click.option("--json", "as_json", is_flag=True, help="Write the result as JSON to stdout.")


class Program(click.Group):
    """The group of all commands: a mistake of the user ends in a sentence and exit code 1, Ctrl-C in 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        except KeyartError as error:
            raise click.ClickException(_sentence(str(error))) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read our output has gone; click ends quietly
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(_sentence(f"{where}{error.strerror or error}")) from error


def _sentence(message: str) -> str:
    """On one line, since scripts read stderr by lines."""
    return " ".join(message.split())


def one_thread_a_process() -> None:
    """Tells BLAS so, unless the environment says otherwise; call it before numpy is imported.

    The matrices of a round are small: with two threads the same rounds took twice as long as with one.
    """
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def write_json(document: Any) -> None:
    """`document` on stdout, names as they are, no NaN."""
    click.echo(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))


def note(text: str) -> None:
    """Something to know that is no result, on stderr."""
    click.echo(text, err=True)


def print_table(*tables: Table | str) -> None:
    """Tables and lines on stdout: in colour and to the terminal's width where there is one."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no ε still gets its table
    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if terminal else PLAIN_WIDTH, highlight=False, emoji=False)
    for table in tables:
        console.print(table, soft_wrap=isinstance(table, str), markup=not isinstance(table, str))


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """A bar on stderr while the block runs, on a terminal only; yields what to call with (done, of)."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=False) as bars:
        task = bars.add_task(label, total=None)
        yield lambda done, of: bars.update(task, completed=done, total=of)
