"""A baseline in another Python: that of `.venv-bench`, which holds packages that keyart does not need."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import numpy as np

import keyart
from keyart.errors import FederatedError
from keyart.model import EncodedCatalog, FeatureSpec
from keyart_federated import World
from keyart_federated.baselines import Played

EXIT_TIMEOUT_SECONDS = 10.0  # for the process to end when nothing more is asked


@dataclass(frozen=True)
class ExternalScript:
    """A script that runs a baseline.

    Attributes:
        package: package that the baseline needs.
        module: module of this folder that is run as a script; it imports the package then.
        arguments: arguments after the setup file.
    """

    package: str
    module: ModuleType
    arguments: Sequence[str] = ()


def missing_reason(script: ExternalScript, python: Path | None) -> str | None:
    """Return why the baseline cannot run on this machine; None if it can."""
    if python is None:
        return "there is no .venv-bench here; `make bench` makes one."
    has = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    try:
        command = [str(python.absolute()), "-c", has, script.package]
        if subprocess.run(command, env=_environment(), capture_output=True, check=False).returncode == 0:  # noqa: S603
            return None
    except OSError as error:
        return f".venv-bench cannot be used ({error.strerror}); remove it, and `make bench` makes a new one."
    return f".venv-bench has no {script.package}; `make bench` installs it."


class ExternalLearner:
    """A learner in another process, called once per step: one impression of every device. See `start_learner`."""

    def __init__(self, name: str, process: subprocess.Popen[str], said: IO[str]) -> None:
        self._name, self._process, self._said = name, process, said

    def choose(self, step: Sequence[tuple[int, int, keyart.Context]]) -> list[int]:
        """Return indices of artworks within their titles.

        Args:
            step: devices, indices of titles in the catalogue, and contexts.

        Raises:
            FederatedError: the process has ended or gave an invalid answer.
        """
        self._tell([[i, t, _word("device", at.device), _word("daypart", at.daypart)] for i, t, at in step])
        assert self._process.stdout is not None  # noqa: S101 – a pipe, by `started`
        try:
            pictures = list(map(int, json.loads(self._process.stdout.readline())))
        except (ValueError, TypeError):
            raise self._failed() from None
        if len(pictures) != len(step):
            raise self._failed()
        return pictures

    def learn(self, rewards: Sequence[float]) -> None:
        """Send the rewards of the artworks chosen last, in the same order."""
        self._tell(rewards)

    def _tell(self, document: Any) -> None:
        assert self._process.stdin is not None  # noqa: S101 – a pipe, by `started`
        try:
            self._process.stdin.write(json.dumps(document) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._failed() from None

    def close(self) -> None:
        """Wait for the process to end by itself, and kill it if it does not."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=EXIT_TIMEOUT_SECONDS)
        self._process.kill()
        self._process.wait()

    def _failed(self) -> FederatedError:
        self.close()  # so that it has said what it has to say
        self._said.seek(0)
        last = (self._said.read().strip().splitlines() or ["it said nothing"])[-1]
        return FederatedError(f"{self._name} failed ({last}); `make bench` installs what the baselines need.")


@contextlib.contextmanager
def start_learner(
    name: str, script: ExternalScript, python: Path, world: World, seed: int
) -> Iterator[ExternalLearner]:
    """Run `script` with a setup file of what a learner may know of `world`, until the block ends.

    Raises:
        FederatedError: the process cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="keyart-") as folder, tempfile.TemporaryFile("w+") as stderr:
        setup = Path(folder) / "setup.json"
        setup.write_text(json.dumps(learner_setup(world, seed)), encoding="utf-8")
        try:
            process = subprocess.Popen(  # noqa: S603
                [str(python.absolute()), str(script.module.__file__), str(setup), *script.arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=_environment(),
                text=True,
            )
        except OSError as error:
            raise FederatedError(f"{name} cannot be started: {error}. `make bench` installs it.") from None
        with contextlib.closing(ExternalLearner(name, process, stderr)) as learner:
            yield learner


def play_by_steps(world: World, learner: ExternalLearner, impressions: int) -> Played:
    """Play like `baselines.play`, but choose the k-th impression of all devices before learning from any.

    One message per step replaces two per impression, and MABWiser fits and predicts in batches.
    """
    catalog, reward = world.catalog, keyart.Reward()
    shape = (world.devices, impressions)
    shown = np.zeros(shape, dtype=np.int32)
    played, quality = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    first = EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog)).first
    for k in range(impressions):
        step = []
        for i in range(world.devices):
            title_id, context = world.impression(i, k)
            step.append((i, catalog.index(title_id), context))
        for (i, t, _), picture in zip(step, learner.choose(step), strict=True):
            title = catalog.titles[t]
            outcome = world.outcome(i, k, title.artworks[picture].id)
            shown[i, k] = first[t] + picture
            played[i, k], quality[i, k] = outcome.kind == "played", reward.of(outcome, title.duration)
        learner.learn(quality[:, k].tolist())
    return Played(shown, played, quality)


def learner_setup(world: World, seed: int) -> dict[str, Any]:
    """Return each viewer's share of watch time by tag, each artwork's tags, and the words of common situations."""
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
        "situations": [_word("device", x) for x in spec.devices] + [_word("daypart", x) for x in spec.dayparts],
        "seed": seed,
    }


def _environment() -> dict[str, str]:
    """Return the environment without the variables of this Python."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def _word(kind: str, value: str) -> str:
    return f"{kind}={value.replace(' ', '_')}"
