"""The fleet as the server knows it: gateways, certified devices, and model versions in the sums of rounds."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..rounds.stage_windows import is_alive, last_heartbeats
from ..state.tables import EnrolledDeviceRow, RoundRow

RECENT: Final = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class VersionCount:
    """The devices with one model version in recent sums; a device counts in each sum that it took part in."""

    version: int
    devices: int
    sums: int


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """The fleet.

    Attributes:
        gateways: name, time of the last heartbeat, and whether it is alive.
        enrolled: devices that have registered for rounds.
        certified: those of them whose certificate is valid.
        versions: model versions in the sums of `RECENT`, newest first.
        estimated_at: time of the newest of these sums, or None.
    """

    gateways: tuple[tuple[str, datetime, bool], ...]
    enrolled: int
    certified: int
    versions: tuple[VersionCount, ...]
    estimated_at: datetime | None


def fleet_summary(session: Session, at: datetime) -> FleetSummary:
    """Read the summary as of now."""
    valid = func.count().filter(EnrolledDeviceRow.expires > at)
    enrolled, certified = session.execute(select(func.count(), valid).select_from(EnrolledDeviceRow)).one()
    recent = select(RoundRow.masked, RoundRow.result, RoundRow.changed).where(
        RoundRow.standing == "done", RoundRow.changed >= at - RECENT
    )
    devices, sums = Counter[int](), Counter[int]()
    newest: datetime | None = None
    for in_sum, result, changed in session.execute(recent):
        version = json.loads(result).get("installed")
        if isinstance(version, int):
            devices[version] += in_sum
            sums[version] += 1
            newest = changed if newest is None else max(newest, changed)
    heartbeats = last_heartbeats(session)
    return FleetSummary(
        tuple((name, seen, is_alive(seen, at)) for name, seen in heartbeats.items()),
        enrolled,
        certified,
        tuple(VersionCount(version, devices[version], sums[version]) for version in sorted(devices, reverse=True)),
        newest,
    )
