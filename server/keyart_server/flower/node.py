"""The SuperNode of a gateway, for a SuperLink that runs elsewhere and lets its key in (`flwr supernode register`)."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Final

from keyart_federated.flower import programs
from keyart_federated.flower.app import to_toml
from keyart_federated.flower.fleet import free_ports
from keyart_federated.flower.process import Process
from keyart_federated.flower.tls_keys import write_certificates

from .environment import GATEWAY, told
from .link import fresh

log = logging.getLogger("keyart.server.flower")

POLL_SECONDS: Final = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds until one that has ended is started again


def start(folder: Path, database_url: str, gateway: str, superlink: str, authority: Path, key: Path) -> Process:
    """Starts it; it ends with this process, however that ends.

    folder: for this alone. gateway: the name of its cohort. superlink: HOST:PORT, of which `authority` (a PEM file)
    vouches. key: its private key, a file as `ssh-keygen -t ecdsa -b 384` makes it. Raises FederatedError.
    """
    own = fresh(folder)
    config = own / "node.toml"
    config.write_text(to_toml({GATEWAY: gateway}), encoding="utf-8")
    home = own / "home"
    home.mkdir()
    (port,) = free_ports(1)
    command = programs.supernode(
        port, superlink, write_certificates(own), key.resolve(), config, authority=authority.resolve()
    )
    return Process.start("supernode", command, own, programs.environment(home, told(database_url)))


def supervise(
    stop: threading.Event,
    folder: Path,
    database_url: str,
    gateway: str,
    superlink: str,
    authority: Path,
    key: Path,
    first_pause: float = FIRST_PAUSE,
) -> None:
    """Keeps it running until `stop` is set, and ends it then. One that ends is started again, later each time."""
    pause = first_pause
    while not stop.is_set():
        node, began = start(folder, database_url, gateway, superlink, authority, key), time.monotonic()
        try:
            while node.running and not stop.wait(POLL_SECONDS):
                pass
        finally:
            node.end()
        if stop.is_set():
            return
        if time.monotonic() - began > LONGEST_PAUSE:
            pause = first_pause
        log.warning("The SuperNode has ended and is started again in %.0f s. Its log ends:\n%s", pause, node.tail())
        stop.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
