"""How a round's processes wait, and what they are told."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from keyart.errors import SettingError
from keyart_federated.flower import polling_supernode
from keyart_server.flower import environment
from keyart_server.flower.database_retries import Clock


def test_one_looks_often_at_first_and_seldom_later() -> None:
    slept: list[float] = []
    clock = Clock(sleep=slept.append)
    for waited in (0.0, 10.0, 3600.0):
        clock.pause(waited)
    assert 0.1 < slept[0] < 0.3 < slept[1] < 0.6 < 1.4 < slept[2] < 2.6


def test_a_supernode_asks_often_while_rounds_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], []
    monkeypatch.setattr(polling_supernode.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(polling_supernode.time, "sleep", slept.append)
    pace = polling_supernode.Pace()
    for seconds, later in ((3, 0), (0.5, 0), (3, polling_supernode.BUSY_SECONDS - 1), (3, 2)):
        now[0] += later
        pace.sleep(seconds)
    assert slept == [3, polling_supernode.QUICK_SECONDS, polling_supernode.QUICK_SECONDS, 3]


def test_flower_still_waits_as_it_did_when_this_was_written() -> None:
    source = inspect.getsource(polling_supernode.node)
    assert "time.sleep(3)" in source and "time.sleep(0.5)" in source


def test_what_programs_are_told_is_what_they_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keys = [b"a" * 32, b"b" * 32]
    told = environment.flower_environment("sqlite:///state.db", keys)
    assert told[environment.DATABASE_URL] == f"sqlite:///{tmp_path}/state.db"
    secret = environment.flower_environment("postgresql://robin:secret@127.0.0.1/keyart")
    assert ":secret@" in secret[environment.DATABASE_URL]
    monkeypatch.setenv(environment.ISSUERS, told[environment.ISSUERS])
    assert environment.issuer_keys() == keys
    monkeypatch.setenv(environment.ISSUERS, "no hex")
    with pytest.raises(SettingError, match="hexadecimal"):
        environment.issuer_keys()
    monkeypatch.setenv(environment.ISSUERS, "")
    with pytest.raises(SettingError, match="no device certificate"):
        environment.issuer_keys()


def test_a_server_that_runs_rounds_imports_no_flower() -> None:
    """It takes 120 MB and a second; Flower's own programs import it."""
    code = "import sys, keyart_server.flower.superlink, keyart_server.flower.supernode; print('flwr' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
