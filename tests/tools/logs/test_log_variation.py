"""A log that cannot teach is refused, and the refusal says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.training import log

import keyart
from keyart.errors import HistoryError
from keyart_tools.logs import Log, LoggedDecision, require_variation


def changed(change: Callable[[LoggedDecision], LoggedDecision | None]) -> Log:
    viewers = []
    for viewer in log().viewers:
        kept = [new for one in viewer.decisions if (new := change(one)) is not None]
        viewers.append(replace(viewer, decisions=tuple(kept)))
    return replace(log(), viewers=tuple(viewers))


def test_a_whole_log_is_taken() -> None:
    require_variation(log())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: None, "no decision about an artwork"),
        (lambda one: one if one.artwork_id.endswith("/x") else None, "same artwork"),
        (lambda one: replace(one, outcome=keyart.Outcome.skipped()), "None of"),
        (lambda one: replace(one, outcome=keyart.Outcome.played(2000)), "All of"),
    ],
)
def test_what_is_missing_is_said(change: Callable[[LoggedDecision], LoggedDecision | None], said: str) -> None:
    with pytest.raises(HistoryError, match=said):
        require_variation(changed(change))


def test_too_few() -> None:
    with pytest.raises(HistoryError, match="of 5 viewers are too few"):
        require_variation(replace(log(), viewers=log().viewers[:5]))
