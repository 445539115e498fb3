"""The `keyart` command.

Each file holds one command and carries its name. Heavy packages are imported inside the commands, so that
`keyart --help` starts quickly.
"""

from __future__ import annotations

import click

from .audit import audit
from .bench import bench
from .budget import budget
from .campaign import campaign
from .catalogues import catalog
from .completion import completion
from .compose import compose
from .console import Program
from .database import database
from .demo import demo
from .doctor import doctor
from .evaluate import evaluate
from .experiment import experiment
from .export import export
from .fleet import fleet
from .gateway import gateway
from .history import history
from .inspect import inspect
from .issuer import issuer
from .keys import keys
from .login import login, logout
from .models import models
from .privacy import privacy
from .publish import publish
from .quantize import quantize
from .release import release
from .serve import serve
from .served_experiments import export as export_experiment
from .served_experiments import list_experiments
from .served_experiments import show as show_experiment
from .simulate import simulate
from .tag import tag
from .top import top
from .train import train
from .verify import verify

__all__ = ["main"]


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="keyart-tools", prog_name="keyart")
def main() -> None:
    """Choose title artwork on the viewer's own device: tools for catalogues, models, simulation and privacy.

    Exit codes: 0 success, 1 failure (one sentence on stderr says why), 2 wrong usage.

    \b
    Example:
      keyart demo
      keyart simulate --world synthetic --rounds 10 --json
    """


COMMANDS = (
    demo, simulate, train, export, quantize, inspect, verify, catalog, tag, compose, models, history, bench, doctor,
    evaluate, experiment, privacy, serve, publish, database, keys, gateway, issuer, completion,
    login, logout, campaign, release, fleet, budget, audit, top,
)  # fmt: skip
for command in (list_experiments, show_experiment, export_experiment):
    experiment.add_command(command)
for command in COMMANDS:
    main.add_command(command)
