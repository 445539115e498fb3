"""The keeper: whatever a program does, it and its children end with their owner."""

import subprocess
import sys
import time

import pytest

from keyart.errors import FederatedError
from keyart_federated.flower import Fleet, programs
from keyart_federated.flower import supervisor as keeper
from keyart_federated.flower.process import Process

# A child in a session of its own that ignores SIGTERM, below a parent that does the same.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = "from signal import *; import time; signal(SIGTERM, SIG_IGN); print('child', flush=1); time.sleep(99)"
subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
time.sleep(float(sys.argv[1]))
"""


def keep(tmp_path, *command, grace=0.5):
    with (tmp_path / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-I", keeper.__file__, str(grace), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def wait_for(tmp_path, word):
    deadline = time.monotonic() + 10
    while word not in (tmp_path / "log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["closed", "terminated"])
def test_all_ends_when_the_owner_lets_go(tmp_path, below, wait_until_gone, how):
    with keep(tmp_path, sys.executable, "-c", STUBBORN, "99") as process:
        wait_for(tmp_path, "child")
        tree = below([process.pid])
        assert len(tree) == 3
        if how == "closed":
            process.stdin.close()
        else:
            process.terminate()
        process.wait(10)
        wait_until_gone(tree, 0)


def test_children_end_when_the_program_does(tmp_path, below, wait_until_gone):
    with keep(tmp_path, sys.executable, "-c", STUBBORN, "1.5") as process:
        wait_for(tmp_path, "child")
        tree = below([process.pid])
        assert len(tree) == 3
        assert process.wait(10) == 0
        wait_until_gone(tree, 0)


@pytest.mark.parametrize(("code", "expected"), [("pass", 0), ("raise SystemExit(3)", 3)])
def test_the_exit_code_is_the_programs(tmp_path, code, expected):
    with keep(tmp_path, sys.executable, "-c", code) as process:
        assert process.wait(10) == expected


def test_a_program_that_cannot_start_says_so(tmp_path):
    with keep(tmp_path, str(tmp_path / "nothing")) as process:
        assert process.wait(10) == keeper.NOT_STARTED
    assert "Cannot start" in (tmp_path / "log").read_text()


def test_a_process_keeps_its_log_and_ends_once_only(tmp_path):
    code = "print('\\x1b[92mINFO\\x1b[0m up', flush=True); import time; time.sleep(99)"
    process = Process.start("sleeper", [sys.executable, "-c", code], tmp_path, {})
    deadline = time.monotonic() + 10
    while process.tail() != "INFO up":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert process.running
    process.end()
    process.end()
    assert not process.running
    assert process.log == tmp_path / "sleeper.log"


def test_descendants_are_found_through_all_generations():
    table = {1: 0, 2: 1, 3: 2, 4: 2, 5: 1, 6: 7}
    assert keeper.descendants(2, table) == {3, 4}
    assert keeper.descendants(1, table) == {2, 3, 4, 5}
    assert keeper.descendants(9, table) == set()


def test_missing_programs_name_the_extra_and_leave_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(programs.sys, "executable", str(tmp_path / "bin" / "python"))
    with pytest.raises(FederatedError, match=r"keyart\[tools\]"):
        Fleet.start(tmp_path / "fleet")
    assert not (tmp_path / "fleet").exists()
