"""Custody: what this device holds of one person, on which terms, and for how long.

Consent decides whether a profile is loaded at all; withdrawing it lets go of what is in memory, and what is stored
waits for `forget` or for its day. What was written `retention_days` ago goes, consent or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..catalog import Catalog
from ..errors import SettingError
from ..history import Reward
from ..model.loaded_model import LoadedModel
from ..store.database import Store, Table
from ..store.open_rounds import drop_open_rounds
from .consent import Consent
from .event_codec import Entry, day_of
from .event_log import EventLog
from .profile import Profile

MAX_RETENTION_DAYS = 365


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """profiling: whether a profile may be kept at all, given consent (not of a child, nor in mode "non_profiled").

    retention_days: how long views and decisions are kept after they were written. outcome_window: after which a
    picture that was seen and not answered counts as passed over.
    """

    profiling: bool
    reward: Reward
    retention_days: int
    outcome_window: timedelta

    def __post_init__(self) -> None:
        days, window = self.retention_days, self.outcome_window
        if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MAX_RETENTION_DAYS:
            raise SettingError(f"retention_days is {days!r}; give a whole number from 1 to {MAX_RETENTION_DAYS}.")
        if not isinstance(window, timedelta) or window <= timedelta(0):
            raise SettingError(f"outcome_window is {window!r}; give a timedelta above 0.")


class OpenProfile:
    """One opened store, its consents, its journal and, with consent, its profile. Its owner lets one thread at a time
    change it; `person` may be asked beside that."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        installed: LoadedModel,
        terms: RetentionSettings,
        clock: Callable[[], datetime],
        on_change: Callable[[str, bool], None],
    ) -> None:
        self.store = store
        self.journal = EventLog(store, self._today)
        self.consent = Consent(store, clock, on_change)
        self.profile: Profile | None = None
        self._catalog, self._terms, self._clock = catalog, terms, clock
        if self.allowed:
            self.profile = self.read(installed)

    @property
    def allowed(self) -> bool:
        """Whether choices may use, and the store may keep, anything about the person."""
        return self._terms.profiling and self.consent.allows("personalization")

    def person(self) -> Profile | None:
        """The profile, where it may be used."""
        return self.profile if self.allowed else None

    def read(self, installed: LoadedModel) -> Profile:
        """The profile as it is stored: for a person's rights, which need no consent. Choices must not see it then."""
        return Profile(self.store, self.journal, self._catalog, installed, self._terms.reward)

    def let_go(self) -> None:
        """Nothing of the person stays in memory; decisions that were not written yet never will be."""
        self.profile = None
        self.journal.drop_pending()

    def shown_within(self, span: timedelta) -> list[Entry]:
        """Decisions of that span and perhaps a day more, oldest first."""
        return list(self.journal.written_since(day_of(self._clock() - span) - 1))[::-1]

    @property
    def overdue(self) -> bool:
        """Whether something is held longer than the terms say."""
        return self.journal.holds_older(self._first_day())

    @property
    def holds_history(self) -> bool:
        """Whether a view or a decision is stored, with or without consent to use it."""
        return bool(self.store.count(Table.VIEW) or self.store.count(Table.DECISION))

    def keep_house(self, installed: LoadedModel) -> None:
        """Writes what is pending; what was seen and not answered becomes a skip, and what is too old goes."""
        person = self.person()
        if person is not None:
            while self.journal.write_batch():
                pass
            person.settle(self._clock(), self._terms.outcome_window)
        if self.overdue:
            (person or self.read(installed)).expire(self._first_day())
        if person is not None:
            person.summarise()
        self.drop_rounds()

    def drop_rounds(self) -> None:
        """Forgets the rounds of campaigns that are over; without consent, all that are in progress."""
        if self.store.count(Table.ROUND):
            may_go_on = self.allowed and self.consent.allows("federated")
            drop_open_rounds(self.store, self._clock().timestamp() if may_go_on else math.inf)

    def after_fork(self) -> None:
        """In a forked child: what is pending is the parent's to write, and the store refuses."""
        self.journal = EventLog(self.store, self._today)
        if self.profile is not None:
            self.profile.journal = self.journal

    def _today(self) -> int:
        return day_of(self._clock())

    def _first_day(self) -> int:
        """The oldest day of writing that is kept."""
        return self._today() - self._terms.retention_days
