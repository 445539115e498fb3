"""Output conventions of all commands: results on stdout, everything else on stderr, one sentence per error."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from keyart.errors import KeyartError

from .missing_package import remedy

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

INTERRUPTED = 130  # 128 + SIGINT, as shells say it
PLAIN_WIDTH = 120  # columns of a table that goes into a file or a pipe

Progress = Callable[[int, int], None]

json_option = click.option("--json", "as_json", is_flag=True, help="Write the result as JSON to stdout.")


class Program(click.Group):
    """The group of all commands; turns user errors into one sentence and exit code 1, and Ctrl-C into 130."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        except KeyartError as error:
            raise click.ClickException(_sentence(str(error))) from error
        except ModuleNotFoundError as error:
            if (sentence := remedy(error)) is None:
                raise
            raise click.ClickException(sentence) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output has closed the pipe; click ends quietly
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(_sentence(f"{where}{error.strerror or error}")) from error


def _sentence(message: str) -> str:
    """Fold a message into one line, since scripts read stderr by lines."""
    return " ".join(message.split())


def one_thread_a_process() -> None:
    """Limit BLAS to one thread unless the environment sets another number; call it before numpy is imported.

    The matrices of a round are small: with two threads the same rounds take twice as long as with one.
    """
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def write_json(document: Any) -> None:
    """Write `document` as JSON to stdout; names are not escaped, and NaN is refused."""
    click.echo(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))


def note(text: str) -> None:
    """Write a remark that is not part of the result to stderr."""
    click.echo(text, err=True)


def print_table(*tables: Table | str) -> None:
    """Print tables and lines to stdout, in colour and at the terminal's width if stdout is a terminal."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot encode ε still gets its table
    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if terminal else PLAIN_WIDTH, highlight=False, emoji=False)
    for table in tables:
        console.print(table, soft_wrap=isinstance(table, str), markup=not isinstance(table, str))


def styled(lines: Sequence[str]) -> Text:
    """Return the lines of a live display, with those that are not indented in bold."""
    from rich.text import Text

    shown = Text(no_wrap=False)
    for line in lines:
        shown.append(f"{line}\n", "" if line.startswith(" ") else "bold")
    return shown


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Show a progress bar on stderr while the block runs, on a terminal only.

    Yields:
        A callback that takes the number of steps done and the total number.
    """
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
