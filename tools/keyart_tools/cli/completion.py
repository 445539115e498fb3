"""`keyart completion`: the TAB key in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .console import json_option, write_json

VARIABLE = "_KEYART_COMPLETE"  # click looks for it by this name


@click.command(short_help="Completion of commands and options, for a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
@click.pass_context
def completion(ctx: click.Context, shell: str, as_json: bool) -> None:
    """Write the script that lets SHELL complete `keyart`: its commands, options, choices and files.

    Bash needs version 4.4 or newer.

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
