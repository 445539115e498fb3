"""One tiny simulated bundle and its catalogue for all tests of the command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from keyart_federated import simulate
from keyart_federated.worlds import SyntheticWorld
from keyart_tools.cli import main


class Keyart:
    """Runs the command in this process; stdout and stderr apart."""

    def __call__(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="keyart")


@pytest.fixture(scope="session")
def keyart_command() -> Keyart:
    return Keyart()


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bundle/ and catalog.json."""
    folder = tmp_path_factory.mktemp("shipped")
    world = SyntheticWorld(viewers=12, titles=5, artworks=4, impressions=4)
    simulate(world, 2, 2, out=folder / "bundle")
    world.catalog.save(folder / "catalog.json")
    return folder


@pytest.fixture
def own_worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of worlds in the folder where the command runs."""
    (tmp_path / "my_worlds.py").write_text(
        "from keyart_federated.worlds import SyntheticWorld\n"
        "def small(viewers=8, seed=0):\n"
        "    return SyntheticWorld(viewers=viewers, titles=4, artworks=3, impressions=20, seed=seed)\n"
        "def no_world(): return 7\n"
        "def broken(): raise KeyError('taste')\n"
        "class Broken(SyntheticWorld):\n"
        "    def outcome(self, i, k, artwork_id):\n"
        "        return self.nothing\n"
        "def late(): return Broken(viewers=4, titles=3, artworks=3, impressions=20)\n"
        "value = 3\n",
        encoding="utf-8",
    )
    (tmp_path / "not_python.py").write_text("def (", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_worlds", raising=False)
    return tmp_path
