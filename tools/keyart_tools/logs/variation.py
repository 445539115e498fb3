"""Checks that a log can be read and has enough variation to train on."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from keyart.errors import HistoryError

from .decision_log import Log
from .log_rows import listed

MIN_DECISIONS = 100  # fewer say nothing that chance would not
MIN_VIEWERS = 10  # some of them are held out
MAX_BROKEN_SHARE = 0.1  # of the rows; with more, the fault is in how the log is written, not in single rows


def require_readable(path: Path, log: Log) -> None:
    """Require that almost all rows of a log could be read.

    Raises:
        HistoryError: more than `MAX_BROKEN_SHARE` of them are broken; the message names the first.
    """
    if len(log.broken) > MAX_BROKEN_SHARE * log.rows:
        raise HistoryError(
            f"{len(log.broken):,} of {log.rows:,} rows of {path} cannot be read, which is too many to train on the "
            f"others: {listed(path, log.broken)}. Correct how the log is written."
        )


def require_variation(log: Log) -> None:
    """Require enough decisions, viewers, artworks per title and outcomes.

    Raises:
        HistoryError: the log lacks one of them; the message says which.
    """
    decisions = [decision for viewer in log.viewers for decision in viewer.decisions]
    reasons = {**log.left_out, "broken": len(log.broken)}
    left_out = ", ".join(f"{count:,} rows {why}" for why, count in reasons.items() if count)
    besides = f" ({left_out})" if left_out else ""
    if not decisions:
        raise HistoryError(
            f"The log has no decision about an artwork of this catalogue{besides}. A decision is a row "
            "with 'artwork_id'."
        )
    viewers = sum(bool(viewer.decisions) for viewer in log.viewers)
    if len(decisions) < MIN_DECISIONS or viewers < MIN_VIEWERS:
        raise HistoryError(
            f"{len(decisions)} decisions of {viewers} viewers are too few to train on{besides}; provide at least "
            f"{MIN_DECISIONS} decisions of {MIN_VIEWERS} viewers."
        )
    shown: dict[str, set[str]] = defaultdict(set)
    for decision in decisions:
        shown[decision.title_id].add(decision.artwork_id)
    if all(len(pictures) == 1 for pictures in shown.values()):
        raise HistoryError(
            "Every title of the log was always shown with the same artwork, so nothing is known of how "
            "another one would have done. Show a share of random artworks for a while "
            "(Policy.exploration), and log their propensities."
        )
    plays = sum(decision.outcome.kind == "played" for decision in decisions)
    if plays in (0, len(decisions)):
        what = "None" if plays == 0 else "All"
        raise HistoryError(f"{what} of the log's artworks were played; log both plays and skips.")
