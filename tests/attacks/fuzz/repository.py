"""The signed metadata of updates: changed on the way, changed on the disk, or hostile and signed all the same."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import repository_samples as sites
from securesystemslib.exceptions import FormatError
from securesystemslib.formats import encode_canonical
from tuf.api.metadata import Metadata, MetaFile

from keyart_server.signing import tuf_keys

Read = Callable[[bytes], object]
METADATA = ("timestamp.json", "3.snapshot.json", "3.targets.json", "2.root.json")


def published(place: Path) -> tuple[sites.Repository, sites.Device]:
    """Model 1 is on the device, model 2 in the repository."""
    made = sites.repository(place, 1)
    device = sites.device(made)
    device.canary = None
    device.update()
    sites.publish(made, 2)
    return made, device


def on_the_way(name: str, place: Path) -> tuple[Read, Sequence[bytes]]:
    made, device = published(place)
    if name == "2.root.json":
        made.renew()
    memory, before = device.home / "tuf", device.home / "before"
    memory.rename(before)

    def read(data: bytes) -> None:
        shutil.copytree(before, memory, dirs_exist_ok=True)
        device.answers = {f"metadata/{name}": data}
        try:
            device.update()
        finally:
            shutil.rmtree(memory)

    return read, [(made.metadata / name).read_bytes(), (made.metadata / "1.root.json").read_bytes()]


def on_the_disk(place: Path) -> tuple[Read, Sequence[bytes]]:
    """The device's own memory of trusted metadata, each file in turn."""
    _, device = published(place)
    device.update()
    memory = {name: device.home / "tuf" / name for name in ("timestamp.json", "snapshot.json", "targets.json")}
    good = {name: path.read_bytes() for name, path in memory.items()}

    def read(data: bytes) -> None:
        for name, path in memory.items():
            path.unlink()
            path.write_bytes(data if data[:1] and list(good).index(name) == len(data) % 3 else good[name])
        device.update()

    return read, list(good.values())


def signed(place: Path) -> tuple[Read, Sequence[bytes]]:
    """Whoever holds the keys of targets, snapshot and timestamp can sign anything."""
    made, device = published(place)
    keys = {role: tuf_keys.read(tuf_keys.path_of(made.keys, role)) for role in ("targets", "snapshot", "timestamp")}
    files = {"snapshot": "3.snapshot.json", "timestamp": "timestamp.json"}
    numbers = iter(range(10, 10**9))

    def follow(role: str, number: int, change: Callable[[Any], None]) -> bytes:
        metadata: Metadata[Any] = Metadata.from_bytes((made.metadata / files[role]).read_bytes())
        metadata.signed.version = number
        change(metadata.signed)
        metadata.sign(keys[role])
        return metadata.to_bytes()

    def read(data: bytes) -> None:
        number, body = next(numbers), data
        with suppress(ValueError, RecursionError, FormatError):
            document = json.loads(data)
            if isinstance(document, dict) and document.get("version") == 3:
                document["version"] = number
            signature = keys["targets"].sign(encode_canonical(document).encode()).to_dict()
            body = json.dumps(
                {"signatures": [signature], "signed": document}, separators=(",", ":"), sort_keys=True
            ).encode()
        snapshot = follow(
            "snapshot",
            number,
            lambda s: s.meta.update({"targets.json": MetaFile.from_data(number, body, ["sha256"])}),
        )
        meta = MetaFile.from_data(number, snapshot, ["sha256"])
        device.answers = {
            f"metadata/{number}.targets.json": body,
            f"metadata/{number}.snapshot.json": snapshot,
            "metadata/timestamp.json": follow("timestamp", number, lambda s: setattr(s, "snapshot_meta", meta)),
        }
        device.update()

    good = json.loads((made.metadata / "3.targets.json").read_bytes())
    return read, [json.dumps(good["signed"]).encode()]


UPDATES: Mapping[str, Callable[[Path], tuple[Read, Sequence[bytes]]]] = {
    **{f"update {name}": functools.partial(on_the_way, name) for name in METADATA},
    "update from a changed memory": on_the_disk,
    "update signed": signed,
}
