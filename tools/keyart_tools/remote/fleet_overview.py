"""An overview of the fleet, as a frame of text for a terminal: campaigns, rounds, releases, gateways, budget. Pure.

The frame fits any terminal of 40 columns and 12 lines or more: each section gets up to three lines, and the other
lines go to the sections in order. What does not fit is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from .answers import printable
from .campaign_progress import CampaignProgress
from .object_tables import MISSING, Item, epsilon, number, percent, utc_minute

MIN_WIDTH, MIN_HEIGHT = 40, 12
CURRENT_RELEASES: Final = ("candidate", "waiting", "rolling", "held")  # statuses that somebody may act on


@dataclass(frozen=True, slots=True)
class Overview:
    """Answers of a server at one moment.

    Attributes:
        server: address of the server.
        at: when they were asked for.
        campaigns: campaigns that have not ended.
        rounds: newest round of each of them that has one, by the campaign's id.
        releases: newest releases.
    """

    server: str
    at: datetime
    campaigns: Sequence[Item]
    rounds: Mapping[str, Item]
    releases: Sequence[Item]
    fleet: Item
    budget: Item

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "server": self.server,
            "at": self.at.isoformat(timespec="seconds"),
            "campaigns": list(self.campaigns),
            "rounds": dict(self.rounds),
            "releases": list(self.releases),
            "fleet": dict(self.fleet),
            "budget": dict(self.budget),
        }


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its lines."""

    heading: str
    lines: tuple[str, ...]


def frame(overview: Overview, width: int, height: int, remark: str = "") -> list[str]:
    """Return the overview as at most `height` lines of at most `width` characters.

    Args:
        overview: what to show.
        width: columns of the terminal.
        height: lines of the terminal.
        remark: sentence for the first line, such as that the server does not answer.
    """
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    sections = [_campaigns(overview), _releases(overview), _devices(overview), _gateways(overview)]
    head = [
        remark or f"keyart at {overview.server}, {overview.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        _budget(overview.budget),
    ]
    shares = _share([len(section.lines) for section in sections], height - len(head) - len(sections))
    body = [_cut(section, share) for section, share in zip(sections, shares, strict=True)]
    return [_fit(line, width) for lines in (head, *body) for line in lines]


def _share(wanted: Sequence[int], free: int) -> list[int]:
    """Divide the free lines: up to three for each section, one after the other, then the rest in order."""
    shares = [0 for _ in wanted]
    for bound in (1, 2, 3, max(wanted)):
        for index, lines in enumerate(wanted):
            more = max(0, min(min(lines, bound) - shares[index], free))
            shares[index] += more
            free -= more
    return shares


def _cut(section: Section, lines: int) -> list[str]:
    """Return the heading, and the lines or as many as there is room for."""
    if lines >= len(section.lines):
        return [section.heading, *section.lines]
    kept = max(lines - 1, 0)
    return [section.heading, *section.lines[:kept], f"  … and {len(section.lines) - kept} more"][: lines + 1]


def _fit(text: str, width: int) -> str:
    line = printable(text).rstrip()
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _budget(budget: Item) -> str:
    limit, spent = budget.get("epsilon"), budget.get("spent")
    sentence = f"Privacy budget: ε {epsilon(spent or 0.0)} of {epsilon(limit)} spent"
    exhausted = (budget.get("forecast") or {}).get("exhausted_at")
    return f"{sentence}, exhausted by {utc_minute(exhausted)}" if exhausted else sentence


def _campaigns(overview: Overview) -> Section:
    states = Counter(str(item.get("state")) for item in overview.campaigns)
    rows = []
    for item in overview.campaigns:
        progress = CampaignProgress.read(item, overview.rounds.get(str(item.get("id"))))
        done = f"{progress.rounds_done}/{progress.rounds}"
        rows.append(
            f"  {progress.name[:20]:<20} {progress.state:<7} {done:>7}  ε {epsilon(progress.charged):>5}  "
            f"{_activity(progress)}"
        )
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    return Section(f"CAMPAIGNS  {counts}", tuple(rows) or ("  No campaign is running, paused or a draft.",))


def _activity(progress: CampaignProgress) -> str:
    round_ = progress.round_
    if round_ is None or not round_.is_active:
        return progress.waiting
    devices = next((stage.devices for stage in reversed(round_.stages) if stage.devices), 0)
    minimum = f" of {progress.minimum:,}" if progress.minimum else ""
    return f"round {round_.number}, {round_.status}: {devices:,}{minimum}"


def _releases(overview: Overview) -> Section:
    offered = [item for item in overview.releases if item.get("standing") == "released"][:1]
    shown = [item for item in overview.releases if item.get("standing") in CURRENT_RELEASES]
    rows = [
        f"  model {item.get('version'):<6} {item.get('standing', ''):<10} {percent(item.get('share')):>6}  "
        f"{item.get('reason') or ''}"
        for item in (*shown, *offered)
    ]
    return Section(f"RELEASES  {len(overview.releases)}", tuple(rows) or ("  No model has been released.",))


def _devices(overview: Overview) -> Section:
    versions = overview.fleet.get("by_version") or []
    rows = tuple(
        f"  model {item.get('version'):<6} {percent(item.get('share')):>6}  "
        f"{number(item.get('devices', 0))} participations in 28 days"
        for item in versions
    )
    devices = overview.fleet.get("devices")
    return Section(f"DEVICES  {MISSING if devices is None else number(devices)} enrolled", rows)


def _gateways(overview: Overview) -> Section:
    found = overview.fleet.get("gateways") or []
    alive = sum(bool(item.get("alive")) for item in found)
    rows = tuple(
        f"  {str(item.get('name', ''))[:24]:<24} {'alive' if item.get('alive') else 'silent':<8} "
        f"last seen {utc_minute(item.get('seen') or MISSING)} UTC"
        for item in sorted(found, key=lambda item: bool(item.get("alive")))
    )
    return Section(f"GATEWAYS  {alive} of {len(found)} alive", rows or ("  No gateway has reported yet.",))
