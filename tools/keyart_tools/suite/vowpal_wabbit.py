"""VowpalWabbit's contextual bandit, one impression at a time. Runs in a Python of its own, which has no keyart.

    python vowpal_wabbit.py SETUP

SETUP is a JSON file: `{"viewers": [{TAG: WEIGHT} …], "titles": [[{TAG: WEIGHT} a picture …] …], "seed": N}`. Lines on
stdin: `choose VIEWER TITLE TAG …` (places in those lists, tags of the situation), answered by the place of a
picture in its title; `learn REWARD` about the picture chosen last, not answered.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from pathlib import Path
from typing import Any

# Tags of the viewer and the situation times tags of the picture; the rest as VowpalWabbit has it:
# docs/simulation.md tells what else was tried.
SETTINGS = "--cb_explore_adf --squarecb -q UA"


def words(tags: dict[str, float]) -> str:
    """Tags as VowpalWabbit reads them."""
    return " ".join(f"{tag.replace(':', '=').replace(' ', '_')}:{weight:.4g}" for tag, weight in tags.items())


def main(setup: str) -> None:
    """See the top of the file."""
    document = json.loads(Path(setup).read_text(encoding="utf-8"))
    viewers = [f"shared |U {words(tags)}" for tags in document["viewers"]]
    titles = [
        [f"|A {words(tags)} |I {title}_{picture}" for picture, tags in enumerate(pictures)]
        for title, pictures in enumerate(document["titles"])
    ]
    workspace: Any = importlib.import_module("vowpalwabbit").Workspace(f"{SETTINGS} --quiet")
    draws = random.Random(document["seed"])  # noqa: S311 – a simulation, no secret
    lines, picture, chance = [""], 0, 1.0
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "choose":
            viewer, title, *situation = rest
            pictures = titles[int(title)]
            lines = [" ".join([viewers[int(viewer)], *situation]), *pictures]
            chances = workspace.predict(lines) if len(pictures) > 1 else [1.0]
            picture = draws.choices(range(len(pictures)), chances)[0]
            chance = chances[picture]
            print(picture, flush=True)
        else:
            lines[1 + picture] = f"0:{-float(rest[0]):g}:{chance:.6g} {lines[1 + picture]}"
            workspace.learn(lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
