"""The installed packages, from their own metadata (PEP 566, PEP 508)."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

from .environment import Installation

DISTRIBUTIONS = ("keyart", "keyart-tools")
OUR_TOOLS = "dev"  # the extra of those who work on keyart
SUM = "all"  # the extra that is the sum of the others


def installation() -> Installation:
    """Return the installation of the running Python."""
    roots = [distribution(name) for name in DISTRIBUTIONS]
    required = {"": tuple(wanted for root in roots for wanted in _wanted(root, ""))}
    listed = {*DISTRIBUTIONS, *(wanted.name for wanted in required[""])}
    for root in roots:
        for extra in sorted(set(root.metadata.get_all("Provides-Extra") or ()) - {OUR_TOOLS, SUM}):
            # Where an extra of one distribution names the other, its packages are listed there.
            if added := tuple(wanted for wanted in _wanted(root, extra) if wanted.name not in listed):
                required[extra] = added
    names = sorted({requirement.name for wanted in required.values() for requirement in wanted})
    return Installation(
        python=sys.version_info[:3],
        python_range=roots[0].metadata["Requires-Python"] or "",
        versions={name: there.version for name in names if (there := _find(name)) is not None},
        missing={
            extra: tuple(sorted(entry.name for entry in wanted if _find(entry.name) is None))
            for extra, wanted in required.items()
        },
        misfits=tuple(_misfits(roots, [*required])),
        sqlite=sqlite3.sqlite_version_info,
    )


def _misfits(roots: list[Distribution], extras: list[str]) -> Iterator[str]:
    """Follow the requirements of the installed packages, and yield one sentence per version conflict."""
    seen: set[tuple[str, str]] = set()
    open_ends = [(root, extra) for root in roots for extra in extras]
    while open_ends:
        package, extra = open_ends.pop()
        if (package.name, extra) in seen:
            continue
        seen.add((package.name, extra))
        for wanted in _wanted(package, extra):
            there = _find(wanted.name)
            if there is None:
                continue  # `missing` says it, where it matters
            if not wanted.specifier.contains(there.version, prereleases=True):
                yield f"{package.name} takes {wanted.name}{wanted.specifier}, and {there.version} is installed"
            open_ends += [(there, inner) for inner in ("", *wanted.extras)]


def _wanted(package: Distribution, extra: str) -> Iterator[Requirement]:
    """Yield the requirements of `package` with `extra` ("" for none) on this Python and system."""
    for line in package.requires or ():
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
            yield wanted


def _find(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None
