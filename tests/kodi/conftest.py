"""The Kodi example: what runs inside Kodi, and what builds a library and runs Kodi for it."""

from __future__ import annotations

import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples/kodi"
# Kodi runs the add-on with its own folder on the path, and the demo with its own.
sys.path[:0] = [str(EXAMPLE / "plugin.video.keyart"), str(EXAMPLE)]
