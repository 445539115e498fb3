"""What a file says that somebody watched, before any catalogue is asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from keyart.errors import HistoryError


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One row. line: of the file, or the entry's number. title: as written there. seconds: None where it is not said.

    profile: the person's name in the file, '' where it has none. device: a device class of keyart.
    """

    line: int
    title: str
    at: datetime
    seconds: float | None
    device: str
    profile: str = ""


@dataclass(frozen=True, slots=True)
class ViewingHistory:
    """A file's rows. form: which of the known ones it has. left_out: by reason, how many rows are no views.

    unreadable: line and what is wrong with it.
    """

    form: str
    rows: tuple[HistoryRow, ...]
    left_out: Counter[str] = field(default_factory=Counter)
    unreadable: tuple[tuple[int, str], ...] = ()

    def profiles(self) -> dict[str, int]:
        """The people in the file, with how much each watched, in the order of their names."""
        return dict(sorted(Counter(row.profile for row in self.rows).items()))

    def of_profile(self, name: str | None) -> tuple[HistoryRow, ...]:
        """The rows of one person; None: of the only one. Raises HistoryError where that is no answer."""
        there = self.profiles()
        if name is not None and list(there) == [""]:
            raise HistoryError("The file does not say who watched; leave --profile-name out.")
        named = ", ".join(f"{profile!r} ({count:,})" for profile, count in there.items())
        if name is None:
            if len(there) > 1:
                raise HistoryError(
                    f"The file holds what {len(there)} people watched: {named}. Choose one by --profile-name."
                )
            return self.rows
        rows = tuple(row for row in self.rows if row.profile.casefold() == name.casefold())
        if not rows:
            raise HistoryError(f"Nobody is called {name!r} in the file; there is {named}.")
        return rows
