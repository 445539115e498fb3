"""Recent: what was shown while the app runs. For explaining, and so that a title keeps its picture for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .context import Context, daypart_of
from .decision import Decision
from .logbook import Entry

REMEMBERED = 4096  # decisions; older ones are in the store, if the person allowed it


@dataclass(frozen=True, slots=True)
class Shown:
    """A decision with its context, its place on the page, and whether it was made with a profile."""

    decision: Decision
    context: Context
    slot: int
    profiled: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """The draw behind a title's picture, and when it was."""

    decision: Decision
    at: datetime


class Recent:
    """Bounded memory of decisions by id, and of the picture of each title and daypart."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, Shown] = OrderedDict()
        self._kept: OrderedDict[tuple[str, str, str], Kept] = OrderedDict()

    def add(self, shown: Shown) -> None:
        """A decision that was just made."""
        self._shown[shown.decision.id] = shown
        if len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)
        if not shown.context.intent:  # what the viewer asked for is an exception, not the title's picture
            self._keep(shown.decision, shown.context.at, shown.context.device)

    def restore(self, entries: Iterable[Entry], model_version: int) -> None:
        """Pictures that this model drew before the app was started again, oldest first."""
        for entry in entries:
            if entry.decision.model_version == model_version and not entry.with_intent:
                self._keep(entry.decision, entry.at, entry.device)

    def kept(self, title_id: str, context: Context, stickiness: timedelta) -> Decision | None:
        """The draw behind the title's picture on this device and in this daypart, if less than `stickiness` ago."""
        kept = self._kept.get((title_id, context.device, context.daypart))
        if kept is None or not timedelta(0) <= context.at - kept.at < stickiness:
            return None
        return kept.decision

    def get(self, decision_id: str) -> Shown | None:
        return self._shown.get(decision_id)

    def is_unprofiled(self, decision_id: str) -> bool:
        """Whether the decision was made without a profile."""
        shown = self._shown.get(decision_id)
        return shown is not None and not shown.profiled

    def drop(self, gone: Callable[[Decision], bool]) -> None:
        """Forgets decisions, and the pictures that they kept."""
        for key in [key for key, kept in self._kept.items() if gone(kept.decision)]:
            del self._kept[key]
        for decision_id in [id_ for id_, shown in self._shown.items() if gone(shown.decision)]:
            del self._shown[decision_id]

    def clear(self) -> None:
        """Forgets all."""
        self._shown.clear()
        self._kept.clear()

    def forget_pictures(self) -> None:
        """A new model draws anew."""
        self._kept.clear()

    def _keep(self, decision: Decision, at: datetime, device: str) -> None:
        if decision.sticky:  # does not renew the draw
            return
        key = (decision.title_id, device, daypart_of(at))
        self._kept[key] = Kept(decision, at)
        self._kept.move_to_end(key)
        if len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
