"""`keyart serve`: what it prints, its mistakes, copies. The server itself: `tests/server/test_server_process.py`."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from support.server import COMMAND, running


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shipped: Path) -> Path:
    """A working folder with what does not fit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KEYART_DATABASE_URL", raising=False)
    (tmp_path / "text.txt").write_text("hello\n")
    (tmp_path / "random").write_bytes(os.urandom(4096))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "holiday.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "bundle").symlink_to(shipped / "bundle")
    (tmp_path / "torn").mkdir()
    for path in (shipped / "bundle").iterdir():
        (tmp_path / "torn" / path.name).write_bytes(path.read_bytes()[:-1])
    return tmp_path


OIDC = "--oidc-client-id x --oidc-client-secret-file text.txt"
MISTAKES = {
    "": (2, "--data"),
    "--data new --port 99999": (2, "--port"),
    "--data new --port x": (2, "--port"),
    "--data text.txt": (1, "is not a folder"),
    "--data text.txt/new": (1, "is not a folder"),
    "--data new --database-url nonsense": (1, "--database-url"),
    "--data new --database-url mysql://x/y": (1, "--database-url"),
    "--data new --database-url postgresql://u:hunter2@127.0.0.1:1/x": (1, "cannot be used"),
    "--data new --database-url sqlite:///nowhere/x.db": (1, "Cannot use the database"),
    "--data new --database-url sqlite:///random": (1, "cannot be used"),
    "--data new --issuer abc": (1, "64 hexadecimal digits"),
    "--data new --insecure-issuer --issuer " + "ab" * 32: (1, "excludes"),
    "--data new --revocations nowhere --issuer " + "ab" * 32: (1, "does not exist"),
    "--data new --bundle nowhere": (1, ""),
    "--data new --bundle random": (1, ""),
    "--data new --bundle full": (1, ""),
    "--data new --bundle torn": (1, ""),
    "--data new --host 0.0.0.0": (1, "unencrypted"),
    "--data new --host no-such-host.invalid --public": (1, "not an address of this machine"),
    "--data new --host 192.0.2.1 --public": (1, "Cannot listen"),
    "--data new --tls-cert text.txt": (1, "both files"),
    "--data new --tls-cert text.txt --tls-key text.txt": (1, "not a certificate"),
    "--data new --url keyart.example": (1, "--url"),
    "--data new --backup copy.tar": (1, "Cannot use the database"),
    "--data new --restore nowhere": (1, "Cannot read"),
    "--data new --restore random": (1, "not a complete keyart backup"),
    "--data new --restore full": (1, "Cannot read"),
    "--data full --restore random": (1, "is not empty"),
    "--data new --backup a --restore b": (2, "exclude each other"),
    "--data new --no-passwords": (1, "nobody could sign in"),
    "--data new --require-totp boss": (2, "--require-totp"),
    "--data new --oidc-client-id x": (1, "need --oidc-issuer"),
    "--data new --oidc-issuer https://l.example --oidc-client-id x": (1, "--oidc-client-secret-file"),
    f"--data new --oidc-issuer http://l.example {OIDC} --oidc-viewers a": (1, "must be like https://"),
    f"--data new --oidc-issuer https://l.example {OIDC}": (1, "nobody has a role without a group"),
    "--data new --outgoing-proxy proxy": (1, "--outgoing-proxy"),
    "--data new --webhook-network 10.0.0.1/8": (1, "--webhook-network"),
}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_told_and_leaves_nothing(here: Path, keyart_command, words: str) -> None:
    before = tree(here)
    port = [] if "--port" in words else ["--port", "0"]
    own = [] if "issuer" in words else ["--insecure-issuer"]
    done = keyart_command("serve", *port, *own, *words.split())
    code, said = MISTAKES[words]
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    sentence = done.stderr.rpartition("Error: ")[2]
    assert said in sentence and sentence.count("\n") == 1 and len(sentence) > 15
    assert "hunter2" not in done.stderr
    assert tree(here) == before and not (here / "new").exists()


def test_a_port_that_is_taken(here: Path, keyart_command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = keyart_command("serve", "--data", "new", "--insecure-issuer", "--port", str(taken.getsockname()[1]))
    assert done.exit_code == 1 and "Choose another --port" in done.stderr and not (here / "new").exists()


def test_a_server_is_no_issuer_unless_told(here: Path, keyart_command) -> None:
    done = keyart_command("serve", "--data", "new", "--port", "0")
    assert done.exit_code == 1 and "keyart issuer" in done.stderr and "--insecure-issuer" in done.stderr
    assert not (here / "new").exists()


@pytest.mark.slow
def test_what_a_person_sees(here: Path) -> None:
    words = [*COMMAND, "--data", "new", "--port", "0", "--bundle", "bundle", "--insecure-issuer"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
    finally:
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0 and stdout == ""
    assert re.fullmatch(r"keyart \S+ serves http://127\.0\.0\.1:\d+ from new\n", lines[0])
    assert re.fullmatch(r"Published model \d+\.\n", lines[1])
    assert re.fullmatch(r"Public keys to ship in apps: offers [0-9a-f]{64}\n", lines[2])
    assert re.fullmatch(r"  and issuer [0-9a-f]{64}\n", lines[3])
    assert lines[4].startswith("No account exists yet.") and "/join/" in lines[5]
    assert "Server trusted" in stderr
    assert "Move root.pem and targets.pem from new/keys" in stderr and "Traceback" not in stderr


@pytest.mark.slow
def test_back_up_and_restore(here: Path, keyart_command) -> None:
    with running(here / "data") as server:
        answer = server.client.post(
            "/api/v1/campaigns", json={"name": "a", "kind": "training"}, headers=server.bearer
        )
        kept = answer.json()["id"]
        copied = keyart_command("serve", "--data", "data", "--backup", "copy.tar", "--json")
        again = keyart_command("serve", "--data", "data", "--backup", "copy.tar")
    assert copied.exit_code == 0 and json.loads(copied.stdout)["rows"]["campaigns"] == 1
    assert again.exit_code == 1 and "already exists" in again.stderr
    done = keyart_command("serve", "--data", "new", "--restore", "copy.tar")
    assert done.exit_code == 0 and done.stdout.startswith("Restored: copy.tar, from ")
    with running(here / "new") as server:
        listed = server.client.get("/api/v1/campaigns", headers=server.bearer).json()["items"]
        assert [campaign["id"] for campaign in listed] == [kept]
