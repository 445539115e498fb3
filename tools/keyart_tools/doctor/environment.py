"""Everything that the checks look at, as values: read once (`reading.py`), judged without touching anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Fetched = Literal["whole", "changed", "missing"]


@dataclass(frozen=True, slots=True)
class Installation:
    """Python and the packages, from their metadata.

    missing: by extra, the packages of it that are not there; "" is what keyart always needs. misfits: sentences on
    packages whose version another one does not take. sqlite: of this Python's library.
    """

    python: tuple[int, int, int]
    python_range: str
    versions: Mapping[str, str]
    missing: Mapping[str, tuple[str, ...]]
    misfits: tuple[str, ...]
    sqlite: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class EngineState:
    """onnxruntime: imported once, the way keyart does it.

    error: why it cannot be imported, None if it can. wrote: files that its import left in the cache folder. traces:
    files of its telemetry that are there.
    """

    error: str | None = None
    wrote: tuple[Path, ...] = ()
    traces: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleState:
    """A bundle that was asked about. reproduced: test vectors, by engine. error: the rule that it breaks."""

    path: Path
    model_version: int | None = None
    created: datetime | None = None
    reproduced: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PrivateFile:
    """A file that nobody else should read. mode: permission bits, None where the system has none."""

    path: Path
    mode: int | None


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile that was asked about, without its keys. kind: by the first bytes of the file."""

    path: Path
    kind: Literal["profile", "missing", "other", "unreadable"]
    files: tuple[PrivateFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Folder:
    """writable: it, or the folder where it would be made. free, used: bytes."""

    path: Path
    writable: bool
    free: int
    used: int = 0


@dataclass(frozen=True, slots=True)
class Flower:
    """Flower, its settings on this machine, and the Flower app of the working folder, if it is one.

    superlinks: command lines of those that run here. connections: address by name, None for a file that cannot be
    read. default: the name of the one that `flwr run` takes. app: its pyproject.toml. app_bytes: of the files that
    a Flower App Bundle takes. ray: whether it is installed.
    """

    superlinks: tuple[tuple[str, ...], ...] = ()
    config: Path = Path("config.toml")
    connections: Mapping[str, str] | None = None
    default: str = ""
    app: Mapping[str, Any] | None = None
    app_bytes: int = 0
    app_licence: bool = True
    ray: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """newest_file: when the youngest file of keyart was written. zone_known: False where TZ names no zone.

    memory: bytes that could be had now, None if the system does not say. encoding: of stdout.
    """

    now: datetime
    newest_file: datetime
    zone: str
    zone_known: bool
    cores: int
    memory: int | None
    encoding: str


@dataclass(frozen=True, slots=True)
class Environment:
    """variables: those of the process that a check asks about. models: by name. keys: private ones, found."""

    installation: Installation
    machine: Machine
    variables: Mapping[str, str]
    engine: EngineState
    cache: Folder
    here: Folder
    flower: Flower
    models: Mapping[str, Fetched]
    keys: tuple[PrivateFile, ...] = ()
    profile: Profile | None = None
    bundle: BundleState | None = None
