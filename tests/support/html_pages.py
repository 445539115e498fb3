"""A page as a browser reads it, and the rules that every page of ours keeps."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

import httpx

VOID = {"meta", "link", "input", "br", "path", "rect"}
CONTROLS = {"input", "select", "textarea"}
LABELS = ("aria-labelledby", "aria-describedby")


@dataclass
class Element:
    name: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """elements: in the order of the page. mistakes: of its making."""

    elements: list[Element] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    stack: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) < len(names):
            self.mistakes.append(f"<{tag}> says {names} twice")
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(one.name for one in self.stack))
        self.elements.append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.stack or self.stack[-1].name != tag:
            self.mistakes.append(f"</{tag}> closes {self.stack[-1].name if self.stack else 'nothing'}")
            return
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        for element in self.stack:
            element.text += data

    def all(self, *names: str) -> list[Element]:
        return [one for one in self.elements if one.name in names]

    def forms(self) -> list[str]:
        """Where they are sent."""
        posts = [one.attributes for one in self.all("form") if one.attributes.get("method") == "post"]
        return [one.get("action", "") for one in posts]


def read(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    page.mistakes += [f"<{one.name}> is never closed" for one in page.stack]
    return page


def mistakes(text: str, whole: bool = True) -> list[str]:
    """What a page does that ours must not: [] for a good one. whole: False for the live part of one."""
    page = read(text)
    return [*page.mistakes, *_shape(page, text, whole), *_names(page), *_safety(page, text)]


def _shape(page: Page, text: str, whole: bool) -> list[str]:
    found = []
    if whole:
        titles = [one for one in page.all("title") if "svg" not in one.inside]
        if [len(titles), *(len(page.all(name)) for name in ("h1", "main"))] != [1, 1, 1]:
            found.append("one h1, one main, one title")
        if not re.search(r"<title>[^<]+ · keyart</title>", text) or '<html lang="en">' not in text:
            found.append("a title and a language")
        focusable = [one for one in page.elements if one.name in {"a", "button"}]
        if focusable[0].attributes.get("href") != "#main":
            found.append("the first thing that a keyboard reaches skips to the content")
    levels = [int(one.name[1]) for one in page.all("h1", "h2", "h3")]
    found += [f"h{now} after h{before}" for before, now in pairwise(levels) if now > before + 1]
    found += ["a table without a caption" for _ in range(len(page.all("table")) - len(page.all("caption")))]
    found += ["a heading of a table without its scope" for one in page.all("th") if "scope" not in one.attributes]
    found += [
        "a tabindex that changes the order" for one in page.elements if one.attributes.get("tabindex", "0") > "0"
    ]
    return found


def _names(page: Page) -> list[str]:
    ids = Counter(one.attributes["id"] for one in page.elements if "id" in one.attributes)
    found = [f"id {name} is there {count} times" for name, count in ids.items() if count > 1]
    labelled = {one.attributes.get("for") for one in page.all("label")}
    for one in page.all(*CONTROLS):
        named = "label" in one.inside or one.attributes.get("id") in labelled
        if one.attributes.get("type") != "hidden" and not named:
            found.append(f"a field without a label: {one.attributes}")
    for one in page.elements:
        told = [name for label in LABELS for name in one.attributes.get(label, "").split()]
        found += [f"{name} is nowhere" for name in told if name not in ids]
    found += [f"nothing to read in {one}" for one in page.all("a", "button", "summary") if not one.text.strip()]
    drawn = [one.attributes for one in page.all("svg")]
    found += ["a picture without words" for one in drawn if "aria-hidden" not in one and "aria-labelledby" not in one]
    return found


def _safety(page: Page, text: str) -> list[str]:
    found = []
    for one in page.elements:
        found += [f"{name} on <{one.name}>" for name in one.attributes if name == "style" or name.startswith("on")]
        for name in ("src", "href", "action"):
            if not re.match(r"/(?!/)|#|\?|$", one.attributes.get(name, "")):
                found.append(f"an address elsewhere: {one.attributes[name]}")
        if one.name == "script" and ("src" not in one.attributes or one.text):
            found.append("a script that is not a file of ours")
        if one.name in {"style", "iframe", "object", "base"}:
            found.append(f"<{one.name}>")
    forms = len(page.forms())
    if text.count('name="csrf"') != forms - sum(path in ("/login", "") for path in page.forms()):
        found.append("a form without its token")
    return found


def send(client: httpx.Client, path: str, follow: bool = True, **values: object) -> httpx.Response:
    """As a browser sends the form of a page."""
    (token,) = set(re.findall(r'name="csrf" value="([^"]+)"', client.get("/budget").text))
    return client.post(path, data={"csrf": token, **values}, follow_redirects=follow)


def notice_of(text: str) -> str:
    (found,) = re.findall(r'<p class="notice[^>]*>(.*?)</p>', text, re.DOTALL)
    return re.sub(r"<[^>]*>", "", found).strip()
