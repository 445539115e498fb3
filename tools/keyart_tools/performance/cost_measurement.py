"""Measures the costs that sizing computes with: a round, polls of idle devices, and two versions of a bundle."""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from keyart.secagg import DIGESTS_BYTES, HEADER_BYTES, KEY_BYTES, KEYS_BYTES, SEALED_BYTES, SHARE_BYTES
from keyart_federated.export import write_bundle
from keyart_server.signing.repository import Repository
from keyart_server.state import ServerState
from keyart_tools.sizing import MeasuredCosts

from . import sample_profile
from .gateway_load import measure_polls
from .gateway_process import run_gateway, sqlite_database
from .round_load import measure_round_load

POLL_SECONDS = 10.0


def measure_costs(members: int, minutes: float, sqlite: bool, tell: Callable[[int, int], None]) -> MeasuredCosts:
    """Measure all costs on this machine.

    Args:
        members: members of the measured round.
        minutes: time after which the round is given up.
        sqlite: use SQLite for the round; by default Postgres.
        tell: called with the number of answered requests and the total number.

    Raises:
        KeyartError: a measurement failed.
    """
    load = measure_round_load(members, 500.0, 0, 60 * minutes, tell, sqlite=sqlite)
    k = load.neighbours
    sent = 4 * HEADER_BYTES + KEYS_BYTES + 2 * KEY_BYTES + k * (SEALED_BYTES + DIGESTS_BYTES)
    sent += k * SHARE_BYTES + 4 * load.size + k // 8 + 1 + 2 * k * SHARE_BYTES
    with tempfile.TemporaryDirectory(prefix="keyart-bench-") as folder:
        poll_ms = _poll_ms(Path(folder))
        bundle, changed, metadata = bundle_bytes(Path(folder))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {load.database}"
    return MeasuredCosts(
        machine=f"{machine}; other programs, Postgres among them, took {load.busy:.0%} of it",
        members=members,
        entries=load.size,
        neighbours=k,
        gateway_ms=round(load.gateway_ms, 3),
        masked_ms=round(load.masked.cpu_ms, 3),
        server_ms=round(load.server_ms, 3),
        server_bytes=round(load.server_mib * 2**20 / members),
        rows=round(sum(load.rows.values()) / members, 2),
        stored_bytes=round(load.stored_bytes / members),
        sent_bytes=sent,
        poll_ms=round(poll_ms, 3),
        bundle_bytes=bundle,
        changed_bytes=changed,
        metadata_bytes=metadata,
    )


def _poll_ms(folder: Path) -> float:
    with (
        sqlite_database(folder) as url,
        closing(ServerState.open(url)) as state,
        run_gateway(url, "main") as process,
    ):
        return asyncio.run(measure_polls(state, process, POLL_SECONDS)).cpu_ms


def bundle_bytes(folder: Path) -> tuple[int, int, int]:
    """Return the bytes of a bundle, of its files that a new version changes, and of the metadata of an update.

    The model is that of `keyart bench`: a household's catalogue and about 10,000 parameters. Its second version has
    other weights, as after a round of training.
    """
    titles = sample_profile.catalog()
    model = sample_profile.model(titles)
    step, versions = np.random.default_rng(0).normal(0, 0.05, len(model.theta)), []
    for number, candidate in ((1, model), (2, replace(model, theta=model.theta + step, version=2))):
        training = {"round": number, "devices": 1000}
        versions.append(write_bundle(folder / str(number), candidate, titles, data="Made up.", training=training))
    repository = Repository.create(folder / "tuf", folder / "keys")
    for version in versions:
        repository.publish(version, run=None)
    files = {path.name: path.read_bytes() for path in versions[1].iterdir()}
    changed = sum(len(data) for name, data in files.items() if data != (versions[0] / name).read_bytes())
    newest = [path for path in (folder / "tuf" / "metadata").glob("*.json") if "root" not in path.name]
    metadata = sum(
        max(path.stat().st_size for path in newest if role in path.name)
        for role in ("targets", "snapshot", "timestamp")
    )
    return sum(map(len, files.values())), changed, metadata
