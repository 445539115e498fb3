"""The shell of docs/how-to/runbook.md, by the heading that it stands under."""

from __future__ import annotations

from docs_pages import ROOT, read_pages

__all__ = ["ROOT", "block", "blocks"]


def blocks() -> list[tuple[str, str]]:
    """Heading and content of each block that is marked `sh`, as they stand on the page."""
    page = next(page for page in read_pages() if str(page.path) == "docs/how-to/runbook.md")
    return list(page.blocks("sh"))


def block(heading: str) -> str:
    """The first block under this heading."""
    return next(content for under, content in blocks() if under == heading)
