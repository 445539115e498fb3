"""Logs that teams have: what was watched, which pictures were shown, and what came of it."""

from .decision_log import Decision, Log, Viewer
from .simulated_log import recorded
from .variation import require_variation

__all__ = ["Decision", "Log", "Viewer", "recorded", "require_variation"]
