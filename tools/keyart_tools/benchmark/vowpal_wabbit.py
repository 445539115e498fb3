"""VowpalWabbit's contextual bandit. Runs in its own Python, which has no keyart.

    python vowpal_wabbit.py SETUP

SETUP is a JSON file: `{"viewers": [{TAG: WEIGHT} …], "titles": [[{TAG: WEIGHT} per artwork …] …], "seed": N}`. Stdin
holds two lines of JSON per step: the request `[[VIEWER, TITLE, TAG …] …]` (indices into those lists, and tags of the
situation), answered by `[ARTWORK …]` (indices within the titles); and `[REWARD …]` of these artworks, not answered.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from pathlib import Path
from typing import Any

# Tags of the viewer and the situation times tags of the picture; the rest as VowpalWabbit has it:
# docs/reference/simulation.md tells what else was tried.
SETTINGS = "--cb_explore_adf --squarecb -q UA"


def words(tags: dict[str, float]) -> str:
    """Format tags for VowpalWabbit."""
    return " ".join(f"{tag.replace(':', '=').replace(' ', '_')}:{weight:.4g}" for tag, weight in tags.items())


def main(setup: str) -> None:
    """Run the program; see the top of the file."""
    document = json.loads(Path(setup).read_text(encoding="utf-8"))
    viewers = [f"shared |U {words(tags)}" for tags in document["viewers"]]
    titles = [
        [f"|A {words(tags)} |I {title}_{picture}" for picture, tags in enumerate(pictures)]
        for title, pictures in enumerate(document["titles"])
    ]
    workspace: Any = importlib.import_module("vowpalwabbit").Workspace(f"{SETTINGS} --quiet")
    draws = random.Random(document["seed"])  # noqa: S311 – a simulation, no secret
    for line in sys.stdin:
        shown = []
        for viewer, title, *situation in json.loads(line):
            pictures = titles[title]
            lines = [" ".join([viewers[viewer], *situation]), *pictures]
            chances = workspace.predict(lines) if len(pictures) > 1 else [1.0]
            picture = draws.choices(range(len(pictures)), chances)[0]
            shown.append((lines, picture, chances[picture]))
        print(json.dumps([picture for _, picture, _ in shown]), flush=True)
        for (lines, picture, chance), reward in zip(shown, json.loads(next(sys.stdin, "[]")), strict=False):
            lines[1 + picture] = f"0:{-reward:g}:{chance:.6g} {lines[1 + picture]}"
            workspace.learn(lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
