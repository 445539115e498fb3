"""The rows of a viewing history, before they are matched to a catalogue."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from keyart.errors import HistoryError


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A row of the file.

    Attributes:
        line: line of the file, or number of the entry.
        title: name in the file.
        at: time of the view.
        seconds: duration; None if the file has none.
        device: device class.
        profile: name of the person in the file; "" if it has none.
    """

    line: int
    title: str
    at: datetime
    seconds: float | None
    device: str
    profile: str = ""


@dataclass(frozen=True, slots=True)
class ViewingHistory:
    """The rows of a file.

    Attributes:
        form: name of the file's format.
        rows: the views.
        left_out: number of rows that are not views, by reason.
        unreadable: line and error of each unreadable row.
    """

    form: str
    rows: tuple[HistoryRow, ...]
    left_out: Counter[str] = field(default_factory=Counter)
    unreadable: tuple[tuple[int, str], ...] = ()

    def profiles(self) -> dict[str, int]:
        """Return the number of views by person, sorted by name."""
        return dict(sorted(Counter(row.profile for row in self.rows).items()))

    def of_profile(self, name: str | None) -> tuple[HistoryRow, ...]:
        """Return the rows of one person; None selects the only one.

        Raises:
            HistoryError: the person does not exist, or the selection is ambiguous.
        """
        persons = self.profiles()
        if name is not None and list(persons) == [""]:
            raise HistoryError("The file names no persons; omit --profile-name.")
        named = ", ".join(f"{profile!r} ({count:,})" for profile, count in persons.items())
        if name is None:
            if len(persons) > 1:
                raise HistoryError(
                    f"The file holds the views of {len(persons)} persons: {named}. Choose one with --profile-name."
                )
            return self.rows
        rows = tuple(row for row in self.rows if row.profile.casefold() == name.casefold())
        if not rows:
            raise HistoryError(f"The file has no person {name!r}; it has {named}.")
        return rows
