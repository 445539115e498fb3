"""The Markdown pages of the repository: their code, links and anchors, by GitHub's rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
OUTSIDE = ("https://", "http://", "mailto:")
FRONT = "README.md"
NONE: Mapping[str, set[str]] = {}


@dataclass(frozen=True)
class Page:
    """A Markdown file.

    Attributes:
        path: Path relative to the root of the checkout.
        text: Source of the page.
    """

    path: Path
    text: str

    @cached_property
    def tokens(self) -> list[Token]:
        return MarkdownIt("commonmark", {"html": False}).enable("table").parse(self.text)

    @cached_property
    def anchors(self) -> set[str]:
        return {slug(token.content) for _, token in headings(self.tokens)}

    def links(self) -> Iterator[str]:
        """Yield the targets of links and pictures, except those to other sites."""
        for outer in self.tokens:
            for token in outer.children or ():
                target = token.attrGet("href" if token.type == "link_open" else "src")
                if token.type in ("link_open", "image") and not str(target).startswith(OUTSIDE):
                    yield str(target)

    def blocks(self, language: str) -> Iterator[tuple[str, str]]:
        """Yield heading and content of each block of code that is marked with this language."""
        heading = ""
        for before, token in pairwise(self.tokens):
            if before.type == "heading_open":
                heading = token.content
            elif token.type == "fence" and token.info.strip() == language:
                yield heading, token.content


def headings(tokens: list[Token]) -> Iterator[tuple[int, Token]]:
    """Yield level and inline token of each heading."""
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open":
            yield int(opening.tag[1:]), content


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def read_pages(root: Path = ROOT) -> list[Page]:
    """Return all pages of a checkout, the README first."""
    paths = [root / FRONT]
    for found in (root.glob("*.md"), (root / "docs").rglob("*.md")):
        paths += [path for path in sorted(found) if path != root / FRONT]
    return [Page(path.relative_to(root), path.read_text(encoding="utf-8")) for path in paths]


def broken_links(pages: list[Page], root: Path = ROOT, built: Mapping[str, set[str]] = NONE) -> list[str]:
    """Return `page: target` for each link that leads nowhere, or to a heading that is not there.

    built: anchors by path of the page, for headings that only the site has.
    """
    by_path = {(root / page.path).resolve(): page for page in pages}
    broken = []
    for page in pages:
        for link in page.links():
            name, _, anchor = link.partition("#")
            target = (root / page.path.parent / name).resolve() if name else (root / page.path).resolve()
            there = by_path.get(target)
            anchors = set() if there is None else there.anchors | built.get(str(there.path), set())
            if not target.exists() or (anchor and anchor not in anchors):
                broken.append(f"{page.path}: {link}")
    return broken
