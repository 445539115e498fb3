"""The README's way to the first finished round, as written and timed. Only the browser's clicks are requests here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from docs_pages import ROOT, read_pages

from keyart_federated.flower.fleet import free_ports

LONGEST_SECONDS = 900.0  # on a machine that is busy with other tests


def steps() -> list[str]:
    (page,) = [page for page in read_pages() if page.path.name == "README.md" and page.path.parent == Path()]
    (script,) = [script for heading, script in page.blocks("console") if heading == "Your first round"]
    return script.splitlines()


def answered(url: str) -> bool | None:
    """Return whether the server answers with 200, or None while it does not."""
    try:
        return httpx.get(url, trust_env=False).is_success or None
    except httpx.HTTPError:
        return None


def until(found, deadline: float):
    """Return what `found` returns once it is something."""
    while (value := found()) is None:
        assert time.monotonic() < deadline, "the first round did not end"
        time.sleep(0.5)
    return value


@pytest.mark.service
def test_from_the_readme_to_a_finished_round(tmp_path: Path) -> None:
    install, demo, serve, visit = steps()
    assert install.startswith("pip install"), "the tests run in an environment that has it"
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    words = {"keyart": f'{sys.executable} -c "from keyart_tools.cli import main; main()"', "python": sys.executable}
    environment = {**os.environ, "HOME": str(tmp_path), "no_proxy": "127.0.0.1"}
    (free_port,) = free_ports(1)
    url, begun = f"http://127.0.0.1:{free_port}", time.monotonic()
    deadline = begun + LONGEST_SECONDS

    def command(line: str, more: str = "") -> list[str]:
        name, _, rest = line.partition(" ")
        return ["bash", "-c", f"exec {words[name]} {rest} {more}"]

    common = {"cwd": tmp_path, "env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command(demo), check=True, **common)
    processes = []
    seconds = {"demo": time.monotonic() - begun}
    try:
        processes.append(subprocess.Popen(command(serve, f"--port {free_port}"), **common))
        token = tmp_path / "keyart-data" / "admin.token"
        until(lambda: answered(f"{url}/readyz"), deadline)
        seconds["server"] = time.monotonic() - begun
        said = tmp_path / "devices.jsonl"
        with said.open("w") as lines:
            processes.append(subprocess.Popen(command(visit, f"--url {url}"), **{**common, "stdout": lines}))
        until(lambda: said.read_text().count('"enrolled"') == 30 or None, deadline)
        seconds["devices"] = time.monotonic() - begun
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
            new = {"name": "Spring", "kind": "training", "preset": "test fleet"}
            path = f"/api/v1/campaigns/{client.post('/api/v1/campaigns', json=new).json()['id']}"
            assert client.post(f"{path}/start").status_code == 200
            until(lambda: client.get(path).json()["rounds_done"] or None, deadline)
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(60)
    seconds["round"] = time.monotonic() - begun
    print(json.dumps({name: round(value, 1) for name, value in seconds.items()}))  # with `pytest -s`
