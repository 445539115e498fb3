"""`python -m keyart_tools.docs`: checks the pages' links and renders them to build/docs.

The pages are the markdown files at the root and in docs/. docs/reference/cli.md is written here, from the
commands themselves. Links go by GitHub's rules: relative to the page, `#` and the words of a heading.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
from pygments.util import ClassNotFound  # type: ignore[import-untyped]

if TYPE_CHECKING:
    import click

OUTSIDE = ("https://", "http://", "mailto:")
FRONT = "README.md"
CLI_PAGE = Path("docs", "reference", "cli.md")


@dataclass(frozen=True)
class Page:
    """A markdown file. path: relative to the root of the checkout. text: its source."""

    path: Path
    text: str

    @cached_property
    def tokens(self) -> list[Token]:
        return markdown().parse(self.text)

    @property
    def title(self) -> str:
        """The first heading."""
        return next((token.content for level, token in headings(self.tokens) if level == 1), self.path.stem)

    @property
    def output(self) -> str:
        """Name of the rendered file: index.html for the README of the checkout, else from the path."""
        if self.path == Path(FRONT):
            return "index.html"
        parts = [part for part in self.path.with_suffix("").parts if part != "docs"]
        return "-".join(part.lower() for part in parts) + ".html"

    @cached_property
    def anchors(self) -> set[str]:
        return {slug(token.content) for _, token in headings(self.tokens)}

    def links(self) -> Iterator[str]:
        """Targets of links and pictures, those to other places in the world left out."""
        for token in inline(self.tokens):
            target = token.attrGet("href" if token.type == "link_open" else "src")
            if token.type in ("link_open", "image") and not str(target).startswith(OUTSIDE):
                yield str(target)


def markdown() -> MarkdownIt:
    """CommonMark with tables; no raw HTML."""
    return MarkdownIt("commonmark", {"html": False, "highlight": coloured}).enable("table")


def coloured(code: str, language: str, _: str) -> str:
    """Code as HTML with a class a word; an unknown language stays plain."""
    try:
        lexer = get_lexer_by_name(language or "text")
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


def inline(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or ()


def headings(tokens: list[Token]) -> Iterator[tuple[int, Token]]:
    """Level and inline token of each heading."""
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open":
            yield int(opening.tag[1:]), content


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def read_pages(root: Path) -> list[Page]:
    """All pages of a checkout, the README first."""
    paths = [root / FRONT]
    for found in (root.glob("*.md"), (root / "docs").rglob("*.md")):
        paths += [path for path in sorted(found) if path != root / FRONT]
    return [Page(path.relative_to(root), path.read_text(encoding="utf-8")) for path in paths]


def broken_links(pages: list[Page], root: Path) -> list[str]:
    """`page: target` for each link that leads nowhere, or to a heading that is not there."""
    by_path = {(root / page.path).resolve(): page for page in pages}
    broken = []
    for page in pages:
        for link in page.links():
            name, _, anchor = link.partition("#")
            target = (root / page.path.parent / name).resolve() if name else (root / page.path).resolve()
            there = by_path.get(target)
            if not target.exists() or (anchor and (there is None or anchor not in there.anchors)):
                broken.append(f"{page.path}: {link}")
    return broken


def rendered(page: Page, pages: list[Page], root: Path) -> str:
    """The page as HTML. Links to pages go to their rendered form, links to sources to the checkout (two up)."""
    outputs = {(root / other.path).resolve(): other.output for other in pages}
    tokens = markdown().parse(page.text)
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", slug(content.content))
    for token in inline(tokens):
        href = str(token.attrGet("href") or "")
        if token.type != "link_open" or href.startswith((*OUTSIDE, "#")):
            continue
        name, hash_sign, anchor = href.partition("#")
        target = (root / page.path.parent / name).resolve()
        source = f"../../{target.relative_to(root.resolve()).as_posix()}"
        token.attrSet("href", outputs.get(target, source) + hash_sign + anchor)
    renderer = markdown()
    templates = Environment(loader=PackageLoader("keyart_tools", "."), autoescape=True, undefined=StrictUndefined)
    return templates.get_template("docs.html.j2").render(
        title=page.title,
        body=renderer.renderer.render(tokens, renderer.options, {}),
        here=page.output,
        groups=[
            ("Start", [p for p in pages if p.path.parent == Path()]),
            ("Pages", [p for p in pages if p.path.parts[0] == "docs" and p.path.parent.name != "decisions"]),
            ("Decisions", [p for p in pages if p.path.parent.name == "decisions"]),
        ],
        light=HtmlFormatter(style="friendly").get_style_defs("pre"),
        dark=HtmlFormatter(style="monokai").get_style_defs("pre"),
    )


HELP_COLUMNS = 98  # as a terminal of 100 columns or more shows it


def cli_page(command: click.Group) -> str:
    """docs/reference/cli.md: a table of the commands, and what `--help` says of each."""
    import click

    lines = [
        "# The command line",
        "",
        "`keyart`, from the extra `keyart[tools]`. This page is written by `make docs` from the commands themselves.",
        "Results go to stdout, everything else to stderr; `--json` writes the result as JSON. Exit codes: 0 done,",
        "1 it did not work (the message says what to do), 2 wrong usage. `keyart completion` makes the TAB key work.",
        "",
        "| command | what it does |",
        "|---|---|",
    ]
    sections: list[str] = []
    root = click.Context(command, info_name="keyart", **command.context_settings)

    def add(group: click.Group, parent: click.Context) -> None:
        for name in group.list_commands(parent):
            sub = group.get_command(parent, name)
            if sub is None or sub.hidden:
                continue
            context = click.Context(sub, info_name=name, parent=parent, terminal_width=HELP_COLUMNS)
            path = context.command_path
            lines.append(f"| [`{path}`](#{slug(path)}) | {sub.get_short_help_str(HELP_COLUMNS)} |")
            sections.extend(["", f"## {path}", "", "```text", sub.get_help(context).rstrip(), "```"])
            if isinstance(sub, click.Group):
                add(sub, context)

    add(command, root)
    return "\n".join([*lines, *sections]) + "\n"


def write_cli_page(root: Path) -> None:
    from .cli import main

    (root / CLI_PAGE).write_text(cli_page(main), encoding="utf-8")


def build(root: Path, out: Path) -> list[Path]:
    """Renders all pages into `out`; returns what was written."""
    pages = read_pages(root)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for page in pages:
        path = out / page.output
        path.write_text(rendered(page, pages, root), encoding="utf-8")
        written.append(path)
    return written


def make(root: Path) -> int:
    """What `make docs` does; returns the exit code."""
    write_cli_page(root)
    broken = broken_links(read_pages(root), root)
    for link in broken:
        print(f"broken link: {link}", file=sys.stderr)
    if broken:
        print(f"{len(broken)} broken links; mend them and run `make docs` again.", file=sys.stderr)
        return 1
    for path in build(root, root / "build" / "docs"):
        print(path.relative_to(root))
    return 0


if __name__ == "__main__":
    sys.exit(make(Path(__file__).parents[2]))
