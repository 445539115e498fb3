"""A tagging folder: the measurements of `keyart tag`, and the selected stills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keyart.errors import KeyartError

from .tables import EXAMPLES, fields, plain, table, tags


def document(path: Path) -> dict[str, Any]:
    """Describe the folder.

    Raises:
        CatalogError: the folder cannot be read.
        KeyartError: the extra keyart[tagging] is not installed.
    """
    try:
        from keyart_tools.tagging.tagging_file import Tagging
    except ImportError as error:
        raise KeyartError(f"Looking into a tagging needs {error.name}: install keyart[tagging].") from None
    tagging = Tagging.load(path)
    return {
        "kind": "tagging",
        "folder": str(path),
        "film": tagging.film.to_json(),
        "title_id": tagging.title_id,
        "name": tagging.name,
        "licence": tagging.licence,
        "title_tags": dict(tagging.title_tags),
        "models": dict(tagging.models),
        "finished": tagging.finished,
        "shots": tagging.shots,
        "candidates": len(tagging.stills),
        "refused": dict(Counter(still.refused for still in tagging.stills if still.refused)),
        "by_hand": sum(still.by_hand or still.tags_by_hand for still in tagging.stills),
        "selected": [
            {
                "rank": still.selected,
                "image": still.image,
                "at": still.at,
                "shot": still.shot,
                "faces": len(still.faces),
                "said": still.said,
                "tags": dict(still.tags),
            }
            for still in tagging.selected
        ],
    }


def tables(document: Mapping[str, Any]) -> list[Any]:
    """Return tables of the document."""
    names = [name for name in document if name not in ("kind", "folder", "selected")]
    about = fields(f"Tagging {document['folder']}", document, *names)
    stills = table("Selected stills", "rank", "image", "at (s)", "shot", "faces", "heaviest tags")
    for still in document["selected"]:
        heaviest = dict(sorted(still["tags"].items(), key=lambda item: -item[1])[:EXAMPLES])
        stills.add_row(*(plain(still[name]) for name in ("rank", "image", "at", "shot", "faces")), tags(heaviest))
    return [about, stills]
