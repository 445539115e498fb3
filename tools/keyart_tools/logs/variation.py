"""A check that a log has enough variation to train on."""

from __future__ import annotations

from collections import defaultdict

from keyart.errors import HistoryError

from .decision_log import Log

MIN_DECISIONS = 100  # fewer say nothing that chance would not
MIN_VIEWERS = 10  # some of them are held out


def require_variation(log: Log) -> None:
    """Require enough decisions, viewers, artworks per title and outcomes.

    Raises:
        HistoryError: the log lacks one of them; the message says which.
    """
    decisions = [decision for viewer in log.viewers for decision in viewer.decisions]
    left_out = ", ".join(f"{count:,} lines {why}" for why, count in log.left_out.items() if count)
    besides = f" ({left_out})" if left_out else ""
    if not decisions:
        raise HistoryError(
            f"The log has no decision about an artwork of this catalogue{besides}. A decision is a line "
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
