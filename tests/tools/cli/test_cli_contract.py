"""What every command keeps to, walked over all of them: a new command is held to it by being there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from keyart_tools.cli import main

PROMISED = {
    "audit", "bench", "budget", "campaign", "catalog", "compose", "demo", "doctor", "evaluate", "experiment",
    "export", "fleet", "history", "inspect", "issuer", "login", "logout", "privacy", "quantize", "release", "serve",
    "simulate", "tag", "top", "train", "verify",
}  # fmt: skip
MAY_IMPORT = {"click", "keyart", "keyart_tools"}  # of what is not Python's own


def walk(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))


COMMANDS = dict(walk(main))
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}
every = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
every_leaf = pytest.mark.parametrize("path", LEAVES, ids=" ".join)


def root_context() -> click.Context:
    return click.Context(main, info_name="keyart", **main.context_settings)


def examples(command: click.Command) -> list[list[str]]:
    """The words of each line of the help's example."""
    _, _, lines = (command.help or "").partition("Example:\n")
    found = [shlex.split(line, comments=True) for line in lines.partition("\n\n")[0].splitlines()]
    return [words[: words.index(">")] if ">" in words else words for words in found if words]


@every
def test_help_shows_an_example_of_this_command(path: tuple[str, ...]) -> None:
    shown = examples(COMMANDS[path])

    assert ("keyart", *path) in [tuple(words[: len(path) + 1]) for words in shown]
    assert {words[0] for words in shown} == {"keyart"}


@every
def test_examples_are_commands_that_click_takes(path: tuple[str, ...]) -> None:
    for words in examples(COMMANDS[path]):
        command, context, rest = main, root_context(), words[1:]
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            name, command, rest = command.resolve_command(context, rest)
            try:
                context = command.make_context(name, list(rest), parent=context)
            except click.BadParameter as error:
                assert "does not exist" in error.message  # the file of an example


@every_leaf
def test_json_everywhere(path: tuple[str, ...]) -> None:
    (option,) = [entry for entry in LEAVES[path].params if "--json" in entry.opts]

    assert isinstance(option, click.Option) and option.is_flag and option.name == "as_json"


@every
def test_every_argument_and_option_is_explained(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help or isinstance(parameter.type, click.Choice) or parameter.name == "rounds", parameter
        else:
            name = (parameter.metavar or parameter.name or "").strip("[]").split()[0]
            assert re.search(rf"\b{name}\b", command.help or "", re.IGNORECASE), f"{name} is not explained"


def test_promised_commands_are_there() -> None:
    assert set(main.commands) >= PROMISED


def test_one_line_a_command(keyart_command) -> None:
    shown = keyart_command("--help").stdout
    lines = shown.partition("Commands:\n")[2].rstrip().splitlines()

    assert [line.split()[0] for line in lines] == sorted(main.commands)
    assert all(len(line.split()) > 3 and not line.endswith("...") and len(line) <= 80 for line in lines)


def test_help_imports_click_and_nothing_else() -> None:
    """It has to be quick: numpy alone takes ten times as long as Python's own start."""
    program = (
        "import sys, contextlib\n"
        "before = set(sys.modules)\n"
        "from keyart_tools.cli import main\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main(['--help'], prog_name='keyart')\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)\n"
        "print('NEW', *sorted(new), 'importlib.metadata' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    said, *names, metadata = done.stdout.splitlines()[-1].split()

    assert said == "NEW" and set(names) == MAY_IMPORT
    assert metadata == "False"


@every
def test_help_runs_and_has_every_option(path: tuple[str, ...]) -> None:
    """The docs page is built from the same commands (`tests/docs/test_docs_build.py`)."""
    done = CliRunner().invoke(main, [*path, "--help"], prog_name="keyart", terminal_width=98)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: keyart {' '.join(path)} ")
    for option in COMMANDS[path].params:
        for name in option.opts if isinstance(option, click.Option) else ():
            assert re.search(rf"^  .*{name}\b", done.stdout, re.MULTILINE), name
