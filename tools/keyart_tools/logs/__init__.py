"""Logs that teams have: what was watched, which pictures were shown, and what came of it."""

from .decision_log import Log, LoggedDecision, LoggedViewer
from .simulated_log import recorded
from .variation import require_variation

__all__ = ["Log", "LoggedDecision", "LoggedViewer", "recorded", "require_variation"]
