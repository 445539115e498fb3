"""Parsing of dates as services write them. All dates of a file together decide the order of day, month and year."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Literal, get_args

from keyart.errors import HistoryError

Order = Literal["dmy", "mdy", "ymd"]
ORDERS: tuple[Order, ...] = get_args(Order)

_DAY = re.compile(r"\s*(\d{1,4})\s*[./年-]\s*(\d{1,2})\s*[./月-]\s*(\d{1,4})\s*[.日]?\s*")
_CENTURY = 2000  # of "24": Netflix streams since 2007


def day_of(text: str, order: Order) -> date | None:
    """Return the date; None if the text is not a date in that order."""
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    parts = dict(zip(order, match.groups(), strict=True))
    year = int(parts["y"])
    if len(parts["d"]) > 2 or len(parts["m"]) > 2 or len(parts["y"]) not in (2, 4):
        return None
    try:
        return date(year if len(parts["y"]) == 4 else _CENTURY + year, int(parts["m"]), int(parts["d"]))
    except ValueError:
        return None


def order_of(texts: Sequence[str], today: date) -> Order | None:
    """Return the order in which most texts are past dates; None if no text is a date.

    Ties are resolved by two rules: a year of two digits does not come first, and Netflix lists the newest view first.

    Raises:
        HistoryError: the order is ambiguous.
    """
    dates_by_order = {
        order: [day for text in texts if (day := day_of(text, order)) and day <= today] for order in ORDERS
    }
    max_dates = max(map(len, dates_by_order.values()))
    if not max_dates:
        return None
    likely = {order: days for order, days in dates_by_order.items() if len(days) == max_dates}
    if len(likely) > 1:
        likely.pop("ymd", None)  # with four digits it is the only one
    if len({tuple(days) for days in likely.values()}) > 1:
        likely = {order: days for order, days in likely.items() if days == sorted(days, reverse=True)} or likely
    if len({tuple(days) for days in likely.values()}) > 1:
        readings = " or ".join(f"{days[0]:%d %B %Y} ({order})" for order, days in likely.items())
        raise HistoryError(f"{texts[0]!r} may be {readings}; say which by --dates {'|'.join(likely)}.")
    return next(iter(likely))
