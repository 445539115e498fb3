"""Decision logs: views, artworks shown, and outcomes."""

from .decision_log import Log, LoggedDecision, LoggedViewer
from .simulated_log import recorded
from .variation import require_variation

__all__ = ["Log", "LoggedDecision", "LoggedViewer", "recorded", "require_variation"]
