"""Stills of a film, tagged and selected: `tag` does all of it, and `Tagging.load` reads its result."""

from __future__ import annotations

from .film import FilmFile
from .still import Still
from .tagging_file import Tagging
from .tagging_run import tag

__all__ = ["FilmFile", "Still", "Tagging", "tag"]
