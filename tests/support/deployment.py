"""The files of `server/deploy`, and nginx with the shipped configuration."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from keyart_federated.flower.fleet import free_ports

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "server" / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
NGINX = (DEPLOY / "nginx.conf").read_text("utf-8")


def secrets_in(folder: Path) -> Path:
    """As the runbook makes them, and a certificate for the proxy."""
    from support.runbook import block

    script = block("Secrets") + "\ncp fleet.pem tls.pem && cp fleet.key tls.key\n"
    subprocess.run(["bash", "-euc", script], cwd=folder, check=True, capture_output=True)
    return folder / "secrets"


@contextmanager
def proxy(tmp_path: Path, secrets: Path, places: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """nginx with our file, on free ports of this machine; places: where its neighbours are, by name."""
    ports = dict(zip(("8080", "8443", "9092"), free_ports(3), strict=True))
    text = NGINX.replace("/tmp/", f"{tmp_path}/").replace("/dev/stderr", f"{tmp_path}/error.log")
    text = re.sub(r"(listen )(\d+)", lambda found: f"{found[1]}127.0.0.1:{ports[found[2]]}", text)
    for name, port in places.items():
        text = re.sub(rf"\b{name}:\d+", f"127.0.0.1:{port}", text)
    for secret, file in COMPOSE["secrets"].items():
        text = text.replace(f"/run/secrets/{secret};", f"{secrets / Path(file['file']).name};")
    (tmp_path / "nginx.conf").write_text(f"daemon off;\n{text}")
    words = ["nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)]
    tried = subprocess.run([*words, "-t"], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        try:
            for port in ports.values():
                for _ in range(200):
                    try:
                        socket.create_connection(("127.0.0.1", port), 1).close()
                        break
                    except ConnectionRefusedError:
                        time.sleep(0.05)
            yield ports
        finally:
            process.terminate()
