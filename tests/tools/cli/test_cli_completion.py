"""`keyart completion`: what real shells make of the script."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keyart_tools.cli import main

KEYART = Path(sys.executable).parent / "keyart"


def bash(script: str, folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of `words`: `kind,value` of each."""
    program = (
        f"{script}\n"
        f"COMP_WORDS=(keyart {' '.join(words)})\nCOMP_CWORD={len(words)}\n"
        f"_keyart_completion {KEYART}\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True, cwd=folder)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None or not KEYART.exists(), reason="needs bash and an installed keyart")
def test_bash_completes(keyart_command, tmp_path: Path) -> None:
    done = keyart_command("completion", "bash")
    assert done.exit_code == 0 and done.stderr == ""

    assert bash(done.stdout, tmp_path, "insp") == ["inspect"]
    assert set(bash(done.stdout, tmp_path, "''")) == set(main.commands)
    assert bash(done.stdout, tmp_path, "verify", "bundle", "--engine", "num") == ["numpy"]
    assert bash(done.stdout, tmp_path, "privacy", "pl") == ["plan"]
    assert bash(done.stdout, tmp_path, "campaign", "create", "--kind", "tr") == ["training"]
    assert {"list", "show", "export"} <= set(bash(done.stdout, tmp_path, "experiment", "''"))
    assert {"--profile", "--bundle", "--json"} <= set(bash(done.stdout, tmp_path, "doctor", "--"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_of_all_shells(shell: str, keyart_command) -> None:
    script = keyart_command("completion", shell).stdout
    document = json.loads(keyart_command("completion", shell, "--json").stdout)

    assert f"_KEYART_COMPLETE={shell}_complete" in script
    assert document == {"shell": shell, "variable": "_KEYART_COMPLETE", "script": script.removesuffix("\n")}
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_another_shell(keyart_command) -> None:
    done = keyart_command("completion", "tcsh")

    assert done.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in done.stderr
