"""Decision logs: views, artworks shown, and outcomes, in one format (docs/reference/decision-logs.md)."""

from .decision_log import Log, LoggedDecision, LoggedViewer
from .estimation_columns import Columns
from .log_rows import BrokenRow, listed, require_whole
from .simulated_log import recorded
from .variation import require_readable, require_variation

__all__ = [
    "BrokenRow",
    "Columns",
    "Log",
    "LoggedDecision",
    "LoggedViewer",
    "listed",
    "recorded",
    "require_readable",
    "require_variation",
    "require_whole",
]
