"""Coverage-guided fuzzing of one decoder, for whoever has installed atheris. From the folder `tests`:

python -m attacks.fuzz.guided "ranker graph" -max_total_time=600
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["keyart"]):
    from attacks.fuzz.decoders import DECODERS
    from attacks.fuzz.mutation import mutated
    from attacks.fuzz.probe import bounded, judge


def main(name: str, *options: str) -> None:
    ready = next(decoder for decoder in DECODERS if decoder.name == name).ready(Path(tempfile.mkdtemp()))
    corpus = Path(tempfile.mkdtemp())
    for i, seed in enumerate(ready.seeds):
        (corpus / str(i)).write_bytes(seed)

    def change(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        return atheris.Mutate(data, most) if rng.random() < 0.5 else mutated(rng, [data, *ready.seeds])[:most]

    with bounded():
        atheris.Setup([sys.argv[0], str(corpus), *options], lambda data: judge(ready, data), custom_mutator=change)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
