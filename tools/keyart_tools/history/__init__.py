"""Import of a user's own viewing export into the profile on their device, matched to a catalogue."""

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
