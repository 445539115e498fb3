"""`load` finds worlds by name, and says what is wrong with a name, a setting or a factory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from keyart.errors import SettingError, WorldError
from keyart_federated.worlds import SyntheticWorld, load


def test_synthetic_by_name_with_settings() -> None:
    world = load("synthetic", viewers=3, titles=2, impressions=4, seed=9)
    assert isinstance(world, SyntheticWorld)
    assert world.devices == 3


def test_anybody_s_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own_world.py").write_text(
        "from keyart_federated.worlds import SyntheticWorld\n"
        "def make(n=2):\n    return SyntheticWorld(viewers=n, titles=2, impressions=2)\n"
        "def wrong():\n    return 7\n"
        "thing = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert load("my_own_world:make", n=4).devices == 4
    with pytest.raises(WorldError, match="int, which is not a World"):
        load("my_own_world:wrong")
    with pytest.raises(WorldError, match="no callable 'thing'"):
        load("my_own_world:thing")
    with pytest.raises(WorldError, match=r"cannot be made with \['colour'\]"):
        load("my_own_world:make", colour="red")


@pytest.mark.parametrize("spec", ["", "mars", ":f", "m:", "no_such_module_here:make"])
def test_an_unknown_name(spec: str) -> None:
    with pytest.raises(WorldError, match=r"use 'synthetic'|cannot import"):
        load(spec)


def test_a_setting_s_own_error_comes_through() -> None:
    with pytest.raises(SettingError, match="viewers is 0"):
        load("synthetic", viewers=0)


def test_listing_worlds_loads_none() -> None:
    code = (
        "import sys, keyart_federated.worlds as w; print(w.__all__); "
        "print([m for m in sys.modules if m.startswith('keyart_federated.worlds.') or m == 'numpy'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines() == [
        "['MovieLensWorld', 'OpenBanditLog', 'OpenBanditWorld', 'SyntheticWorld', 'load']",
        "[]",
    ]
