"""The contact sheet: a page to review all stills, accept or reject them, and edit their tags.

A page without a server cannot write files, so it saves a file of corrections for `keyart tag FOLDER --corrections`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from keyart.bundle import replace_file

from .corrections import FORMAT
from .still import Still
from .tagging_file import Tagging

SHEET = "sheet.html"


def write_sheet(folder: Path, tagging: Tagging) -> Path:
    """Write sheet.html, which shows the stills beside it."""
    path = folder / SHEET
    replace_file(path, page(tagging).encode())
    return path


def page(tagging: Tagging) -> str:
    """Return the page: the selection first, then the other candidates, then refused stills."""
    environment = Environment(
        loader=PackageLoader("keyart_tools", "tagging"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    order = sorted(tagging.stills, key=lambda s: (s.selected is None, s.selected or 0, not s.accepted, s.at))
    data = {"format": FORMAT, "film": tagging.film.head, "stills": [_shown(still) for still in order]}
    # A script ends at "</", whatever it is in.
    script = Markup(json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"))  # noqa: S704
    return environment.get_template("sheet.html.j2").render(
        name=tagging.name or tagging.title_id,
        licence=tagging.licence,
        models=dict(tagging.models),
        shots=tagging.shots,
        selected=len(tagging.selected),
        data=script,
    )


def _shown(still: Still) -> dict[str, Any]:
    minutes, seconds = divmod(still.at, 60)
    return {
        "id": still.id,
        "image": still.image,
        "ratio": f"{still.width}/{still.height}",
        "at": f"{minutes:.0f}:{seconds:04.1f}",
        "rank": still.selected,
        "refused": "" if still.by_hand else still.refused,
        "verdict": ("accept" if still.accepted else "reject") if still.by_hand else "",
        "said": still.said,
        "tags": still.all_tags,
        "palette": still.colours.palette,
        "faces": [face.box for face in still.faces],
        "calm": still.calm,
        "lettering": still.lettering,
        "subject": still.subject,
    }
