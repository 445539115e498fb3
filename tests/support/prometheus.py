"""Prometheus's own tool, and what it says about text, rules and expressions."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from support.services import missing

DEPLOY = Path(__file__).parents[2] / "server" / "deploy"
ALERTS, DASHBOARD = DEPLOY / "alerts.yaml", DEPLOY / "grafana-dashboard.json"
METRIC = re.compile(r"\b(?:keyart|process|python)_[a-z_]+|\bup\b")
SERIES_OF_HISTOGRAM = re.compile(r"_(?:bucket|sum|count)$")


def promtool(*arguments: str | Path, text: str = "") -> str:
    """What promtool prints; it must succeed."""
    program = shutil.which("promtool")
    if program is None:
        missing("no promtool here: install the Debian package prometheus")
    done = subprocess.run(
        [program, *map(str, arguments)], input=text, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    """The rules of alerts.yaml."""
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def metrics_in(expression: str) -> set[str]:
    """The metrics that an expression reads, a histogram by its own name."""
    return {SERIES_OF_HISTOGRAM.sub("", name) for name in METRIC.findall(re.sub(r"\{[^}]*\}", "", expression))}


def exported(text: str) -> set[str]:
    """The names of all metrics in the text of /metrics."""
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
