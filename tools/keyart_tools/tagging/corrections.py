"""Corrections from the contact sheet: accepted and rejected stills, and their tags."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from keyart.catalog import checked_tags, quoted
from keyart.errors import CatalogError
from keyart_tools.text.text_files import parse_json, read_text

from .still import Still
from .tagging_file import Tagging

FORMAT = "keyart-corrections/1"
REJECTED = "rejected by hand"
VERDICTS = ("accept", "reject", "")


def apply_corrections(tagging: Tagging, path: Path) -> Tagging:
    """Return `tagging` with the corrections of a file saved from the sheet.

    The file is {"format", "film": sha256 of its head, "stills": {id: {"verdict", "tags"}}}. A verdict is "accept",
    "reject", or "" to leave the decision to the measures; tags replace all others. Each may be missing.

    Raises:
        CatalogError: the file is invalid; nothing is corrected then.
    """
    document = parse_json(
        read_text(path, "file of corrections", CatalogError), path, "file of corrections", CatalogError
    )
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CatalogError(f"{path} is not a file of corrections: its 'format' must be {FORMAT!r}.")
    if document.get("film") != tagging.film.head:
        raise CatalogError(f"{path} corrects another film than {tagging.film.path}; save it from this film's sheet.")
    entries = document.get("stills")
    if not isinstance(entries, dict):
        raise CatalogError(f"{path}: 'stills' must be an object of still to correction.")
    stills = {still.id: still for still in tagging.stills}
    for name, entry in entries.items():
        if name not in stills:
            raise CatalogError(f"{path}: there is no still {quoted(name)}; its shots go up to {tagging.shots}.")
        stills[name] = _corrected(stills[name], entry, f"{path}, still {name}")
    return replace(tagging, stills=tuple(stills.values()))


def _corrected(still: Still, entry: Any, where: str) -> Still:
    if not isinstance(entry, dict) or not entry.keys() <= {"verdict", "tags"}:
        raise CatalogError(f"{where}: a correction is an object with 'verdict' and 'tags'.")
    if "verdict" in entry:
        verdict = entry["verdict"]
        if verdict not in VERDICTS:
            raise CatalogError(f"{where}: the verdict {quoted(verdict)} must be 'accept', 'reject' or ''.")
        still = replace(still, by_hand=verdict != "", refused=REJECTED if verdict == "reject" else "")
    if "tags" in entry:
        tags = dict(checked_tags(entry["tags"], where, CatalogError))
        still = replace(still, tags=tags, said_tags={}, tags_by_hand=True)
    return still
