"""Recent: what was shown while the app runs. For explaining, and so that a title keeps its picture for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from ..context import Context, daypart_of
from ..decision import Decision
from .event_codec import Entry

REMEMBERED = 4096  # decisions; older ones are in the store, if the person allowed it


class Shown(NamedTuple):
    """A decision as it would be written, its context, and whether it was made with a profile."""

    entry: Entry
    context: Context
    profiled: bool


class Recent:
    """Bounded memory of decisions by id, and of the picture of each title and daypart."""

    def __init__(self) -> None:
        # Plain tuples: each choice makes one of each.
        self._shown: OrderedDict[str, tuple[Entry, Context, bool]] = OrderedDict()
        self._kept: OrderedDict[tuple[str, str, str], tuple[Decision, datetime]] = OrderedDict()

    def add(self, entry: Entry, context: Context, profiled: bool) -> None:
        """A decision that was just made."""
        self._shown[entry.decision.id] = (entry, context, profiled)
        if len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)
        self._keep(entry)

    def restore(self, entries: Iterable[Entry], model_version: int) -> None:
        """Pictures that this model drew before the app was started again, oldest first."""
        for entry in entries:
            if entry.decision.model_version == model_version:
                self._keep(entry)

    def kept(self, title_id: str, context: Context, stickiness: timedelta) -> Decision | None:
        """The draw behind the title's picture on this device and in this daypart, if less than `stickiness` ago."""
        kept = self._kept.get((title_id, context.device, context.daypart))
        if kept is None or not timedelta(0) <= context.at - kept[1] < stickiness:
            return None
        return kept[0]

    def get(self, decision_id: str) -> Shown | None:
        shown = self._shown.get(decision_id)
        return None if shown is None else Shown(*shown)

    def is_unprofiled(self, decision_id: str) -> bool:
        """Whether the decision was made without a profile."""
        shown = self.get(decision_id)
        return shown is not None and not shown.profiled

    def drop(self, gone: Callable[[Decision], bool]) -> None:
        """Forgets decisions, and the pictures that they kept."""
        for key in [key for key, kept in self._kept.items() if gone(kept[0])]:
            del self._kept[key]
        for decision_id in [id_ for id_, shown in self._shown.items() if gone(shown[0].decision)]:
            del self._shown[decision_id]

    def clear(self) -> None:
        """Forgets all."""
        self._shown.clear()
        self._kept.clear()

    def forget_pictures(self) -> None:
        """A new model draws anew."""
        self._kept.clear()

    def _keep(self, entry: Entry) -> None:
        decision = entry.decision
        # A sticky answer does not renew the draw, and what the viewer asked for is not the title's picture.
        if decision.sticky or entry.with_intent:
            return
        key = (decision.title_id, entry.device, daypart_of(entry.at))
        self._kept[key] = (decision, entry.at)
        self._kept.move_to_end(key)
        if len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
