"""The runbook is true: its shell runs against a real server, and what it says one sees is what there is to see."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import bundles as bundle_samples
from support.runbook import ROOT, block, blocks
from support.server import Running, running

PAGE = (ROOT / "docs" / "how-to" / "runbook.md").read_text("utf-8")
HOW_TO_CALL, MADE_ELSEWHERE = blocks()[0][1], ("Secrets",)  # run by tests/server/test_deploy_files.py
# `console`: what needs containers, root, or another machine. Everything that is marked `sh` runs here.
EXAMPLE_ID = "0f3c9a51d2b84e67"  # of a campaign
NEEDS_MORE = ("docker ", "systemctl", "chown", "keyart.example")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With two releases and a campaign that is running."""
    folder = tmp_path_factory.mktemp("runbook")
    for version in (7, 8):
        bundle_samples.sample_bundle(folder / f"b{version}", version)
    with running(folder / "keyart-data", "--no-rounds", "--bundle", folder / "b7"):
        pass
    with running(folder / "keyart-data", "--no-rounds", "--bundle", folder / "b8") as made:
        new = {"name": "Spring", "kind": "training"}
        answer = made.client.post("/api/v1/campaigns", json=new, headers=made.bearer)
        assert answer.status_code == 201, answer.text
        started = made.client.post(f"/api/v1/campaigns/{answer.json()['id']}/start", headers=made.bearer)
        assert started.status_code == 200, started.text
        yield made


def shell(server: Running, script: str, **more: str) -> str:
    """What it prints; it must succeed. more: further variables, and what stands for a thing of the reader's own."""
    program = "from keyart_tools.cli import main; main(prog_name='keyart')"
    for name, words in (("keyart", f'-c "{program}" "$@"'), ("python", '"$@"')):
        path = server.data.parent / name
        path.write_text(f"#!/bin/sh\nexec {sys.executable} {words}\n")
        path.chmod(0o755)
    address = str(server.client.base_url).rstrip("/")
    setting = HOW_TO_CALL.replace("http://127.0.0.1:8080", address)
    for old in (EXAMPLE_ID, "/media/offline"):
        script = script.replace(old, more.pop(old, old))
    # Neither curl nor jq: containers have none.
    for tool in ("curl", "jq"):
        (server.data.parent / tool).write_text("#!/bin/sh\nexit 127\n")
        (server.data.parent / tool).chmod(0o755)
    env = {**os.environ, "PATH": f"{server.data.parent}:{os.environ['PATH']}", "no_proxy": "127.0.0.1", **more}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", setting + script],
        cwd=server.data.parent, env=env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


RUN = [(heading, script) for heading, script in blocks()[1:] if heading not in MADE_ELSEWHERE]
NAMES = [f"{heading}-{number}" for number, (heading, _) in enumerate(RUN)]
EXPECTED = {
    "First start": '"status":"ok"', "Upgrade": "", "Add a gateway": "keyart_gateways", "Database away": "1.0\n",
    "Over budget": "keyart_epsilon_spent 0.0", "Bad bundle": "9 ", "Stuck round": "running",
    "Exposed key": "campaign.start", "Restore": "", "Rotate keys": "", "Signatures about to expire": "",
    "Process down": '"status":"ok"', "Server errors": "keyart_requests_total", "Failed sign-ins": 'method="token"',
}  # fmt: skip


@pytest.fixture(scope="module")
def stopped(server: Running) -> Path:
    """The folder of a server that is stopped, with its offline keys on a medium."""
    data, medium = server.data.parent / "stopped", server.data.parent / "medium"
    with running(data, "--no-rounds", "--bundle", server.data.parent / "b7"):
        pass
    medium.mkdir()
    for path in (*(data / "keys").glob("root*.pem"), *(data / "keys").glob("targets*.pem")):
        path.rename(medium / path.name)
    return data


@pytest.mark.service
@pytest.mark.parametrize(("heading", "script"), RUN, ids=NAMES)
def test_every_block_runs(server: Running, stopped: Path, heading: str, script: str) -> None:
    if "--offline" in script:  # the page says: with the server stopped
        more = {"KEYART_DATA": str(stopped), "/media/offline": str(stopped.parent / "medium")}
        assert "Signed root" in shell(server, script.replace("$KEYART_DATA", str(stopped)), **more)
        assert not list((stopped / "keys").glob("targets*.pem"))
        return
    (campaign,) = server.client.get("/api/v1/campaigns", headers=server.bearer).json()["items"]
    said = shell(server, script, **{EXAMPLE_ID: campaign["id"]})
    assert EXPECTED[heading] in re.sub(r'"(:|,) ', r'"\1', said)


def test_what_does_not_run_here_is_not_marked_as_if_it_did() -> None:
    for heading, script in blocks():
        assert not any(word in script for word in NEEDS_MORE), heading
    for script in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        assert any(word in script for word in NEEDS_MORE), script
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.slow
def test_keys_are_rotated_as_the_page_says(server: Running, tmp_path: Path) -> None:
    scope: dict[str, object] = {}
    exec(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], scope)
    copy, medium = tmp_path / "keyart-data", tmp_path / "medium"
    with running(copy, "--no-rounds", "--bundle", server.data.parent / "b7"):
        pass
    medium.mkdir()
    for path in (*(copy / "keys").glob("root*.pem"), *(copy / "keys").glob("targets*.pem")):
        path.rename(medium / path.name)
    assert scope["rotate"](copy, medium, "targets") == 2  # type: ignore[operator]
    assert (medium / "targets.pem").exists() and not (copy / "keys" / "targets.pem").exists()


@pytest.mark.slow
def test_what_one_sees_is_there_to_be_seen(server: Running) -> None:
    """Words of the dashboard, lines of logs, metrics and audit rows that the page names."""
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "server" / "keyart_server").rglob("*.py"))
    metrics = server.client.get("/metrics").text
    for name in set(re.findall(r"\bkeyart_[a-z_]+", PAGE)) - {"keyart_server"}:
        assert name in metrics, name
    named = re.findall(r"\*[Yy]ou see\* (.*?)\*It means\*", PAGE, re.DOTALL)
    assert len(named) >= 8
    for sees in named:
        for word in re.findall(r"\*\*([^*]+)\*\*", sees):
            assert f'"{word}"' in code, word
    page = re.sub(r"\s+", " ", PAGE)
    for line in (
        "retrying a round", "the database did not answer", "The SuperNode has ended and is restarted",
        "The database does not answer; retrying", "the signed timestamp could not be refreshed", "budget.change",
        "run renew with the offline keys", "would bring the fleet to ε", "keys.rotated", "state.restore",
        "The database belongs to another version of keyart",
    ):  # fmt: skip
        assert line in page and line in code, line


def test_every_chapter_says_what_is_seen_and_how_it_worked() -> None:
    for chapter in (
        "Process down", "Engine stopped", "Server errors", "Failed sign-ins", "Devices drop out", "Gateway lost",
        "SuperLink lost", "Database away", "Stuck round", "Bad bundle",
    ):  # fmt: skip
        text = PAGE.partition(f"\n## {chapter}\n")[2].partition("\n## ")[0]
        assert "*You see*" in text and "*It means*" in text and "It worked when" in text, chapter
    assert block("Secrets").startswith("umask 077")
