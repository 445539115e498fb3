"""The shell of docs/how-to/runbook.md, by the heading that it stands under."""

from __future__ import annotations

from pathlib import Path

from keyart_tools import docs

ROOT = Path(__file__).parents[1]


def blocks() -> list[tuple[str, str]]:
    """Heading and content of each block that is marked `sh`, as they stand on the page."""
    page = next(page for page in docs.read_pages(ROOT) if str(page.path) == "docs/how-to/runbook.md")
    found, heading = [], ""
    for before, token in zip(page.tokens, page.tokens[1:], strict=False):
        if before.type == "heading_open":
            heading = token.content
        elif token.type == "fence" and token.info.strip() == "sh":
            found.append((heading, token.content))
    return found


def block(heading: str) -> str:
    """The first block under this heading."""
    return next(content for under, content in blocks() if under == heading)
