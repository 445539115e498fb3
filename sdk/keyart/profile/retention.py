"""Retention: what this device holds of one person, under which settings, and for how long.

Consent decides whether a profile is loaded at all; withdrawing it drops what is in memory, and what is stored waits
for `forget` or for its day. Decisions are deleted `retention_days` after they were written, and views at the
latest then (`event_codec.held_since`), consent or not.
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
from .consent import Consent, ProfilePurpose
from .event_codec import Entry, day_of
from .event_log import EventLog
from .profile import Profile

MAX_RETENTION_DAYS = 365


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """The settings of retention.

    Attributes:
        profiling: True if a profile may be kept at all, given consent (not of a child, nor in mode "non_profiled").
        reward: Thresholds of a quality play.
        retention_days: Number of days for which views and decisions are kept (`event_codec.held_since`).
        outcome_window: Time after which an artwork that was seen without an outcome counts as skipped.
        purpose: The consent that the profile needs.

    Raises:
        SettingError: A setting is out of range.
    """

    profiling: bool
    reward: Reward
    retention_days: int
    outcome_window: timedelta
    purpose: ProfilePurpose = "personalization"

    def __post_init__(self) -> None:
        days, window = self.retention_days, self.outcome_window
        if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MAX_RETENTION_DAYS:
            raise SettingError(f"retention_days is {days!r}; give a whole number from 1 to {MAX_RETENTION_DAYS}.")
        if not isinstance(window, timedelta) or window <= timedelta(0):
            raise SettingError(f"outcome_window is {window!r}; give a timedelta above 0.")


class OpenProfile:
    """An opened store with its consents, its event log and, with consent, its profile.

    Its owner lets one thread at a time change it; `person` may be called at the same time.
    """

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
        self.purpose = terms.purpose
        self.catalog, self._terms, self._clock = catalog, terms, clock
        if self.allowed:
            self.profile = self.read(installed)

    @property
    def takes_part(self) -> bool:
        """Return True if the person lets this profile take part in rounds; one of advertisements never does."""
        return self.purpose == "personalization" and self.consent.allows("federated")

    @property
    def allowed(self) -> bool:
        """Return True if choices may use, and the store may keep, anything about the person."""
        return self._terms.profiling and self.consent.allows(self.purpose)

    def person(self) -> Profile | None:
        """Return the profile, if it may be used."""
        return self.profile if self.allowed else None

    def read(self, installed: LoadedModel, catalog: Catalog | None = None) -> Profile:
        """Read the stored profile for a person's rights, which need no consent. Choices must not see it then.

        Args:
            installed: The model.
            catalog: The catalogue of the model; None for the present one.
        """
        return Profile(self.store, self.journal, catalog or self.catalog, installed, self._terms.reward)

    def let_go(self) -> None:
        """Drop the person from memory; decisions that were not written yet never will be."""
        self.profile = None
        self.journal.drop_pending()

    def shown_within(self, span: timedelta) -> list[Entry]:
        """Return the decisions of a span, and perhaps a day more, oldest first."""
        return list(self.journal.written_since(day_of(self._clock() - span) - 1))[::-1]

    @property
    def overdue(self) -> bool:
        """Return True if something is held longer than the settings allow."""
        return self.journal.holds_older(self._terms.retention_days)

    @property
    def holds_history(self) -> bool:
        """Return True if a view or a decision is stored, with or without consent to use it."""
        return not self.journal.empty

    def keep_house(self, installed: LoadedModel) -> None:
        """Write what is pending, record skips for artworks without an outcome, and delete what is too old.

        Storage that is read-only stays as it is.
        """
        if self.store.read_only:
            return
        person = self.person()
        if person is not None:
            while self.journal.write_batch():
                pass
            person.settle(self._clock(), self._terms.outcome_window)
        if self.overdue:
            (person or self.read(installed)).expire(self._terms.retention_days)
        self.journal.pack()
        if person is not None:
            person.summarise()
        self.drop_rounds()

    def drop_rounds(self) -> None:
        """Forget the rounds of campaigns that are over; without consent, all rounds in progress."""
        if self.store.count(Table.ROUND):
            may_go_on = self.allowed and self.takes_part
            drop_open_rounds(self.store, self._clock().timestamp() if may_go_on else math.inf)

    def after_fork(self) -> None:
        """Drop what is pending in a forked child: the parent writes it, and the store refuses."""
        self.journal = EventLog(self.store, self._today)
        if self.profile is not None:
            self.profile.journal = self.journal

    def _today(self) -> int:
        return day_of(self._clock())
