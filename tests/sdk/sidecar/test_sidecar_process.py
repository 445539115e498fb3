"""The sidecar as a process: standard input, the socket, kills, and what a library prints."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import catalogs

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Unix sockets and signals")
AT = "2026-03-02T20:15:00+01:00"
CONTEXT = {"device": "tv", "at": AT}
LIMIT = 30.0  # seconds until a process counts as stuck


@pytest.fixture
def here(tmp_path: Path) -> Path:
    catalogs.sample_catalog().save(tmp_path / "catalog.json")
    return tmp_path


@contextmanager
def sidecar(here: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable, "-m", "keyart.sidecar", "--catalog", str(here / "catalog.json"),
        "--file", str(here / "profiles.db"), "--key-folder", str(here / "keys"), *options,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait(LIMIT)
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


@contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    end = time.monotonic() + LIMIT
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(LIMIT)
        while True:
            try:
                link.connect(str(path))
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.02)
        yield link


def request(method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n"


def over(link: socket.socket, method: str, **params: Any) -> Any:
    link.sendall(request(method, **params))
    data = b""
    while not data.endswith(b"\n"):
        part = link.recv(65536)
        assert part, "the sidecar hung up"
        data += part
    return json.loads(data)["result"]


def talk(process: subprocess.Popen[bytes], method: str, **params: Any) -> Any:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(request(method, **params))
    process.stdin.flush()
    return json.loads(process.stdout.readline())["result"]


def test_what_was_answered_survives_a_kill(here: Path) -> None:
    with sidecar(here) as process:
        talk(process, "open")
        talk(process, "consent.grant", purpose="personalization")
        assert talk(process, "record", views=[{"title_id": "t2", "at": AT, "seconds": 60}]) == 1
        decision = talk(process, "choose", title_id="t1", context=CONTEXT)
        assert talk(process, "observe", decision_id=decision["id"], outcome={"kind": "skipped"})
        process.send_signal(signal.SIGKILL)
        process.wait(LIMIT)
    with sidecar(here) as process:
        assert talk(process, "open")["profiled"] is True
        held = talk(process, "export")
        assert len(held["views"]) == 1 and len(held["outcomes"]) == 1
        assert process.stdin is not None
        process.stdin.close()  # the app has gone
        assert process.wait(LIMIT) == 0


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT, None])
def test_an_end_writes_what_is_pending(here: Path, ended_by: signal.Signals | None) -> None:
    with sidecar(here) as process:
        talk(process, "open")
        talk(process, "consent.grant", purpose="personalization")
        talk(process, "choose", title_id="t1", context=CONTEXT)
        if ended_by is None:
            talk(process, "shutdown")
        else:
            process.send_signal(ended_by)
        assert process.wait(LIMIT) == 0
    with sidecar(here) as process:
        talk(process, "open")
        assert len(talk(process, "export")["decisions"]) == 1


def test_a_socket_of_its_owner_alone(here: Path) -> None:
    path = here / "s"
    with sidecar(here, "--socket", str(path)) as process:
        with connected(path) as link, connected(path) as other:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE((here / "keys").stat().st_mode) == 0o700
            over(link, "open")
            assert over(other, "profiles") == ["default"]  # connections share the profiles
            other.sendall(b'{"jsonrpc": "2.0", "id": 1, "meth')
            other.close()  # in the middle of a line
            assert over(link, "choose", title_id="t1", context=CONTEXT)["artwork_id"]
            with sidecar(here, "--socket", str(path)) as second:
                _, said = second.communicate(timeout=LIMIT)
                assert second.returncode == 1 and b"answers at" in said and b"Traceback" not in said
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(LIMIT) == 0
        assert not path.exists()


def test_a_socket_that_a_kill_left_behind_is_taken_over(here: Path) -> None:
    path = here / "s"
    with sidecar(here, "--socket", str(path)) as process, connected(path):
        process.kill()
        process.wait(LIMIT)
    assert path.exists()
    with sidecar(here, "--socket", str(path)), connected(path) as link:
        assert over(link, "profiles") == []


def test_a_line_without_an_end_is_refused(here: Path) -> None:
    path = here / "s"
    with sidecar(here, "--socket", str(path)), connected(path) as link:
        link.sendall(b"x" * (1 << 20) + b"xyz")
        answer = json.loads(link.recv(65536))
        assert answer["error"]["code"] == -32600 and link.recv(10) == b""  # and the connection has ended
        with connected(path) as other:
            assert over(other, "profiles") == []


def test_a_library_that_prints_does_not_break_the_protocol(here: Path) -> None:
    text = """
import os, sys
from keyart.sidecar import connections
taken = connections.private_stdout
def loud():
    answers = taken()
    os.write(1, b"567 lines of a native library")
    print("and one of Python", flush=True)
    return answers
connections.private_stdout = loud
from keyart.sidecar.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", text, "--catalog", str(here / "catalog.json"), "--file", "x", "--memory"]
    line = request("profiles")
    done = subprocess.run(command, input=line, capture_output=True, timeout=LIMIT, cwd=here, check=True)
    assert json.loads(done.stdout)["result"] == [] and b"567 lines" in done.stderr and b"and one" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--catalog", "none.json"], b"none.json"),
        (["--socket", "catalog.json"], b"is no socket"),
        (["--socket", "no/such/folder/s"], b"cannot be made"),
    ],
)
def test_a_start_that_fails_is_one_sentence(here: Path, options: list[str], words: bytes) -> None:
    base = ["--catalog", "catalog.json", "--file", "p.db", "--memory"]
    command = [sys.executable, "-m", "keyart.sidecar", *base, *options]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, cwd=here, check=False)
    assert done.returncode == 1 and words in done.stderr and done.stderr.count(b"\n") == 1


def test_a_key_folder_that_others_may_enter(here: Path) -> None:
    (here / "keys").mkdir(mode=0o755)
    with sidecar(here) as process:
        _, said = process.communicate(timeout=LIMIT)
        assert process.returncode == 1 and b"chmod 700" in said


def test_the_commands_of_the_reference_run(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs/reference/sidecar.md"
    script = page.read_text(encoding="utf-8").partition("```sh\n")[2].partition("```")[0]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-euc", script], capture_output=True, timeout=LIMIT, cwd=tmp_path, env={**os.environ, "PATH": path},
        check=True,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [1, 2, 3] and "artwork_id" in answers[2]["result"]
