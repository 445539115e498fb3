"""The `keyart` command. A file a command; what is heavy is imported inside it, so that `keyart --help` is quick."""

from __future__ import annotations

import click

from .bench import bench
from .console import Program
from .demo import demo
from .inspect import inspect
from .privacy import privacy
from .simulate import simulate
from .verify import verify

__all__ = ["main"]


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="keyart", prog_name="keyart")
def main() -> None:
    """Pick a title's artwork on the viewer's own device: demonstrate, simulate, verify, inspect, bench, privacy.

    Exit codes: 0 done, 1 it could not be done (one sentence on stderr says why), 2 wrong usage.

    \b
    Example:
      keyart demo
      keyart simulate --world synthetic --rounds 10 --json
    """


for command in (demo, simulate, verify, inspect, bench, privacy):
    main.add_command(command)
