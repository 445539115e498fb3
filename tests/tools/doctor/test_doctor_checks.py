"""Each check on a sound environment, and on one with one thing wrong: the state, what was seen, the remedy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keyart_tools.doctor import CHECKS, Environment, Finding, findings
from keyart_tools.doctor.environment import (
    BundleState,
    EngineState,
    Flower,
    Folder,
    Installation,
    Machine,
    PrivateFile,
    Profile,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
}
APP = {"project": {"dependencies": []}, "tool": {"flwr": {"app": {"fab-format-version": 1}}}}
SUPERLINK = ("python", "flower-superlink", "--host", "127.0.0.1", "--database", "state.db")
SOUND = Environment(
    installation=Installation(
        (3, 11, 7), ">=3.11", {"onnxruntime": "1.32.0", "flwr": "1.41.0"}, {"": ()}, (), (3, 46, 1)
    ),
    machine=Machine(NOW, datetime(2026, 2, 1, tzinfo=UTC), "UTC", True, 4, 8_000_000_000, "utf-8"),
    variables={**QUIET, "ORT_DISABLE_TELEMETRY": "1"},
    engine=EngineState(),
    cache=Folder(Path("cache"), True, 50_000_000_000, 120_000_000),
    here=Folder(Path("work"), True, 50_000_000_000),
    flower=Flower((SUPERLINK,), Path("config.toml"), {"fleet": "127.0.0.1:9093"}, "fleet", APP, 5000),
    models={"faces": "whole", "objects": "whole"},
    keys=(PrivateFile(Path("keys/root.pem"), 0o600),),
    profile=Profile(Path("profile.db"), "profile", (PrivateFile(Path("profile.db"), 0o600),)),
    bundle=BundleState(Path("bundle"), 3, datetime(2026, 2, 1, tzinfo=UTC), {"numpy": 8}),
)


def changed(part: str, **values: object) -> Environment:
    return replace(SOUND, **{part: replace(getattr(SOUND, part), **values)})


def on(name: str, environment: Environment) -> Finding:
    (found,) = [finding for finding in findings(environment) if finding.name == name]
    return found


PROFILE_OPEN = (PrivateFile(Path("profile.db"), 0o600), PrivateFile(Path("profile.db-wal"), 0o644))
WRONG: dict[str, tuple[str, str, str, str, Environment]] = {
    "an old Python": ("Python", "problem", "3.10.1", "newer Python", changed("installation", python=(3, 10, 1))),
    "no numpy": (
        "packages",
        "problem",
        "numpy",
        "pip install numpy",
        changed("installation", missing={"": ("numpy",)}),
    ),
    "versions that do not fit": (
        "packages",
        "problem",
        "takes click<9",
        "pip install",
        changed("installation", misfits=("x takes click<9",)),
    ),
    "an extra that is missing": (
        "extras",
        "warning",
        "av",
        "keyart[tagging]",
        changed("installation", missing={"": (), "tagging": ("av",)}),
    ),
    "an old SQLite": ("database", "problem", "3.8.2", "3.24", changed("installation", sqlite=(3, 8, 2))),
    "no onnxruntime": (
        "engines",
        "warning",
        "numpy alone",
        "onnxruntime",
        replace(SOUND, engine=EngineState("no module")),
    ),
    "a device id that was written": (
        "onnxruntime's telemetry",
        "problem",
        "deviceid",
        "ORT_DISABLE_TELEMETRY=1",
        replace(SOUND, engine=EngineState(wrote=(Path("deviceid"),))),
    ),
    "a device id of another program": (
        "onnxruntime's telemetry",
        "warning",
        "another program",
        "ORT_DISABLE_TELEMETRY=1",
        replace(SOUND, engine=EngineState(traces=(Path("deviceid"),))),
    ),
    "four BLAS threads": (
        "threads",
        "warning",
        "OPENBLAS_NUM_THREADS=4",
        "unset OPENBLAS_NUM_THREADS",
        replace(SOUND, variables={"OPENBLAS_NUM_THREADS": "4"}),
    ),
    "a model that was changed": (
        "tagger's models",
        "problem",
        "faces",
        "keyart models fetch faces",
        replace(SOUND, models={"faces": "changed"}),
    ),
    "a model that is not there": (
        "tagger's models",
        "warning",
        "faces",
        "keyart models fetch",
        replace(SOUND, models={"faces": "missing"}),
    ),
    "a damaged bundle": ("bundle", "problem", "differ", "again", changed("bundle", error="bytes differ")),
    "a bundle from the future": (
        "bundle",
        "warning",
        "2031",
        "clock",
        changed("bundle", created=datetime(2031, 1, 1, tzinfo=UTC)),
    ),
    "no profile": ("profile", "problem", "not there", "open", changed("profile", kind="missing")),
    "somebody else's profile": (
        "profile",
        "problem",
        "cannot be read",
        "user",
        changed("profile", kind="unreadable"),
    ),
    "no profile of keyart": ("profile", "problem", "not a profile", "backup", changed("profile", kind="other")),
    "a profile that others may read": (
        "profile",
        "problem",
        "0644",
        "chmod 600 profile.db-wal",
        changed("profile", files=PROFILE_OPEN),
    ),
    "a key that others may read": (
        "private keys",
        "problem",
        "0640",
        "chmod 600",
        replace(SOUND, keys=(PrivateFile(Path("root.pem"), 0o640),)),
    ),
    "a cache that cannot be written": (
        "cache",
        "problem",
        "cache",
        "XDG_CACHE_HOME",
        changed("cache", writable=False),
    ),
    "a full disk": ("free space", "problem", "5 MB free at work", "Free space", changed("here", free=5_000_000)),
    "a disk that is nearly full": (
        "free space",
        "warning",
        "500 MB",
        "Free space",
        changed("cache", free=500_000_000),
    ),
    "a clock of 1970": (
        "clock",
        "problem",
        "1970",
        "clock",
        changed("machine", now=datetime(1970, 1, 1, tzinfo=UTC)),
    ),
    "a clock before its files": (
        "clock",
        "problem",
        "before",
        "clock",
        changed("machine", newest_file=datetime(2026, 4, 1, tzinfo=UTC)),
    ),
    "a zone that is none": ("clock", "warning", "UTC", "TZ", changed("machine", zone_known=False)),
    "an ASCII terminal": ("terminal", "warning", "ascii", "PYTHONUTF8", changed("machine", encoding="ascii")),
    "a terminal of unknown encoding": ("terminal", "warning", "x-none", "UTF", changed("machine", encoding="x-none")),
    "no memory": ("memory", "warning", "0.1 GB", "End", changed("machine", memory=100_000_000)),
    "no Flower": (
        "Flower",
        "warning",
        "not installed",
        "keyart[tools]",
        changed("installation", versions={}),
    ),
    "a loud Flower": (
        "Flower's variables",
        "warning",
        "telemetry",
        "FLWR_TELEMETRY_ENABLED=0",
        replace(SOUND, variables={**QUIET, "FLWR_TELEMETRY_ENABLED": "1"}),
    ),
    "a SuperLink for everybody": (
        "Flower's SuperLinks",
        "problem",
        "0.0.0.0",
        "127.0.0.1",
        changed("flower", superlinks=(SUPERLINK, ("flower-superlink", "--host=0.0.0.0"))),
    ),
    "a Control API for everybody": (
        "Flower's SuperLinks",
        "problem",
        "192.0.2.7",
        "127.0.0.1",
        changed("flower", superlinks=((*SUPERLINK, "--control-api-address", "192.0.2.7:9093"),)),
    ),
    "a SuperLink without a database": (
        "Flower's SuperLinks",
        "warning",
        "memory",
        "--database",
        changed("flower", superlinks=(SUPERLINK[:4],)),
    ),
    "a configuration that is no TOML": (
        "Flower's connections",
        "problem",
        "TOML",
        "Correct",
        changed("flower", connections=None),
    ),
    "a default that leaves a SuperLink": (
        "Flower's connections",
        "warning",
        "leaves it running",
        "end flower-superlink",
        changed("flower", connections={"local": ":local:"}, default="local"),
    ),
    "an app that asks an index for keyart": (
        "Flower app here",
        "problem",
        "keyart",
        "Remove",
        changed("flower", app={**APP, "project": {"dependencies": ["flwr>=1.41", "keyart[tools]>=0.1"]}}),
    ),
    "an app that asks an index for keyart-tools": (
        "Flower app here",
        "problem",
        "keyart-tools",
        "Remove",
        changed("flower", app={**APP, "project": {"dependencies": ["Keyart_Tools==0.1"]}}),
    ),
    "an app that is too large": (
        "Flower app here",
        "problem",
        "11.0 MB",
        "data",
        changed("flower", app_bytes=11_000_000),
    ),
    "an app without a licence": (
        "Flower app here",
        "problem",
        "licence",
        "LICENSE",
        changed("flower", app_licence=False),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_found_and_nothing_else(what: str) -> None:
    name, state, seen, remedy, environment = WRONG[what]

    found = on(name, environment)

    assert found.state == state
    assert seen in found.seen and remedy in found.remedy
    assert "\n" not in found.seen + found.remedy
    assert [other.name for other in findings(environment) if other.state == "problem"] in ([], [name])


def test_a_sound_machine_is_well() -> None:
    found = findings(SOUND)

    assert len(found) == len(CHECKS) == len({finding.name for finding in found})
    assert [finding for finding in found if finding.state != "ok" or finding.remedy] == []
    assert on("bundle", SOUND).seen == "bundle: model 3 is whole, 8 vectors reproduced on numpy"


def test_every_check_can_find_something() -> None:
    assert {name for name, *_ in WRONG.values()} == {finding.name for finding in findings(SOUND)}


def test_only_what_was_asked_about() -> None:
    bare = replace(SOUND, profile=None, bundle=None, flower=Flower(connections={}))

    assert {"profile", "bundle", "Flower app here"}.isdisjoint(finding.name for finding in findings(bare))
    assert all(finding.state == "ok" for finding in findings(bare))


def test_systems_without_permission_bits_or_memory_figures() -> None:
    other = replace(
        changed("machine", memory=None),
        keys=(PrivateFile(Path("root.pem"), None),),
        profile=Profile(Path("p"), "profile", (PrivateFile(Path("p"), None),)),
    )

    assert all(finding.state == "ok" for finding in findings(other))


def test_a_variable_that_keyart_would_follow_too_is_named() -> None:
    assert "keyart too" in on("Flower's variables", replace(SOUND, variables={"FLWR_TELEMETRY_ENABLED": "1"})).seen
    assert "keyart too" not in on("Flower's variables", replace(SOUND, variables={})).seen
