"""suite.jsonl: what has been played so far, so that a suite that was killed can go on.

The first line holds the settings; each further line is one policy on one world and seed, written when it is done.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyart.errors import SettingError

from .scores import PolicyScore

FORMAT = "keyart-suite/1"
START_OVER = "Begin anew without --resume, or name another folder with --out."
MAX_NAMED_CHANGES = 3  # changed settings that an error names
Key = tuple[str, int, str]  # world, seed, policy


@dataclass(frozen=True)
class PolicyRun:
    """seconds: how long it played. report: of a simulation, as `Report.to_dict` has it; None of a peer."""

    world: str
    seed: int
    policy: str
    score: PolicyScore
    seconds: float
    report: Mapping[str, Any] | None

    @property
    def key(self) -> Key:
        return self.world, self.seed, self.policy


class ResultsFile:
    """A file that only grows, and its entries by key."""

    def __init__(self, path: Path, entries: Mapping[Key, PolicyRun]) -> None:
        self._path, self.entries = path, dict(entries)

    @classmethod
    def begun(cls, path: Path, settings: Mapping[str, Any]) -> ResultsFile:
        """A new one in the place of any other. Raises OSError."""
        path.write_text(_line({"format": FORMAT, "settings": settings}), encoding="utf-8")
        return cls(path, {})

    @classmethod
    def resumed(cls, path: Path, settings: Mapping[str, Any]) -> ResultsFile:
        """Goes on with the one at `path`; begins one where there is none. A last line that was cut off or damaged is
        dropped. Raises SettingError where it was made with other settings or is not such a file, OSError."""
        if not path.exists():
            return cls.begun(path, settings)
        data = path.read_bytes()
        whole = _whole(data)
        try:
            first, *lines = map(json.loads, whole.splitlines())
            made = first["settings"] if first["format"] == FORMAT else None
            entries = [
                PolicyRun(
                    line["world"],
                    line["seed"],
                    line["policy"],
                    PolicyScore.from_dict(line),
                    float(line["seconds"]),
                    line["report"],
                )
                for line in lines
            ]
        except (ValueError, KeyError, TypeError, AttributeError):
            made, entries = None, []
        if made is None:
            raise SettingError(f"{path} is not the record of a suite of this version. {START_OVER}")
        changed = list(_changed(made, json.loads(json.dumps(settings))))
        if changed:
            more = f", and {len(changed) - MAX_NAMED_CHANGES} more" if len(changed) > MAX_NAMED_CHANGES else ""
            raise SettingError(
                f"{path} was made with other settings: {', '.join(changed[:MAX_NAMED_CHANGES])}{more}. {START_OVER}"
            )
        if len(whole) < len(data):
            path.write_bytes(whole)
        return cls(path, {entry.key: entry for entry in entries})

    def add(self, entry: PolicyRun) -> None:
        """Raises OSError."""
        line = {
            "world": entry.world,
            "seed": entry.seed,
            "policy": entry.policy,
            **entry.score.to_dict(),
            "seconds": entry.seconds,
            "report": entry.report,
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(line))
        self.entries[entry.key] = entry


def _whole(data: bytes) -> bytes:
    """Without a last line that is no JSON or has no end; the first line stays as it is."""
    whole = data[: data.rfind(b"\n") + 1]
    start = whole.rfind(b"\n", 0, -1) + 1
    try:
        json.loads(whole[start:])
    except ValueError:
        return whole[:start] or whole
    return whole


def _line(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"


def _changed(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """Each setting that differs, in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _changed(old.get(key), new.get(key), f"{name}.{key}".lstrip("."))
    elif old != new:
        yield f"{name} was {json.dumps(old, ensure_ascii=False)}, is {json.dumps(new, ensure_ascii=False)}"
