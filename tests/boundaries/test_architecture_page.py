"""Each file that the architecture page names is where a reader would look for it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = [ROOT / name for name in ("sdk/keyart", "federated/keyart_federated", "server/keyart_server")]
PARENTS = [ROOT, ROOT / "sdk", ROOT / "federated", ROOT / "server", *DISTRIBUTIONS]


def misplaced(text: str) -> list[str]:
    """Return the names that lead nowhere.

    A name with a folder is looked for below a package. One without stands in the folder of the name before it in the
    same cell or paragraph, or at the top of a package.
    """
    found = []
    for part in re.split(r"\||\n\n", text):
        folder: list[Path] = []
        for name in re.findall(r"`([\w/]+\.py)`", part):
            places = [place for place in (*folder, *PARENTS) if (place / name).is_file()]
            if not places:
                found.append(name)
            elif "/" in name:
                folder = [(place / name).parent for place in places]
    return found


def test_each_file_is_where_the_page_says() -> None:
    assert misplaced((ROOT / "docs/architecture.md").read_text(encoding="utf-8")) == []


def test_a_name_that_leads_nowhere_is_found() -> None:
    assert misplaced("| `model/scorer.py`, `policy.py` | `model/features/rows.py`, `scorer.py` |") == ["scorer.py"]
    assert misplaced("`simulation/fleet.py` and `model/head.py`") == ["simulation/fleet.py"]
