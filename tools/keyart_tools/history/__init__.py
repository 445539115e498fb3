"""A person's own viewing export, read and matched to a catalogue, for the profile on their own device."""

from .date_parsing import ORDERS, Order
from .history_file import read_history
from .profile_import import Matched, add, match
from .title_matching import Match, Names
from .viewing_history import Viewings, Watched

__all__ = ["ORDERS", "Match", "Matched", "Names", "Order", "Viewings", "Watched", "add", "match", "read_history"]
