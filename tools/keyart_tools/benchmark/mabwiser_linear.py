"""MABWiser's LinUCB and LinTS. Runs in its own Python, which has no keyart.

    python mabwiser_linear.py SETUP POLICY

POLICY is LinUCB or LinTS. SETUP and the lines on stdin are those of vowpal_wabbit.py; `situations` in SETUP lists the
words that may occur in a line, others are ignored.

MABWiser has no features of arms. It runs as its users would run it: one bandit per title with the title's artworks as
arms, and as context the viewer's watch shares and the words of the situation as 0 or 1. One title learns nothing from
another.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

# docs/reference/simulation.md tells what else was tried.
SETTINGS = {"LinUCB": {"alpha": 0.5, "l2_lambda": 5.0}, "LinTS": {"alpha": 0.1, "l2_lambda": 0.2}}


class TitleBandit:
    """The bandit of one title. Its first step is random, since MABWiser predicts only after a first fit."""

    def __init__(self, module: Any, policy: str, pictures: int, seed: int) -> None:
        self._pictures = pictures
        settings = getattr(module.LearningPolicy, policy)(**SETTINGS[policy])
        self._bandit = module.MAB(arms=list(range(pictures)), learning_policy=settings, seed=seed)
        self._fitted = False

    def choose(self, contexts: list[list[float]], draws: random.Random) -> list[int]:
        """Return an artwork for each context."""
        if not self._fitted or self._pictures == 1:
            return [draws.randrange(self._pictures) for _ in contexts]
        chosen = self._bandit.predict(contexts)
        return chosen if len(contexts) > 1 else [chosen]

    def learn(self, pictures: list[int], rewards: list[float], contexts: list[list[float]]) -> None:
        """Learn from the rewards of shown artworks."""
        if self._pictures > 1:
            self._bandit.partial_fit(pictures, rewards, contexts)
            self._fitted = True


def main(setup: str, policy: str) -> None:
    """Run the program; see the top of the file."""
    document = json.loads(Path(setup).read_text(encoding="utf-8"))
    tags = sorted({tag for viewer in document["viewers"] for tag in viewer})
    viewers = [[float(viewer.get(tag, 0.0)) for tag in tags] for viewer in document["viewers"]]
    module = importlib.import_module("mabwiser.mab")
    titles = [
        TitleBandit(module, policy, len(pictures), document["seed"] + place)
        for place, pictures in enumerate(document["titles"])
    ]
    draws = random.Random(document["seed"])  # noqa: S311 – a simulation, no secret
    for line in sys.stdin:
        places_by_title: defaultdict[int, list[int]] = defaultdict(list)  # places in the line
        contexts = []
        for n, (viewer, title, *situation) in enumerate(json.loads(line)):
            places_by_title[title].append(n)
            contexts.append([*viewers[viewer], *(float(name in situation) for name in document["situations"])])
        pictures = [0] * len(contexts)
        for title, places in places_by_title.items():
            for n, picture in zip(places, titles[title].choose([contexts[n] for n in places], draws), strict=True):
                pictures[n] = picture
        print(json.dumps(pictures), flush=True)
        rewards = json.loads(next(sys.stdin, "[]"))
        if rewards:
            for title, places in places_by_title.items():
                titles[title].learn(
                    [pictures[n] for n in places], [rewards[n] for n in places], [contexts[n] for n in places]
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
