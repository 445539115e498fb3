"""When the budget is spent: by hand, at its edges, and never too late for rounds that stay as they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from keyart_federated.accounting import ORDERS, Skellam, to_epsilon
from keyart_server.budget import Budget, Charge
from keyart_server.budget.forecast import Forecast, forecast

AT = datetime(2026, 5, 1, tzinfo=UTC)


EVENT = Skellam(20.0, 64.0, 8)


def paid(spent: float, at: datetime) -> Charge:
    return Charge("c" * 16, 1, EVENT, spent, at)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def test_nothing_was_spent() -> None:
    assert forecast([], Budget(8.0, 1e-6, 0.0), AT) == Forecast(0.0, None, 0.0)


def test_by_hand() -> None:
    """2 were spent in the last 28 days, and 3 are left: 42 days."""
    charges = [paid(1.0, AT - days(300)), paid(3.0, AT - days(40)), paid(4.5, AT - days(20)), paid(5.0, AT - days(1))]
    found = forecast(charges, Budget(8.0, 1e-6, 5.0), AT)
    assert found.epsilon_per_day == pytest.approx(2 / 28)
    assert found.exhausted_at == AT + days(42)


def test_a_young_fleet_is_judged_by_its_own_days() -> None:
    charges = [paid(1.0, AT - days(4)), paid(2.0, AT)]
    assert forecast(charges, Budget(8.0, 1e-6, 2.0), AT).exhausted_at == AT + days(12)
    first = forecast([paid(1.0, AT)], Budget(8.0, 1e-6, 1.0), AT)
    assert first.exhausted_at == AT + days(7), "one charge at this moment is no pace without end"


def test_a_fleet_that_rests_never_runs_out() -> None:
    found = forecast([paid(1.0, AT - days(29))], Budget(8.0, 1e-6, 1.0), AT)
    assert (found.epsilon_per_day, found.exhausted_at) == (0.0, None)


def test_what_is_spent_ends_now() -> None:
    assert forecast([paid(8.0, AT - days(90))], Budget(8.0, 1e-6, 8.0), AT).exhausted_at == AT


def test_what_takes_longer_than_a_calendar_has_no_date() -> None:
    assert forecast([paid(1e-300, AT - days(1))], Budget(8.0, 1e-6, 1e-300), AT).exhausted_at is None


def test_a_line_ends_too_early_rather_than_too_late() -> None:
    """Rounds that stay as they are, composed as they are: the next one adds no more than the last one did."""
    budget = 8.0
    spent = [to_epsilon(EVENT.divergences() * k, 1e-6) for k in range(1, 2000)]
    last = next(k for k, value in enumerate(spent) if value > budget)  # rounds that fit, one a day
    for so_far in (5, 40, last // 2, last - 1):
        charges = [paid(value, AT - days(so_far - 1 - k)) for k, value in enumerate(spent[:so_far])]
        found = forecast(charges, Budget(budget, 1e-6, charges[-1].spent), AT)
        assert found.exhausted_at is not None and found.exhausted_at <= AT + days(last - so_far + 1)
        assert found.next_round_epsilon == pytest.approx(spent[so_far] - spent[so_far - 1])
    assert len(ORDERS) > 1


def test_another_look_at_other_devices_adds_nothing() -> None:
    looks = [replace(paid(2.0, AT), low=k / 4, high=(k + 1) / 4) for k in range(2)]
    once, twice = (to_epsilon(n * EVENT.divergences(), 1e-6) for n in (1, 2))
    assert forecast([looks[0]], Budget(8.0, 1e-6, once), AT).next_round_epsilon == pytest.approx(twice - once)
    everybody = [*looks, paid(twice, AT), looks[1]]
    assert forecast(everybody[:2], Budget(8.0, 1e-6, twice), AT).next_round_epsilon == 0.0
    assert forecast(everybody, Budget(8.0, 1e-6, twice), AT).next_round_epsilon > 0.0
