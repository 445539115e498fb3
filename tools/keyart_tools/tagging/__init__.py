"""From a film to its stills, tagged and selected: `tag` does it all, `Tagging.load` reads what it wrote."""

from __future__ import annotations

from .film import FilmFile
from .still import Still
from .tagging_file import Tagging
from .tagging_run import tag

__all__ = ["FilmFile", "Still", "Tagging", "tag"]
