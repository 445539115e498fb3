"""A person's own viewing export, read and matched to a catalogue, for the profile on their own device."""

from .date_parsing import ORDERS, Order
from .history_file import read_history
from .profile_import import MatchedViews, add, match
from .title_matching import TitleMatch, TitleMatcher
from .viewing_history import HistoryRow, ViewingHistory

__all__ = [
    "ORDERS",
    "HistoryRow",
    "MatchedViews",
    "Order",
    "TitleMatch",
    "TitleMatcher",
    "ViewingHistory",
    "add",
    "match",
    "read_history",
]
