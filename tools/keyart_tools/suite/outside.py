"""A peer in another Python: the one of `.venv-bench`, which holds packages that keyart itself does not need."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np

import keyart
from keyart.errors import FederatedError
from keyart.features import EncodedCatalog, FeatureSpec
from keyart_federated import World

PATIENCE_SECONDS = 10.0  # for the process to end when nothing more is asked


class Outside:
    """A `keyart_federated.peers.Peer` whose choices come from a process; see `started`."""

    def __init__(self, name: str, process: subprocess.Popen[str], said: IO[str]) -> None:
        self._name, self._process, self._said = name, process, said

    def choose(self, i: int, title: int, context: keyart.Context) -> int:
        """Raises FederatedError where the process has ended."""
        self._tell(f"choose {i} {title} device={context.device.replace(' ', '_')} daypart={context.daypart}")
        assert self._process.stdout is not None  # noqa: S101 – a pipe, by `started`
        answer = self._process.stdout.readline()
        if not answer.strip().isdigit():
            raise self._ended()
        return int(answer)

    def learn(self, title: int, picture: int, reward: float) -> None:
        self._tell(f"learn {reward:g}")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 – a pipe, by `started`
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None

    def close(self) -> None:
        """Nothing more is asked: waits for the process to end by itself, and ends it where it does not."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=PATIENCE_SECONDS)
        self._process.kill()
        self._process.wait()

    def _ended(self) -> FederatedError:
        self.close()  # so that it has said what it has to say
        self._said.seek(0)
        last = (self._said.read().strip().splitlines() or ["it said nothing"])[-1]
        return FederatedError(f"{self._name} ended early ({last}); `make bench` installs what the peers need.")


@contextlib.contextmanager
def started(name: str, python: Path, script: Path, world: World, seed: int) -> Iterator[Outside]:
    """Runs `script` with what a learner may know of `world`, until the block is left. Raises FederatedError."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    with tempfile.TemporaryDirectory(prefix="keyart-") as folder, tempfile.TemporaryFile("w+") as said:
        setup = Path(folder) / "setup.json"
        setup.write_text(json.dumps(setup_of(world, seed)), encoding="utf-8")
        try:
            process = subprocess.Popen(  # noqa: S603
                [str(python.absolute()), str(script), str(setup)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=inherited,
                text=True,
            )
        except OSError as error:
            raise FederatedError(f"{name} cannot be started: {error}. `make bench` installs it.") from None
        with contextlib.closing(Outside(name, process, said)) as peer:
            yield peer


def setup_of(world: World, seed: int) -> dict[str, Any]:
    """Each viewer's share of watch time by tag, of the kinds that keyart's own viewers have; each picture's tags."""
    spec = FeatureSpec.from_catalog(world.catalog)
    encoded = EncodedCatalog.build(world.catalog, spec)
    viewers = []
    for i in range(world.devices):
        watched = np.zeros(spec.viewer_size)
        for view in world.history(i):
            if view.title_id in world.catalog:
                watched += view.seconds * encoded.title_shares[world.catalog.index(view.title_id)]
        total = watched.sum()
        shares = watched / total if total > 0 else watched
        viewers.append({f"h{n}": round(float(share), 4) for n, share in enumerate(shares) if share > 0})
    names = [f"z{n}" for n in range(spec.artwork_size)]
    pictures = [
        {name: round(float(weight), 4) for name, weight in zip(names, row, strict=True) if weight > 0}
        for row in encoded.artwork
    ]
    first = encoded.first.tolist()
    return {
        "viewers": viewers,
        "titles": [pictures[start:end] for start, end in pairwise(first)],
        "seed": seed,
    }
