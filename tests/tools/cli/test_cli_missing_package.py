"""A command whose extra is not installed: one sentence that names the extra; the rest of the command line works."""

import subprocess
import sys
from pathlib import Path

import pytest

from keyart_tools.cli.missing_package import ENGINE, EXTRAS, remedy

BLOCKED = "import sys\nfor name in {blocked!r}:\n    sys.modules[name] = None\n"
RUN = BLOCKED + "from keyart_tools.cli import main\nmain({arguments!r}, prog_name='keyart')\n"
EVERY = sorted(set().union(*EXTRAS.values()))


def without(blocked: list[str], *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `keyart` in a process in which the packages cannot be imported."""
    program = RUN.format(blocked=blocked, arguments=list(arguments))
    return subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["serve", "--data", "data"], "server"),
        (["gateway", "--database-url", "sqlite:///k.db", "--name", "west", "--issuer", "ab" * 32], "server"),
        (["tag", "film.mp4", "--out", "film"], "tagging"),
    ],
    ids=["serve", "gateway", "tag"],
)
def test_a_command_names_the_extra_that_it_needs(arguments, extra, tmp_path):
    (tmp_path / "film.mp4").touch()
    done = without(EVERY, *arguments, folder=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert f"is not installed; run pip install 'keyart[{extra}]'." in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_help_and_what_needs_no_extra_run_without_any(tmp_path):
    done = without([*EVERY, ENGINE], "--help", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and "  serve " in done.stdout

    simulate = ["simulate", "--world", "synthetic", "--viewers", "20", "--rounds", "1", "--json"]
    done = without([*EVERY, ENGINE], *simulate, folder=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("sqlalchemy.orm", "sqlalchemy is not installed; run pip install 'keyart[server]'."),
        ("cv2", "cv2 is not installed; run pip install 'keyart[tagging]'."),
        (
            "onnxruntime",
            "onnxruntime is not installed; run pip install onnxruntime, where it has a wheel.",
        ),
        ("keyart_tools.typo", None),
        (None, None),
    ],
)
def test_remedies(missing, sentence):
    assert remedy(ModuleNotFoundError("no module", name=missing)) == sentence
