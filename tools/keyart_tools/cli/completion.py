"""`keyart completion`: a completion script for bash, zsh or fish."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .console import json_option, write_json

VARIABLE = "_KEYART_COMPLETE"  # the name that click expects


@click.command(short_help="Write a shell completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
@click.pass_context
def completion(ctx: click.Context, shell: str, as_json: bool) -> None:
    """Write a script that completes commands, options, choices and file names of `keyart` in SHELL.

    Bash must be version 4.4 or newer.

    \b
    Example:
      keyart completion bash > ~/.local/share/bash-completion/completions/keyart
      keyart completion zsh > ~/.zfunc/_keyart    # with fpath+=~/.zfunc before compinit in ~/.zshrc
      keyart completion fish > ~/.config/fish/completions/keyart.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click brings the three
    script = kind(ctx.find_root().command, {}, "keyart", VARIABLE).source()
    if as_json:
        write_json({"shell": shell, "variable": VARIABLE, "script": script})
    else:
        click.echo(script)
