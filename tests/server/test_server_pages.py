"""The shell of the pages about the server and campaigns runs against a real server, and so do the backups."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs_pages import Page, read_pages
from support import bundles as bundle_samples
from support.catalogs import sample_catalog
from support.server import Running, running

PAGES = {str(page.path): page for page in read_pages()}
SERVER, CAMPAIGNS = PAGES["docs/reference/server.md"], PAGES["docs/how-to/campaigns.md"]
ISSUER = PAGES["docs/how-to/issuer.md"]
# Run by other tests: a demo and a server (tests/docs/test_tutorial.py), a gateway (test_runbook_containers.py there).
ELSEWHERE = ("keyart demo", "keyart gateway", "--bundle build/demo")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("pages")
    program = "from keyart_tools.cli import main; main(prog_name='keyart')"
    (folder / "keyart").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{program}" "$@"\n')
    (folder / "keyart").chmod(0o755)
    bundle = bundle_samples.sample_bundle(folder / "bundle", 7)
    (folder / "build/demo").mkdir(parents=True)
    sample_catalog().save(folder / "build/demo/catalog.json")
    with running(folder / "keyart-data", "--no-rounds", "--bundle", bundle) as made:
        yield made


def shell(folder: Path, script: str) -> str:
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def blocks(page: Page) -> list[str]:
    return [script for _, script in page.blocks("sh") if not any(word in script for word in ELSEWHERE)]


@pytest.mark.service
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
@pytest.mark.parametrize("page", [SERVER, CAMPAIGNS], ids=lambda page: page.path.name)
def test_a_campaign_is_made_as_the_page_says(server: Running, page: Page) -> None:
    made = [script for script in blocks(page) if "curl" in script]
    address = str(server.client.base_url).rstrip("/")
    answers = [shell(server.data.parent, script.replace("http://127.0.0.1:8080", address)) for script in made]
    assert any('"digest"' in answer for answer in answers) is (page is SERVER)  # its upload of a catalogue
    said, *others = (answer for answer in answers if '"digest"' not in answer)
    assert all('"findings"' in other for other in others)  # what is checked before a campaign is started
    assert '"state":"draft"' in said and '"name":"Spring"' in said


@pytest.mark.service
@pytest.mark.slow
def test_backups_as_the_page_says(server: Running, postgres_url: str) -> None:
    (script,) = [script for script in blocks(SERVER) if "--backup" in script]
    beside, folder, database = script.strip().splitlines()
    database = database.replace("new-data", "other-data").replace("postgresql:///keyart", postgres_url)
    said = shell(server.data.parent, "\n".join([beside, folder, database]))
    assert said.count("Restored") == 2 and "Backed up" in said


def test_every_block_is_run_here_or_elsewhere() -> None:
    for page in (SERVER, CAMPAIGNS):
        for script in blocks(page):
            assert "curl" in script or "--backup" in script, script


@pytest.mark.service
@pytest.mark.slow
def test_the_issuer_makes_vouchers_and_revokes(tmp_path: Path, server: Running) -> None:
    """The lines of the issuer's page that need no certificate and no other machine."""
    lines = [line for _, script in ISSUER.blocks("console") for line in script.splitlines()]
    vouchers = next(line for line in lines if "--vouchers" in line)
    revoke = next(line for line in lines if "--revoke" in line).replace("HEX", "ab" * 32)
    folder = server.data.parent
    assert len(shell(folder, vouchers).split()) >= 10
    shell(folder, revoke)
    assert (folder / "issuer-data" / "revoked.kar").is_file()


@pytest.mark.service
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_account_service_asks_for_vouchers_as_the_page_says(tmp_path: Path, server: Running) -> None:
    """The issuer listens without TLS here, on a free port; the request is the page's."""
    (asked,) = [script for _, script in ISSUER.blocks("console") if "curl" in script]
    request, _, _ = asked.partition("keyart issuer")
    keyart = server.data.parent / "keyart"
    command = [keyart, "issuer", "--data", "issuer-data", "--port", "0", "--json"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as issuer:
        try:
            assert issuer.stdout is not None
            address = json.loads(issuer.stdout.readline())["address"]
            answer = shell(tmp_path, request.replace("https://issuer.example", address))
        finally:
            issuer.terminate()
    assert len(json.loads(answer)["vouchers"]) == 10
