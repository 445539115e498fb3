"""suite.jsonl: the results so far, so that an interrupted benchmark can continue.

The first line holds the settings; each further line is the result of one policy on one world and seed.
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
START_OVER = "Start over without --resume, or name another folder with --out."
MAX_NAMED_CHANGES = 3  # changed settings that an error names
Key = tuple[str, int, str]  # world, seed, policy


@dataclass(frozen=True)
class PolicyRun:
    """The result of one policy.

    Attributes:
        seconds: duration of the run.
        report: the report of a simulation, as returned by `Report.to_dict`; None for a baseline.
    """

    world: str
    seed: int
    policy: str
    score: PolicyScore
    seconds: float
    report: Mapping[str, Any] | None

    @property
    def key(self) -> Key:
        """Return what identifies the run: world, seed and policy."""
        return self.world, self.seed, self.policy


class ResultsFile:
    """An append-only file, and its results by key."""

    def __init__(self, path: Path, entries: Mapping[Key, PolicyRun]) -> None:
        self._path, self.entries = path, dict(entries)

    @classmethod
    def begun(cls, path: Path, settings: Mapping[str, Any]) -> ResultsFile:
        """Create a new file, replacing any other.

        Raises:
            OSError: the file cannot be written.
        """
        path.write_text(_line({"format": FORMAT, "settings": settings}), encoding="utf-8")
        return cls(path, {})

    @classmethod
    def resumed(cls, path: Path, settings: Mapping[str, Any]) -> ResultsFile:
        """Continue the file at `path`, or create it. A truncated or damaged last line is dropped.

        Raises:
            SettingError: the file was written with other settings, or is of another kind.
            OSError: the file cannot be read or written.
        """
        if not path.exists():
            return cls.begun(path, settings)
        data = path.read_bytes()
        whole = _whole(data)
        try:
            first, *lines = map(json.loads, whole.splitlines())
            recorded = first["settings"] if first["format"] == FORMAT else None
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
            recorded, entries = None, []
        if recorded is None:
            raise SettingError(f"{path} is not a results file of this version. {START_OVER}")
        changed = list(_changed(recorded, json.loads(json.dumps(settings))))
        if changed:
            more = f", and {len(changed) - MAX_NAMED_CHANGES} more" if len(changed) > MAX_NAMED_CHANGES else ""
            raise SettingError(
                f"{path} was made with other settings: {', '.join(changed[:MAX_NAMED_CHANGES])}{more}. {START_OVER}"
            )
        if len(whole) < len(data):
            path.write_bytes(whole)
        return cls(path, {entry.key: entry for entry in entries})

    def add(self, entry: PolicyRun) -> None:
        """Append one result.

        Raises:
            OSError: the file cannot be written.
        """
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
    """Drop a last line that is not JSON or has no line end; the first line stays."""
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
    """Describe each setting that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _changed(old.get(key), new.get(key), f"{name}.{key}".lstrip("."))
    elif old != new:
        yield f"{name} was {json.dumps(old, ensure_ascii=False)}, is {json.dumps(new, ensure_ascii=False)}"
