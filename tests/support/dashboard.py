"""A server's database as it looks after a year: 50 campaigns, 1,000 rounds, their charges, releases, gateways.

Written by table and not step by step: how it comes about is tested elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import math
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from keyart.secagg import Stage
from keyart_federated.campaigns import checked
from keyart_server import audit_log, budget
from keyart_server.budget.charges import to_json
from keyart_server.campaigns import Campaign, campaign_store
from keyart_server.state.tables import (
    CampaignRow,
    ChargeRow,
    EnrolledDeviceRow,
    GatewayRow,
    MemberRow,
    ReleaseRow,
    RoundRow,
    SubmissionRow,
)
from support import rounds as round_samples

HOSTILE = "<script>alert(1)</script> \" ' {{ 7 * 7 }} &amp;"
STATES = ("running", "running", "paused", "done", "stopped", "draft")
SETTINGS: dict[str, dict[str, Any]] = {
    "training": {},
    "statistics": {"topic": "rates"},
    "experiment": {"name": "larger-faces", "arms": ["as now", "larger faces"]},
    "evaluation": {"version": 7},
}
NAMES = {
    "training": "Spring model",
    "statistics": "Take rate by the day",
    "experiment": "Larger faces",
    "evaluation": "What would 7 be worth",
}
BLOB = bytes(200_000)  # an offer with its payload; no page may read it


def campaign(
    session: Session, at: datetime, kind: str = "training", name: str = "Spring", state: str = "running"
) -> str:
    """The id of one that stands at `state`, with the settings that a form would give it."""
    made = campaign_store.create(session, at, "server", name, kind, rounds=60, settings=checked(kind, SETTINGS[kind]))  # type: ignore[arg-type]
    if state != "draft":
        session.flush()
        row = session.get_one(CampaignRow, made.id)
        row.state = state
    return made.id


def round_row(campaign_id: str, number: int, at: datetime, standing: str = "done", **changes: Any) -> dict[str, Any]:
    """Of table `rounds`: 1,000 were wanted, and some left at each stage."""
    joined = 1000 - (number * 7) % 60
    held = b"" if standing in ("done", "failed") else BLOB  # what a round loses with its end
    return {
        "id": hashlib.sha256(f"{campaign_id} {number}".encode()).hexdigest(),
        "campaign_id": campaign_id,
        "number": number,
        "topic": "training",
        "standing": standing,
        "offer": held,
        "parameters": b"",
        "event": to_json(round_samples.EVENT),
        "key": b"",
        "waiting": held,
        "low": 0.0,
        "high": 1.0,
        "wanted": 1000,
        "patience": 10_800.0,
        "opened": at,
        "changed": at,
        "keys": joined,
        "shares": joined - 9,
        "masked": joined - 21,
        "unmasked": joined - 24,
        "failure": "",
        "total": held,
        "result": "{}",
        **changes,
    }


def told(kind: str, number: int) -> dict[str, Any]:
    """What a round of a kind tells; see `work`."""
    rate = 0.31 + 0.02 * math.sin(number / 6) + 0.0004 * number
    half = 0.05 / math.sqrt(number)
    common = {"used": True, "devices": 950, "installed": 12 + number // 12}
    if kind == "training":
        return {
            **common,
            "version": 13 + number // 12,
            "plays": 0.41,
            "quality_plays": rate,
            "step": 0.37 / number,
            "unclipped": 0.05 + 0.02 * math.sin(number),
            "reward": {"mean": rate, "low": rate - half, "high": rate + half},
        }
    if kind == "statistics":
        parts = {"all": 0.0, "tv": 0.04, "phone": -0.03, "evening": 0.01}
        segments = {
            name: {
                "rate": rate + off,
                "low": rate + off - half * wide,
                "high": rate + off + half * wide,
                "last": None,
            }
            for (name, off), wide in zip(parts.items(), (1, 1.5, 1.6, 2), strict=True)
        }
        return {**common, "segments": {**segments, "tablet": {"rate": None, "low": None, "high": None}}}
    if kind == "experiment":
        arm = "larger faces"
        effect: dict[str, Any] = {"difference": 0.011, "low": 0.011 - half, "high": 0.011 + half, "control": 0.31}
        effect["relative"] = {name: effect[name] / 0.31 for name in ("difference", "low", "high")}
        better = effect["low"] > 0
        word, text = (
            ("better", "“larger faces” wins.")
            if better
            else ("not yet", "Quality plays a picture: +3.5 % relative change, between −10 % and +17 %.")
        )
        return {
            **common,
            "looks": number,
            "day": 7.0 + 2 * (number - 1),
            "arms": {"as now": 610.0 * number, arm: 602.0 * number},
            "mismatches": {arm: {"difference": -8.0 * number, "bound": 90.0 * math.sqrt(number), "found": False}},
            "metrics": {
                "quality_plays": {arm: effect},
                "abandonment": {arm: {**effect, "difference": -0.002, "low": -0.01}},
            },
            "groups": {"tv": {arm: {**effect, "low": -0.02}}},
            "verdicts": {
                arm: {
                    "word": word,
                    "text": text,
                    "forecast": "" if better else "About 9 more days at the present pace should decide.",
                }
            },
            "decided": better,
        }
    return {**common, "version": 7, "rate": rate, "low": rate - half, "high": rate + half, "logged": 0.3}


def gates(version: int) -> list[dict[str, Any]]:
    """Of a release: those that need no device, and comparisons."""
    passed = [
        {"name": "whole", "verdict": "passed", "sentence": "All files are as the manifest says.", "numbers": {}},
        {
            "name": "canary",
            "verdict": "passed",
            "sentence": "Expected scores in all 9 cases.",
            "numbers": {"cases": 9},
        },
    ]
    mean = 0.004 * math.sin(version)
    for name, wide in (("quality all", 1.0), ("quality tv", 1.6), ("quality phone", 1.8), ("quality evening", 2.4)):
        low, high = mean - 0.004 * wide, mean + 0.004 * wide
        numbers = {"mean": mean, "low": low, "high": high, "margin": 0.02, "devices": 612.4}
        said = f"{name}: {mean:+.4f} ({low:+.4f} to {high:+.4f}) a decision, no fall of 0.02."
        passed.append({"name": name, "verdict": "passed", "sentence": said, "numbers": numbers})
    drowned = {
        "name": "quality tablet",
        "verdict": "unclear",
        "sentence": "tablet: the noise drowns it; ask more devices.",
    }
    return [*passed, {**drowned, "numbers": {"mean": None, "low": None, "high": None}}]


def release_row(version: int, at: datetime, standing: str = "released", **changes: Any) -> dict[str, Any]:
    return {
        "version": version, "campaign_id": None, "number": 0, "base": version - 1 if version > 7 else None,
        "standing": standing, "share": 1.0, "digest": f"{version:064x}", "files": BLOB, "plan": "{}",
        "gates": json.dumps(gates(version)), "reason": "", "created": at, "changed": at, **changes,
    }  # fmt: skip


def fill(session: Session, at: datetime, campaigns: int = 50, rounds: int = 1000) -> list[Campaign]:
    """All of it. The newest round of each campaign that runs goes on; every 31st failed."""
    budget.configure(session, at, 8.0, 1e-6)
    year = timedelta(days=360)
    ids = []
    kinds = list(SETTINGS)
    for i in range(campaigns):
        kind = kinds[i % len(kinds)]
        name = HOSTILE if i == 9 else f"{NAMES[kind]} {i // len(kinds) + 1}"
        ids.append((campaign(session, at - year * (1 - i / campaigns), kind, name, STATES[i % len(STATES)]), kind, i))
    started = [one for one in ids if STATES[one[2] % len(STATES)] != "draft"]
    rows, charges = [], []
    numbers: dict[str, int] = {}
    for k in range(rounds):
        campaign_id, kind, i = started[k % len(started)]
        number = numbers[campaign_id] = numbers.get(campaign_id, 0) + 1
        when = at - year * (1 - (k + 1) / rounds) - timedelta(minutes=90)
        newest = k >= rounds - len(started)
        standing = "done"
        if newest and STATES[i % len(STATES)] == "running":
            when = at - timedelta(minutes=3 * i)
            standing = ("keys", "share", "masked", "unmask")[i % 4]
        elif k % 31 == 7:
            standing = "failed"
        changes: dict[str, Any] = {"topic": kind}
        if standing == "done":
            changes["result"] = json.dumps(told(kind, number))
        elif standing == "failed":
            changes |= {"failure": "412 devices are left of the 700 that are needed.", "unmasked": 0, "masked": 412}
        else:
            done = ("keys", "shares", "masked", "unmasked")[("keys", "share", "masked", "unmask").index(standing) :]
            changes |= dict.fromkeys(done, 0)
        rows.append(round_row(campaign_id, number, when, standing, **changes))
        if standing not in ("keys", "share"):
            charges.append(
                {
                    "campaign_id": campaign_id,
                    "number": number,
                    "event": rows[-1]["event"],
                    "low": 0.0,
                    "high": 1.0,
                    "at": when,
                }
            )
    session.flush()
    for first in range(0, len(rows), 100):
        session.execute(insert(RoundRow), rows[first : first + 100])
    charges.sort(key=lambda charge: charge["at"])
    spent = [{**charge, "spent": 5.6 * math.sqrt((k + 1) / len(charges))} for k, charge in enumerate(charges)]
    session.execute(insert(ChargeRow), spent)
    for of in rows:
        if of["standing"] in ("keys", "share", "masked", "unmask"):
            come(session, of["id"], Stage(["keys", "share", "masked", "unmask"].index(of["standing"]) + 1), 640)
    session.execute(insert(ReleaseRow), releases(at, ids[0][0]))
    session.execute(delete(GatewayRow))  # the server itself may have been heard
    session.execute(
        insert(GatewayRow),
        [
            {"name": name, "last_heartbeat": at - timedelta(minutes=ago)}
            for name, ago in (("main", 0), ("west", 1), ("east", 47))
        ],
    )
    session.execute(
        insert(EnrolledDeviceRow),
        [
            {"device_key_hash": f"{n:064x}", "by": "token:app", "at": at, "expires": at + timedelta(days=n - 40)}
            for n in range(2000)
        ],
    )
    return campaign_store.list_all(session)


def come(session: Session, round_id: str, stage: Stage, devices: int) -> None:
    """So many have answered at this stage."""
    session.execute(
        insert(MemberRow),
        [
            {"round_id": round_id, "number": n, "device_key_hash": f"{n:064x}", "gateway": "main"}
            for n in range(devices)
        ],
    )
    session.execute(
        insert(SubmissionRow),
        [
            {"round_id": round_id, "stage": int(stage), "number": n, "gateway": "main", "digest": b"", "body": b""}
            for n in range(devices)
        ],
    )


def releases(at: datetime, campaign_id: str) -> list[dict[str, Any]]:
    """One of each standing, and a line of released ones before them."""
    made = {"campaign_id": campaign_id}
    days = [at - timedelta(days=3 * n) for n in range(20)]
    return [
        *(release_row(version, days[20 - version], number=version, **made) for version in range(7, 13)),
        release_row(13, days[7], "refused", share=0.0, number=13, reason="quality tv: a fall of 0.05.", **made),
        release_row(14, days[6], "withdrawn", base=12, number=14, reason="By person:Kim.", **made),
        release_row(15, days[5], base=14, reason="Model 15 restores the weights of model 12."),
        release_row(16, days[4], "held", share=0.1, number=16, reason="take rate all: a fall of 0.02.", **made),
        release_row(17, days[3], "rolling", base=15, share=0.1, number=17, **made),
        release_row(
            18, days[2], "waiting", base=17, share=0.0, number=18,
            reason="The signing key of the targets role is missing: put targets.pem into the folder keys.", **made,
        ),
        release_row(19, days[1], "candidate", base=17, share=0.0, number=19, gates="[]", **made),
    ]  # fmt: skip


def log(session: Session, at: datetime, rows: int) -> None:
    for n in range(rows):
        audit_log.append(session, at, "person:Kim", "campaign.start", f"{n:016x}", note=HOSTILE)
