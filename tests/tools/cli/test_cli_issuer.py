"""`keyart issuer`: vouchers and revocations at rest, and a process that listens."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import httpx
import pytest
from support.server import COMMAND

from keyart.client import REVOKED_PATH
from keyart.secagg import RevocationList


def test_vouchers_are_printed_once_a_line(tmp_path: Path, keyart_command) -> None:
    folder = str(tmp_path / "issuer")
    done = keyart_command("issuer", "--data", folder, "--vouchers", "3")
    assert done.exit_code == 0 and len(set(done.stdout.split())) == 3
    made = json.loads(keyart_command("issuer", "--data", folder, "--vouchers", "2", "--json").stdout)
    assert len(made["vouchers"]) == 2 and made["revoked"] is None
    database = b"".join(path.read_bytes() for path in (tmp_path / "issuer").glob("issuer.db*"))
    assert not any(voucher.encode() in database for voucher in (*done.stdout.split(), *made["vouchers"]))


def test_what_is_no_key_is_not_revoked(tmp_path: Path, keyart_command) -> None:
    for wrong in ("ab", "x" * 64):
        done = keyart_command("issuer", "--data", str(tmp_path / "issuer"), "--revoke", wrong)
        assert done.exit_code == 1 and "64 hexadecimal digits" in done.stderr


@pytest.mark.slow
def test_a_running_issuer_serves_what_another_process_revokes(tmp_path: Path, keyart_command) -> None:
    folder = tmp_path / "issuer"
    words = [*COMMAND[:-1], "issuer", "--data", str(folder), "--port", "0", "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())
        key = bytes.fromhex(started["issuer_key"])
        with httpx.Client(base_url=started["address"], trust_env=False) as client:
            before = RevocationList.read(client.get(REVOKED_PATH).content, [key], 0)
            done = keyart_command("issuer", "--data", str(folder), "--revoke", "ab" * 32)
            assert done.exit_code == 0, done.output
            after = RevocationList.read(client.get(REVOKED_PATH).content, [key], 0)
            assert after.version > before.version and after.revokes(bytes.fromhex("ab" * 32))
            assert client.get("/readyz").json()["status"] == "ok"
            assert client.get("/").status_code == 404
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert {path.name for path in folder.iterdir()} >= {"issuer.pem", "issuer.token", "issuer.db", "revoked.kar"}
    assert (folder / "issuer.pem").stat().st_mode & 0o777 == 0o600 == (folder / "issuer.token").stat().st_mode & 0o777
