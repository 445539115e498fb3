"""From a film to its stills, tagged and selected: `tag` does it all, `Tagging.load` reads what it wrote."""

from __future__ import annotations

from .film import Film
from .record import Tagging
from .run import tag
from .still import Still

__all__ = ["Film", "Still", "Tagging", "tag"]
