"""A person's own viewing export, read and matched to a catalogue, for the profile on their own device."""

from .days import ORDERS, Order
from .importing import Matched, add, match
from .matching import Match, Names
from .reading import read_history
from .watched import Viewings, Watched

__all__ = ["ORDERS", "Match", "Matched", "Names", "Order", "Viewings", "Watched", "add", "match", "read_history"]
