"""An operator's day on the command line: the real server, Flower and devices, from the login to the audit log."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.catalogs import sample_bundle, sample_catalog
from support.server import running
from support.visiting_devices import prepared, until, visiting

DEVICES = 12
SETTINGS = {"topic": "rates", "minimum_devices": 6, "wanted": 8, "patience": 600, "hours": 0}
COMMAND = (sys.executable, "-c", "from keyart_tools.cli import main; main(prog_name='keyart')")
Keyart = Callable[..., Any]


@pytest.fixture
def keyart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyart:
    """Runs the command in a process of its own; what it wrote as JSON, or its error."""
    for name in ("KEYART_SERVER", "KEYART_TOKEN_FILE", "KEYART_CA"):
        monkeypatch.delenv(name, raising=False)
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path)}

    def keyart(line: str, *more: str | Path, fails: bool = False) -> Any:
        words = [*COMMAND, *line.split(), *map(str, more), "--json"]
        done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=600, check=False)
        assert (done.returncode != 0) is fails, done.stderr + done.stdout
        if fails:
            assert done.stderr.startswith("Error: ") and done.stdout == ""
            return done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()] if "watch" in line else json.loads(done.stdout)

    return keyart


@pytest.mark.service
def test_an_operators_day_on_the_command_line(keyart: Keyart, tmp_path: Path) -> None:
    with running(tmp_path / "data", *prepared(tmp_path)) as server:
        token = tmp_path / "data" / "admin.token"
        assert keyart("login --token-file", token, "--server", server.started["address"])["saved"]
        assert keyart("campaign list") == {"items": [], "next": None}

        settings = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
        create = ["--kind", "statistics", "--name", "Artworks", "--epsilon", "4", "--rounds", "1", *settings]
        made = keyart("campaign create --idempotency-key artworks-1", *create)
        assert keyart("campaign create --idempotency-key artworks-1", *create)["id"] == made["id"]
        (listed,) = keyart("campaign list --state draft")["items"]
        assert listed["id"] == made["id"] and listed["settings"]["minimum_devices"] == 6

        with visiting(server, tmp_path, DEVICES) as said:
            until(lambda: sum(entry["event"] == "enrolled" for entry in said()) == DEVICES)
            assert keyart("campaign start", made["id"])["state"] == "running"
            changes = keyart("campaign watch --every 0.5", made["id"])
        assert changes[-1]["campaign"]["state"] == "done"
        seen = {change["round"]["standing"] for change in changes if change["round"] is not None}
        assert "done" in seen and len(seen) > 2
        assert "is done, and pause needs" in keyart("campaign pause", made["id"], fails=True)

        (round_,) = keyart("campaign rounds", made["id"])["items"]
        assert round_["cohort"]["masked"] >= 6 and round_["charge"] == keyart("budget show")["spent"] > 0
        (result,) = keyart("campaign results", made["id"])["items"]
        assert result["devices"] == round_["survivors"] and result["rates"]
        exported = keyart("campaign export", made["id"], "--out", tmp_path / "rates.csv")
        rows = list(csv.DictReader((tmp_path / "rates.csv").read_text().splitlines()))
        rates = [row for row in rows if row["quantity"] == "rate"]
        assert exported["entries"] == len(rows) and [row["name"] for row in rates] == [
            rate["segment"] for rate in result["rates"]
        ]
        assert [row["drowned"] for row in rates] == [str(rate["drowned"]) for rate in result["rates"]]

        newer = sample_bundle(tmp_path / "newer", sample_catalog(), seed=2, version=2)
        uploaded = keyart("release upload --idempotency-key newer-1", newer)
        assert uploaded["standing"] == "rolling" and 0 < uploaded["share"] < 1
        assert keyart("release hold 2")["standing"] == "held"
        assert keyart("release show 2")["share"] == 0.5  # a fleet of twelve has no smaller stage
        assert "reason" in keyart("release promote 2", fails=True)
        assert keyart("release promote 2 --reason", "Twelve devices liked it.")["standing"] == "released"
        assert keyart("release withdraw 2")["standing"] == "withdrawn"
        assert [item["version"] for item in keyart("release list")["items"]][-2:] == [2, 1]
        assert "Nobody" not in keyart("release show 99", fails=True)

        overview = keyart("top")
        assert overview["campaigns"] == [] and overview["fleet"]["devices"] >= round_["cohort"]["keys"]
        actions = [entry["action"] for entry in keyart("audit list")["items"]]
        assert actions.count("campaign.create") == 1 and "campaign.start" in actions
        assert keyart("audit list --limit 3")["items"][0]["number"] == len(actions)

        keyart("logout")
        assert "Run `keyart login" in keyart("campaign list", fails=True)
        secret = token.read_text().strip()
        assert secret not in (tmp_path / "data.log").read_text()
