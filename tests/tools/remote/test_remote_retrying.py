"""Which requests are repeated, and when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from keyart_tools.remote.retrying import ATTEMPTS, Attempt, pause_after_answer, pause_after_error, retry_after

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_pauses_double() -> None:
    assert [Attempt(n, True).pause for n in range(1, ATTEMPTS)] == [0.5, 1.0, 2.0, 4.0]
    assert Attempt(1, True, 0.999).pause < 0.75


def test_a_request_without_an_answer() -> None:
    assert pause_after_error(Attempt(1, True), sent=True) == 0.5
    assert pause_after_error(Attempt(1, False), sent=False) == 0.5
    assert pause_after_error(Attempt(1, False), sent=True) is None, "the change may have been made"
    assert pause_after_error(Attempt(ATTEMPTS, True), sent=False) is None


@pytest.mark.parametrize(
    ("status", "repeatable", "headers", "pause"),
    [
        (200, True, {}, None),
        (404, True, {}, None),
        (500, True, {}, None),
        (503, True, {}, 0.5),
        (503, True, {"retry-after": "5"}, 5.0),
        (503, True, {"retry-after": "Wed, 04 Mar 2026 05:06:17 GMT"}, 10.0),
        (503, True, {"retry-after": "soon"}, 0.5),
        (503, True, {"retry-after": "3600"}, None),
        (503, False, {}, None),
        (429, False, {"retry-after": "2"}, 2.0),
        (409, True, {}, None),
        (409, True, {"retry-after": "1"}, 1.0),
    ],
)
def test_an_answer(status: int, repeatable: bool, headers: dict[str, str], pause: float | None) -> None:
    assert pause_after_answer(Attempt(1, repeatable), status, headers, NOW) == pause


def test_the_last_attempt_is_the_last() -> None:
    assert pause_after_answer(Attempt(ATTEMPTS, True), 503, {}, NOW) is None


def test_a_time_that_has_passed() -> None:
    assert retry_after("Wed, 04 Mar 2026 05:00:00 GMT", NOW) == 0.0
    assert retry_after("", NOW) is None
