"""What the viewer does, as feedback for keyart: pictures in focus, plays, and what was passed over for a play.

Pure: the clock and what Kodi shows come in, calls of the sidecar come out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

SEEN_SECONDS = 1.0  # in focus for so long, a picture was looked at
REMEMBERED_SECONDS = 600.0  # pictures that were looked at before count as passed over for a play
REPORT_SECONDS = 5.0  # a killed Kodi loses so much of a play at most
MAX_STEP_SECONDS = 2.0  # of play between two looks at the player; more is a jump

Call = tuple[str, dict]  # a method of the sidecar and its parameters


@dataclass(frozen=True)
class Shown:
    """A picture of the list.

    Attributes:
        decision: Its decision.
        file: The video that it stands for.
    """

    decision: str
    file: str


@dataclass
class Play:
    """A play of a video.

    Attributes:
        film: Its title in the catalogue.
        at: Its start, as ISO 8601 with the zone.
        decision: The decision whose picture was in focus when it began, or None.
        seconds: How long it has been watched; jumps do not count.
        position: Last position in the video.
        reported: `seconds` when they were last reported.
    """

    film: str
    at: str
    decision: str | None
    seconds: float = 0.0
    position: float | None = None
    reported: float = 0.0


@dataclass
class Attention:
    """What was in focus lately, and what plays."""

    focus: Shown | None = None
    since: float = 0.0
    opened: Shown | None = None
    looked: dict[str, tuple[Shown, float]] = field(default_factory=dict)
    play: Play | None = None

    def look(self, shown: Shown | None, now: float) -> Iterator[Call]:
        """Take in what is in focus; a picture that was looked at is reported as seen, once."""
        if shown != self.focus:
            self.focus, self.since = shown, now
        elif shown is not None and shown.decision not in self.looked and now - self.since >= SEEN_SECONDS:
            yield "seen", {"decision_id": shown.decision}
            self.looked[shown.decision] = (shown, now)

    def open_page(self) -> Iterator[Call]:
        """Take in that the page of the film in focus is open."""
        if self.focus is not None and self.focus != self.opened:
            self.opened = self.focus
            yield "observe", {"decision_id": self.focus.decision, "outcome": {"kind": "opened"}}

    def start(self, file: str, film: str, at: str, now: float) -> Iterator[Call]:
        """Take in that a video begins; what else was looked at was passed over."""
        chosen = self.focus if self.focus is not None and self.focus.file == file else None
        for shown, when in self.looked.values():
            if shown.file != file and now - when <= REMEMBERED_SECONDS:
                yield "observe", {"decision_id": shown.decision, "outcome": {"kind": "skipped"}}
        self.looked.clear()
        self.play = Play(film, at, chosen.decision if chosen else None)

    def advance(self, position: float) -> Iterator[Call]:
        """Take in the position of the video that plays."""
        play = self.play
        if play is None:
            return
        if play.position is not None and 0 < position - play.position <= MAX_STEP_SECONDS:
            play.seconds += position - play.position
        play.position = position
        if play.decision and play.seconds - play.reported >= REPORT_SECONDS:
            yield self._played(play)

    def stop(self, device: str) -> Iterator[Call]:
        """Take in that the video has ended, or was stopped."""
        play, self.play = self.play, None
        if play is None:
            return
        if play.decision:
            yield self._played(play)
        view = {"title_id": play.film, "at": play.at, "seconds": play.seconds, "device": device}
        yield "record", {"views": [view]}

    @staticmethod
    def _played(play: Play) -> Call:
        play.reported = play.seconds
        return "observe", {"decision_id": play.decision, "outcome": {"kind": "played", "seconds": play.seconds}}


def unrecorded_views(export: dict) -> list[dict]:
    """Return the views of plays that Kodi did not live to see the end of: their outcomes are kept, without a view.

    Args:
        export: What the sidecar's `export` returns.
    """
    decisions = {decision["id"]: decision for decision in export["decisions"]}
    latest: dict[str, str] = {}
    for view in export["views"]:
        latest[view["title_id"]] = max(view["at"], latest.get(view["title_id"], ""))
    return [
        {"title_id": film, "at": decision["at"], "seconds": outcome["seconds"], "device": decision["device"]}
        for outcome in export["outcomes"]
        if outcome["kind"] == "played" and (decision := decisions.get(outcome["decision_id"]))
        and latest.get(film := decision["title_id"], "") < decision["at"]
    ]  # fmt: skip
