"""The state of a machine as values, read once (`read_environment.py`) and judged without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Fetched = Literal["whole", "changed", "missing"]


@dataclass(frozen=True, slots=True)
class Installation:
    """Python and the installed packages.

    Attributes:
        missing: missing packages by extra; "" stands for the required ones.
        misfits: sentences on packages with a version that another package does not accept.
        sqlite: version of Python's SQLite library.
    """

    python: tuple[int, int, int]
    python_range: str
    versions: Mapping[str, str]
    missing: Mapping[str, tuple[str, ...]]
    misfits: tuple[str, ...]
    sqlite: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class EngineState:
    """onnxruntime, imported once in keyart's way.

    Attributes:
        error: why it cannot be imported; None if it can.
        wrote: files that the import wrote to the cache folder.
        traces: existing files of its telemetry.
    """

    error: str | None = None
    wrote: tuple[Path, ...] = ()
    traces: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleState:
    """A given bundle: reproduced test vectors by engine, or the rule that it breaks."""

    path: Path
    model_version: int | None = None
    created: datetime | None = None
    reproduced: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PrivateFile:
    """A file that only its owner should read; `mode` holds permission bits, None if the system has none."""

    path: Path
    mode: int | None


@dataclass(frozen=True, slots=True)
class Profile:
    """A given profile, without its keys; `kind` is detected by the first bytes of the file."""

    path: Path
    kind: Literal["profile", "missing", "other", "unreadable"]
    files: tuple[PrivateFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, or the parent where it would be created; `free` and `used` are bytes."""

    path: Path
    writable: bool
    free: int
    used: int = 0


@dataclass(frozen=True, slots=True)
class Flower:
    """Flower, its settings, and the Flower app of the working folder.

    Attributes:
        superlinks: command lines of the running SuperLinks.
        connections: address by name; None for a file that cannot be read.
        default: name of the connection that `flwr run` uses.
        app: pyproject.toml of the app; None if there is none.
        app_bytes: bytes of the files that a Flower App Bundle would include.
        app_licence: whether the app has a licence file.
        ray: whether ray is installed.
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
    """The machine.

    Attributes:
        newest_file: modification time of keyart's newest file.
        zone_known: False if TZ names no time zone.
        memory: available bytes; None if the system does not report them.
        encoding: of stdout.
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
    """Everything that the checks read.

    Attributes:
        variables: relevant environment variables.
        models: state by name.
        keys: the private keys on this machine.
    """

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
