"""The chapters of the runbook about containers, run as they are written, in their order, in real containers.

`make test-containers` runs them: they need podman and namespaces of their own, which a machine may forbid.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from docs_pages import read_pages
from support import bundles as bundle_samples
from support import containers
from support.deployment import DEPLOY, ROOT

PAGE = next(page for page in read_pages() if str(page.path) == "docs/how-to/runbook.md")
ISSUER = "ab" * 32
PASSPHRASE = "correct horse battery staple"
SECONDS = 900


def block(heading: str, language: str = "console", containing: str = "") -> str:
    """The block under a heading that contains a text; indented ones as they are pasted."""
    (found,) = [text for under, text in PAGE.blocks(language) if under == heading and containing in text]
    return found


def inside(script: str, settings: str) -> str:
    """A shell block, run in the server's container as the page says."""
    return f"docker compose exec -T server bash -euo pipefail <<'INSIDE'\n{settings}{script}INSIDE\n"


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `server/deploy` with the secrets that the page makes, a first bundle, and a medium."""
    containers.require()
    containers.prepare()
    folder = tmp_path_factory.mktemp("deploy") / "server" / "deploy"
    shutil.copytree(DEPLOY, folder)
    file = folder / "compose.yaml"
    file.write_text(containers.on_one_line(file.read_text("utf-8")))
    bundle_samples.sample_bundle(folder / "first" / "bundle", 7)
    from keyart_federated.worlds import SyntheticWorld

    SyntheticWorld(viewers=1, titles=4, artworks=3, impressions=1).catalog.save(folder / "first" / "catalog.json")
    (folder / "offline").mkdir()
    shutil.chown(folder / "offline", 10001, 10001)
    return folder


@pytest.mark.soak
def test_the_chapters_about_containers(compose: Path) -> None:
    how_to_call = next(text for _, text in PAGE.blocks("sh"))
    medium = f"-v {compose}/offline:/media/offline"
    first_bundle = block("First bundle").replace("-v /media/offline:/media/offline", medium)
    first_bundle = first_bundle.replace("read -rs KEYART_KEY_PASSPHRASE", f"KEYART_KEY_PASSPHRASE='{PASSPHRASE}'")
    register = block("Add a gateway")
    once = next(line for line in first_bundle.splitlines() if line.startswith("once="))
    rotate = block("Rotate keys", "sh", "keys rotate").replace('"$KEYART_DATA"', "/var/lib/keyart")
    script = "\n".join([
        "say() { echo \"=== $*\"; }",
        "say secrets", f"({block('Secrets', 'sh')})",
        "cp secrets/fleet.pem secrets/tls.pem; cp secrets/fleet.key secrets/tls.key",
        f"({block('Secrets')})",
        "say refused", "(podman-compose -f compose.yaml config 2>&1 || true) | tail -n 1",
        "say images", block("Images"),
        "say start", block("First start").replace("HEX", ISSUER).replace("keyart.example", "proxy"),
        "say ready", inside(block("First start", "sh"), how_to_call),
        "say registered",
        *(re.sub(r"(?s)ssh-keygen.*?north\n", "", register).replace("north", name) for name in ("west", "east")),
        "say bundle", first_bundle,
        "until docker compose exec -T server true 2> /dev/null; do sleep 1; done",
        "until docker compose exec -T server python -c "
        "\"import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz')\" 2> /dev/null; do sleep 1; done",
        "say keys", "docker compose exec -T server ls /var/lib/keyart/keys", "ls offline",
        "say backup", inside(block("Restore", "sh", "--backup"), how_to_call),
        "say audit", inside(block("Restore", "sh", "audit/check"), how_to_call),
        "say gateways", inside(block("Add a gateway", "sh"), how_to_call),
        "say lost", "docker compose stop -t 5 west",
        "docker compose exec -T server python -c "
        "\"import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/readyz').status)\"",
        "docker compose start west",
        "say rotate", "docker compose stop -t 20 server", once, f"$once server {rotate}",
        "say limits", "podman inspect --format '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} "
        "{{.HostConfig.ReadonlyRootfs}} {{.Config.User}}' keyart_west_1",
        "say end",
    ])  # fmt: skip
    said = containers.run(script, compose, SECONDS)

    parts = dict(part.split("\n", 1) for part in said.split("=== ")[1:])
    assert "its digest; the chapter Images" in parts["refused"]
    assert re.search(r"PYTHON_IMAGE=\S+python@sha256:[0-9a-f]{64}", parts["images"])
    assert '"join"' in parts["start"]
    assert '"status":"ok"' in parts["ready"].replace(" ", "")
    assert "Published version 7" in parts["bundle"]
    assert "targets.pem" not in parts["keys"].partition("root-2.pem")[0] and "targets.pem" in parts["keys"]
    assert "Backed up" in parts["backup"] and "Restored" in parts["backup"]
    assert "rows" in parts["audit"]
    assert "keyart_gateways" in parts["gateways"]
    assert "200" in parts["lost"]
    assert "Signed root 2" in parts["rotate"]
    assert re.search(r"1073741824 \d+ true 10001:10001", parts["limits"])  # podman-compose passes no pids_limit on


def test_every_block_about_containers_is_run_above() -> None:
    """A `console` block with `docker` that the test above does not name would be text that nobody has tried."""
    source = (ROOT / "tests" / "docs" / Path(__file__).name).read_text("utf-8")
    for heading, script in PAGE.blocks("console"):
        if "docker" in script:
            assert f'block("{heading}"' in source or f"block('{heading}'" in source, heading
