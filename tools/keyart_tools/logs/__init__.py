"""Logs that teams have: what was watched, which pictures were shown, and what came of it."""

from .log import Decision, Log, Viewer
from .recorded import recorded
from .variation import require_variation

__all__ = ["Decision", "Log", "Viewer", "recorded", "require_variation"]
