"""tagging.json: the state of tagging a film, from which a later run continues."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from keyart.bundle import replace_file
from keyart.errors import CatalogError

from .film import FilmFile
from .shots import ResumePoint, ShotSegment
from .still import Still

FORMAT = "keyart-tagging/1"
NAME = "tagging.json"


@dataclass(frozen=True, slots=True)
class Tagging:
    """The state of tagging a film.

    Attributes:
        film: the film's file.
        title_id, name, licence, title_tags: of the title.
        count: number of stills to select.
        models: licence by name of the models that measured the stills.
        seen: last segment of the film that was decoded.
        finished: whether it was the last of the film.
        stills: all candidate stills.
    """

    film: FilmFile
    title_id: str
    name: str
    licence: str = ""
    count: int = 20
    title_tags: Mapping[str, float] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    seen: ShotSegment | None = None
    finished: bool = False
    stills: tuple[Still, ...] = ()

    @property
    def shots(self) -> int:
        """Return the number of shots seen so far."""
        return self.seen.shot if self.seen else 0

    @property
    def selected(self) -> list[Still]:
        """Return the selected stills, first choice first."""
        return sorted((s for s in self.stills if s.selected is not None), key=lambda still: still.selected or 0)

    def save(self, folder: Path) -> None:
        """Write the file atomically."""
        document = {
            "format": FORMAT,
            "film": self.film.to_json(),
            "title": {"id": self.title_id, "name": self.name, "licence": self.licence, "tags": dict(self.title_tags)},
            "models": dict(self.models),
            "count": self.count,
            "shots": self.shots,
            "finished": self.finished,
            "seen": asdict(replace(self.seen, still=None)) if self.seen else None,
            "stills": [still.to_json() for still in self.stills],
        }
        replace_file(folder / NAME, json.dumps(document, ensure_ascii=False).encode() + b"\n")

    @classmethod
    def load(cls, folder: Path) -> Tagging:
        """Read the result of `save`.

        Raises:
            CatalogError: the file is missing, damaged or of another kind.
        """
        path = folder / NAME
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise CatalogError(f"{folder} has no {NAME}; give a film, or the folder of an earlier run.") from None
        except (ValueError, RecursionError) as error:
            raise CatalogError(f"{path} is damaged: it is not JSON ({error}); remove it and tag again.") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise CatalogError(f"{path} is not from keyart tag: its 'format' must be {FORMAT!r}.")
        try:
            title, seen = document["title"], document["seen"]
            return cls(
                film=FilmFile.from_json(document["film"]),
                title_id=title["id"],
                name=title["name"],
                licence=title["licence"],
                title_tags=dict(title["tags"]),
                models=dict(document["models"]),
                count=int(document["count"]),
                seen=None if seen is None else _stretch(seen),
                finished=bool(document["finished"]),
                stills=tuple(map(Still.from_json, document["stills"])),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{type(error).__name__}: {error}"
            raise CatalogError(f"{path} is damaged ({what}); remove it and tag the film again.") from None


def _stretch(entry: dict[str, Any]) -> ShotSegment:
    mark = entry["mark"]
    return ShotSegment(**{**entry, "mark": None if mark is None else ResumePoint(**mark)})
