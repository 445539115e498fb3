"""The SuperNode of a gateway, for an external SuperLink that admits its key (`flwr supernode register`)."""

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

from .environment import GATEWAY, flower_environment
from .superlink import fresh_folder

log = logging.getLogger("keyart.server.flower")

POLL_SECONDS: Final = 0.5
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 60.0  # delay before a restart


def start(folder: Path, database_url: str, gateway: str, superlink: str, authority: Path, key: Path) -> Process:
    """Start the SuperNode; it ends with this process.

    Args:
        folder: for this node only.
        database_url: address of the server's database.
        gateway: name of the gateway.
        superlink: HOST:PORT of the SuperLink.
        authority: PEM file of the authority that signed the SuperLink's certificate.
        key: file of the node's private key, as made by `ssh-keygen -t ecdsa -b 384`.

    Raises:
        FederatedError: if it cannot be started.
    """
    run_folder = fresh_folder(folder)
    config = run_folder / "node.toml"
    config.write_text(to_toml({GATEWAY: gateway}), encoding="utf-8")
    home = run_folder / "home"
    home.mkdir()
    (port,) = free_ports(1)
    command = programs.supernode(
        port, superlink, write_certificates(run_folder), key.resolve(), config, authority=authority.resolve()
    )
    return Process.start(
        "supernode", command, run_folder, programs.environment(home, flower_environment(database_url))
    )


def supervise(
    stop: threading.Event,
    folder: Path,
    database_url: str,
    gateway: str,
    superlink: str,
    authority: Path,
    key: Path,
    first_pause: float = FIRST_PAUSE_SECONDS,
) -> None:
    """Keep the SuperNode running until `stop` is set, restarting it with increasing delays."""
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
        if time.monotonic() - began > MAX_PAUSE_SECONDS:
            pause = first_pause
        log.warning("The SuperNode has ended and is restarted in %.0f s. End of its log:\n%s", pause, node.tail())
        stop.wait(pause)
        pause = min(2 * pause, MAX_PAUSE_SECONDS)
