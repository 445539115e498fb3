"""A published repository and a device behind it, with a transport that an attacker holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from keyart.bundle import Manifest, Slots, verify
from keyart.bundle.update import Canary, install_update
from keyart_server.signing.repository import Repository
from support import bundles as samples


def days_ago(days: float) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) - timedelta(days=days)


NOW = days_ago(0)


def canary(folder: Path, manifest: Manifest) -> Callable[..., list[object]]:
    """The ranker of an installed bundle, in numpy: its weights are found by their bytes."""
    data = (folder / "ranker.bin").read_bytes()
    seed = next(seed for seed in range(20) if samples.weights_bytes(samples.weights(seed)) == data)
    return samples.run_of(samples.weights(seed))


@dataclass
class Device:
    """One device. fetch reads the repository's files, or has other `answers`; `asked` lists the paths.

    Both name a target as its publisher does, without the digest that is in the name of its file.
    """

    home: Path
    site: Path
    root: bytes
    answers: dict[str, bytes | Iterable[bytes] | Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    canary: Canary | None = canary

    @property
    def slots(self) -> Slots:
        return Slots(self.home / "slots")

    def fetch(self, path: str) -> bytes | Iterable[bytes]:
        name = re.sub(r"/[0-9a-f]{64}\.", "/", path)
        assert path.startswith("metadata/") or name != path, "a target is asked for by its digest"
        self.asked.append(name)
        answer = self.answers.get(name)
        if isinstance(answer, Exception):
            raise answer
        return (self.site / path).read_bytes() if answer is None else answer

    def update(self) -> Manifest | None:
        return install_update(self.slots, self.home / "tuf", self.fetch, root=self.root, canary=self.canary)

    @property
    def version(self) -> int | None:
        """What serves now, checked by every rule."""
        slot = self.slots.current()
        return None if slot is None else verify(slot).model_version


def repository(folder: Path, *versions: int, clock: Callable[[], datetime] = NOW) -> Repository:
    """A new repository with these bundles published."""
    made = Repository.create(folder / "site", folder / "keys", clock=clock)
    for version in versions:
        publish(made, version)
    return made


def publish(made: Repository, version: int, seed: int = 0) -> Manifest:
    source = made.folder.parent / f"bundle-{version}-{seed}"
    if not source.exists():
        samples.sample_bundle(source, version, seed=seed)
    return made.publish(source)


def stored(site: Path, path: str) -> Path:
    """The file of a published path, without or with the digest in its name."""
    plain = site / path
    return plain if plain.exists() else next(plain.parent.glob(f"*.{plain.name}"), plain)


def device(made: Repository, name: str = "device") -> Device:
    return Device(made.folder.parent / name, made.folder, made.trusted_root)
