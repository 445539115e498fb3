"""Time of tagging a film, relative to decoding all of its frames, on one core."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from keyart.errors import DataUnavailable

from .measurement import Measurement, NotMeasured

GROUP = "film"
MAX_RATIO = 2.0  # times decoding


def rows(turns: int) -> tuple[list[Measurement], list[NotMeasured]]:
    """Tag Big Buck Bunny (596 s) `turns` times, with the models in the cache."""
    try:
        import cv2

        from keyart_tools.models import Models
        from keyart_tools.models.sample_media import big_buck_bunny
        from keyart_tools.tagging import FilmFile, tag
    except ImportError as error:
        return [], [NotMeasured("film", f"{error.name} is not installed; run pip install 'keyart[tagging]'.")]
    if not turns:
        return [], [NotMeasured("film", "left out of a quick run: it takes two minutes.")]
    try:
        film = FilmFile.open(big_buck_bunny())
    except DataUnavailable as error:
        return [], [NotMeasured("film", str(error))]
    models, threads = Models.open(), cv2.getNumThreads()
    seconds, ratios = [], []
    cv2.setNumThreads(1)
    try:
        for _ in range(turns):
            began = time.process_time()
            frames = sum(1 for _ in film.decoded(threads=False))
            decoded = time.process_time()
            with tempfile.TemporaryDirectory(prefix="keyart-bench-") as folder:
                tag(film, Path(folder) / "film", models)
            seconds.append(time.process_time() - decoded)
            ratios.append(seconds[-1] / (decoded - began))
    finally:
        cv2.setNumThreads(threads)
    note = f"without {', '.join(models.missing)}" if models.missing else "with all models"
    name, against = f"tag a film of {film.seconds:.0f} s", f"decoding its {frames:,} frames"
    return [Measurement(GROUP, name, median(seconds), "s", median(ratios), against, MAX_RATIO, note)], []
