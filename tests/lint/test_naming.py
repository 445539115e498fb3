"""The naming check finds each kind of offence, and passes a package that has none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("naming.py")
GOOD = {
    "keyart/__init__.py": '"""The device."""\n',
    "keyart/routes.py": 'MAX_SECONDS = 3\n\nclass Round:\n    def read(self):\n        """Return it."""\n',
    "keyart/inner/__init__.py": "",
    "keyart/inner/routes.py": "def most(LEAST_x):\n    return LEAST_x\n",
    "keyart_server/__init__.py": "class Round:\n    pass\n",  # of another distribution
}
BAD = {
    "a fragment": (
        "keyart/a.py",
        '"""Of the clip, the most that is allowed."""\n',
        "keyart: 3 docstrings",
        "a.py:1 Of the",
    ),
    "a fragment of a function": (
        "keyart/a.py",
        'def f():\n    """Whether it is."""\n',
        "begin with a fragment: 1",
        "a.py:1",
    ),
    "a class": ("keyart/a.py", "\nclass Round: ...\n", "class names used more than once: 1", "Round: "),
    "an inner class": (
        "keyart/a.py",
        "class B:\n    class Round: ...\n",
        "class names used more than once: 1",
        "a.py:2",
    ),
    "a class of a sibling": ("keyart_tools/a.py", "class Round: ...\n", "keyart-tools: class names", "keyart_server"),
    "a file": ("keyart/inner/a.py", "", "file names used more than once: 1", "a.py: "),
    "a bound": ("keyart/a.py", "MOST_ROUNDS = 3\n", "bounds not called MAX_ or MIN_: 1", "a.py:1 MOST_ROUNDS"),
    "a private bound": (
        "keyart/a.py",
        "class B:\n    _LEAST: int = 1\n    _LEAST_X: int = 1\n",
        "MAX_ or MIN_: 1",
        "a.py:3",
    ),
    "loose modules": ("keyart/a.py", "", "loose modules at the top: 11 (at most 10 allowed)", "a.py"),
}


def check(folder: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    packages = sorted({name.split("/")[0] for name in files})
    return subprocess.run(
        [sys.executable, SCRIPT, *packages], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_package_without_offences(tmp_path: Path) -> None:
    done = check(tmp_path, GOOD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", BAD)
def test_an_offence_is_found(tmp_path: Path, name: str) -> None:
    path, text, title, place = BAD[name]
    others = {
        "a file": {"keyart/a.py": ""},
        "loose modules": {f"keyart/m{i}.py": "" for i in range(10)},
    }
    done = check(tmp_path, {**GOOD, **others.get(name, {}), path: text})
    assert done.returncode == 1 and title in done.stdout and place in done.stdout, done.stdout + done.stderr
