"""Checks of the machine: clock, terminal, memory."""

from __future__ import annotations

import codecs
from datetime import timedelta

from .environment import Environment
from .finding import Finding, ok, problem, warning

YEARS = range(2025, 2100)
CLOCK_TOLERANCE = timedelta(minutes=5)  # file systems and clocks of two machines
SUPERNODE_BYTES = 275_000_000  # resident memory of one of Flower's
WRITTEN = "ε ± σ – é"  # what tables and reports write


def clock(environment: Environment) -> Finding:
    """Check the clock, which dates dayparts, views and receipts."""
    machine = environment.machine
    seen = f"{machine.now:%Y-%m-%d %H:%M} {machine.zone}"
    if machine.now.year not in YEARS:
        return problem("clock", seen, "Set the clock: decisions and receipts would carry this year.")
    if machine.now < machine.newest_file - CLOCK_TOLERANCE:
        return problem(
            "clock", f"{seen}, before keyart's own files ({machine.newest_file:%Y-%m-%d %H:%M})", "Set the clock."
        )
    if not machine.zone_known:
        return warning(
            "clock", f"{seen}: TZ names no zone, so times are UTC", "Set TZ to a name such as Europe/Paris."
        )
    return ok("clock", seen)


def terminal(environment: Environment) -> Finding:
    """Check whether stdout can encode what tables contain."""
    encoding = environment.machine.encoding
    try:
        WRITTEN.encode(codecs.lookup(encoding).name)
    except (LookupError, UnicodeEncodeError):
        return warning("terminal", f"{encoding} cannot write ε, ± and –", "export PYTHONUTF8=1, and a UTF-8 LANG")
    return ok("terminal", f"writes {encoding}")


def memory(environment: Environment) -> Finding:
    """Check the available memory."""
    free = environment.machine.memory
    if free is None:
        return ok("memory", "this system does not say")
    seen = f"{free / 1e9:.1f} GB available, enough for {free // SUPERNODE_BYTES} of Flower's SuperNodes"
    if free < SUPERNODE_BYTES:
        return warning("memory", seen, "End other programs before you train or tag.")
    return ok("memory", seen)
