"""Reading of the environment: the only module of the doctor with I/O. It writes nothing and opens no socket."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import keyart
from keyart.errors import KeyartError

from .engines import TELEMETRY, THREADS
from .environment import BundleState, EngineState, Environment, Fetched, Flower, Folder, Machine, PrivateFile, Profile
from .flower import QUIET
from .installed_packages import installation

ENGINES = ("numpy", "onnxruntime")  # numpy is always there
PRIVATE_KEY = b"PRIVATE KEY-----"  # in the first line of each PEM form
KEY_NAMES = ("*.pem", "*.key")
APP_FILES = ("*.py", "*.toml", "*.md", "*.yaml", "*.yml", "*.json", "*.jsonl")  # those that Flower bundles
ORT_TRACES = (
    "Microsoft/DeveloperTools/.onnxruntime/deviceid",
    "Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db",
)


def read(
    variables: Mapping[str, str],
    home: Path,
    settings: Path,
    here: Path,
    now: datetime,
    encoding: str,
    profile: Path | None = None,
    bundle: Path | None = None,
) -> Environment:
    """Read the environment.

    Args:
        variables: environment variables.
        home: the user's home folder.
        settings: keyart's settings folder.
        here: the working folder.
        now: current time, with a zone.
        encoding: encoding of stdout.
        profile: profile file to check; None for none.
        bundle: bundle folder to check; None for none.
    """
    caches = Path(variables.get("XDG_CACHE_HOME") or home / ".cache")
    engine = engine_in(caches)
    return Environment(
        installation=installation(),
        machine=machine_at(variables, now, encoding),
        variables={name: variables[name] for name in (*QUIET, *THREADS, TELEMETRY) if name in variables},
        engine=engine,
        cache=folder_at(caches / "keyart"),
        here=folder_at(here),
        flower=flower_in(Path(variables.get("FLWR_HOME") or home / ".flwr"), here),
        models=models_in(caches / "keyart" / "models"),
        keys=tuple(keys_in(settings, here / "keys")),
        profile=None if profile is None else profile_at(profile),
        bundle=None if bundle is None else bundle_at(bundle, ENGINES if engine.error is None else ENGINES[:1]),
    )


def machine_at(variables: Mapping[str, str], now: datetime, encoding: str) -> Machine:
    """Read clock, processors, memory and encoding."""
    written = [path.stat().st_mtime for path in Path(keyart.__file__).parent.glob("*.py")]
    memory = None
    with contextlib.suppress(OSError):  # on Linux alone
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                memory = int(line.split()[1]) * 1024
    zone = variables.get("TZ", "").lstrip(":")
    return Machine(
        now=now,
        newest_file=datetime.fromtimestamp(max(written), UTC).astimezone(now.tzinfo),
        zone=now.tzname() or "",
        zone_known="/" not in zone or _is_zone(zone),  # without a slash it may be a rule, such as CET-1CEST
        cores=os.cpu_count() or 1,
        memory=memory,
        encoding=encoding,
    )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return False
    return True


def engine_in(caches: Path) -> EngineState:
    """Import onnxruntime as the ranker does, and detect whether its telemetry wrote to the cache folder."""
    files = [caches / name for name in ORT_TRACES]
    before = {path for path in files if path.exists()}
    os.environ[TELEMETRY] = "1"
    try:
        importlib.import_module("onnxruntime")
    except ImportError as error:
        return EngineState(str(error), traces=tuple(sorted(before)))
    after = {path for path in files if path.exists()}
    return EngineState(None, tuple(sorted(after - before)), tuple(sorted(before)))


def folder_at(path: Path) -> Folder:
    """Read the state of a folder, or of the parent where it would be created."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    return Folder(
        path=path,
        writable=os.access(there, os.W_OK | os.X_OK),
        free=shutil.disk_usage(there).free,
        used=sum(_size(file) for file in path.rglob("*")) if path.name == "keyart" else 0,
    )


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size if path.is_file() else 0
    return 0


def flower_in(home: Path, folder: Path) -> Flower:
    """Read Flower's settings in `home`, and the Flower app in `folder`."""
    config = home / "config.toml"
    connections: dict[str, str] | None = {}
    default = ""
    try:
        table = tomllib.loads(config.read_text("utf-8")).get("superlink", {})
        default = str(table.get("default", ""))
        connections = {
            name: str(entry.get("address", "")) for name, entry in table.items() if isinstance(entry, dict)
        }
    except FileNotFoundError:
        pass
    except (OSError, ValueError, AttributeError):
        connections = None
    app, app_bytes = _app(folder)
    return Flower(
        superlinks=tuple(superlinks()),
        config=config,
        connections=connections,
        default=default,
        app=app,
        app_bytes=app_bytes,
        app_licence=(folder / "LICENSE").is_file(),
        ray=importlib.util.find_spec("ray") is not None,
    )


def _app(folder: Path) -> tuple[Mapping[str, Any] | None, int]:
    try:
        document = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
        if not isinstance(document["tool"]["flwr"]["app"], dict):
            return None, 0
    except (OSError, ValueError, KeyError, TypeError):
        return None, 0
    return document, sum(_size(path) for pattern in APP_FILES for path in folder.rglob(pattern))


def superlinks() -> Iterator[tuple[str, ...]]:
    """Yield the command lines of running SuperLinks; on Linux only."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
            if any(Path(word).name == "flower-superlink" for word in words[:2]):  # Python's own name may come first
                yield tuple(words)


def models_in(folder: Path) -> Mapping[str, Fetched]:
    """Return the state of each model; its files are compared with their sha256."""
    from keyart_tools.models import MODELS
    from keyart_tools.models.cache import whole

    return {
        name: "whole" if whole(model, folder) else "changed" if (folder / name).exists() else "missing"
        for name, model in MODELS.items()
    }


def keys_in(*folders: Path) -> Iterator[PrivateFile]:
    """Yield the private keys below the folders."""
    for folder in folders:
        for path in sorted(path for name in KEY_NAMES for path in folder.rglob(name)):
            with contextlib.suppress(OSError):
                if PRIVATE_KEY in path.read_bytes()[:100]:
                    yield _private(path)


def _private(path: Path) -> PrivateFile:
    return PrivateFile(path, path.stat().st_mode & 0o7777 if os.name == "posix" else None)


def profile_at(path: Path) -> Profile:
    """Detect a profile by its first bytes, without touching the lock of an app that has it open."""
    from keyart.store import APPLICATION_ID, store_files

    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return Profile(path, "missing")
    except IsADirectoryError:
        return Profile(path, "other")
    except OSError:
        return Profile(path, "unreadable")
    if not head.startswith(b"SQLite format 3\0") or head[68:72] != APPLICATION_ID.to_bytes(4, "big"):
        return Profile(path, "other")
    return Profile(path, "profile", tuple(_private(file) for file in store_files(path) if file.exists()))


def bundle_at(path: Path, engines: Sequence[str] = ENGINES) -> BundleState:
    """Verify a bundle on each of the engines; `path` is as for `keyart verify`."""
    from keyart_tools.cli.verify import check_bundle

    reproduced = {}
    try:
        for engine in engines:
            manifest, reproduced[engine] = check_bundle(path, engine)
    except (KeyartError, OSError) as error:
        return BundleState(path, error=" ".join(str(error).split()))
    return BundleState(path, manifest.model_version, datetime.fromisoformat(manifest.created), reproduced)
