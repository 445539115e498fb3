"""The tutorial is true: all of its shell runs, in one shell and in its order, up to the model on thirty devices."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from docs_pages import ROOT, read_pages

LONGEST_SECONDS = 600
END_WITH_IT = "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n"


@pytest.mark.service
@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("jq") is None, reason="no curl, or no jq, here")
def test_the_first_fleet(tmp_path: Path) -> None:
    (page,) = [page for page in read_pages() if page.path.parent.name == "tutorial"]
    programs = tmp_path / "bin"
    programs.mkdir()
    keyart = "-c \"from keyart_tools.cli import main; main(prog_name='keyart')\""
    for name, arguments in (
        ("python", ""),
        ("keyart", keyart),
    ):  # scripts: a link to a venv's Python is outside of it
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        (programs / name).chmod(0o755)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {
        **os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "OPENBLAS_NUM_THREADS": "1",
        "no_proxy": "127.0.0.1",
    }  # fmt: skip
    script = END_WITH_IT + "".join(content for _, content in page.blocks("sh"))
    with (tmp_path / "said").open("w") as said:
        done = subprocess.run(
            ["timeout", str(LONGEST_SECONDS), "bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path, env=environment, stdout=said, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    shown = (tmp_path / "said").read_text()
    assert done.returncode == 0, shown + (tmp_path / "server.log").read_text()
    assert '"event": "installed"' in shown
    assert "keyart_epsilon_spent" in shown and "keyart_epsilon_budget" in shown
