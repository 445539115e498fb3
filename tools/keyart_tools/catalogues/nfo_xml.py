"""The XML of an NFO file as a tree with lines, read without trust.

Document type declarations are refused, so that no entity is ever defined or expanded, and nothing outside of the file
is read. A file may end with text after its root element: Kodi's combination NFO, an address, or further episodes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from .import_issues import FileIssues

MAX_BYTES = 5_000_000
MAX_DEPTH = 30
MAX_TEXT_CHARACTERS = 100_000  # of one element; a plot has a few thousand
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f]")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(slots=True)
class XmlElement:
    """An element.

    Attributes:
        name: Its name in lower case.
        line: Line of its start tag, from 1.
        text: All text directly within it, stripped.
    """

    name: str
    line: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: list[XmlElement] = field(default_factory=list)
    text: str = ""

    def all(self, *path: str) -> Iterator[XmlElement]:
        """Yield the elements at a path of names below this one."""
        if not path:
            yield self
            return
        for child in self.children:
            if child.name == path[0]:
                yield from child.all(*path[1:])


@dataclass(frozen=True, slots=True)
class NfoDocument:
    """An NFO file: its root element, None if it holds no XML, and the text after or instead of it."""

    root: XmlElement | None
    rest: str


class _DoctypeError(ValueError):
    pass


class _DepthError(ValueError):
    pass


def parse_nfo(data: bytes, issues: FileIssues) -> NfoDocument | None:
    """Parse an NFO file; None if it cannot be read, with a sentence that says why."""
    if not data.strip():
        issues.broken("The file is empty; export it again.")
        return None
    if len(data) > MAX_BYTES:
        issues.broken(
            f"The file has more than {MAX_BYTES // 1_000_000} MB, which no NFO file needs; it was not read."
        )
        return None
    text = _decoded(data, issues)
    if _NO_TEXT.search(text):
        issues.broken("This is not a text file; an NFO file holds XML.")
        return None
    if not re.match(r"\s*<", text):
        return NfoDocument(None, text.strip())
    return _parsed(text, issues)


def _decoded(data: bytes, issues: FileIssues) -> str:
    declared = _DECLARED.match(data)
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), None)
    encoding = encoding or (declared[1].decode() if declared else "utf-8")
    try:
        return data.decode(encoding)
    except LookupError:
        issues.broken(f"Its encoding {encoding!r} is unknown; read as UTF-8. Save it as UTF-8.", 1)
        return data.decode(errors="replace")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        try:
            text = data.decode("utf-8")
            read_as = "UTF-8"
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
            read_as = "Windows-1252"
        issues.broken(f"A letter is not {encoding.upper()}; the file was read as {read_as}. Save it as UTF-8.", line)
        return text


def _parsed(text: str, issues: FileIssues) -> NfoDocument | None:
    body = text.lstrip()
    skipped = text[: len(text) - len(body)].count("\n")
    data = body.encode(errors="replace")
    builder = _TreeBuilder(skipped)
    parser = builder.parser
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        if builder.finished:  # what follows is no part of the document, whatever expat says about it
            return NfoDocument(
                builder.root, data[data.index(b">", builder.end) + 1 :].decode(errors="replace").strip()
            )
        problem = expat.ErrorString(error.code)
        issues.broken(f"Its XML is broken ({problem}); correct this line.", error.lineno + skipped)
        return None
    except _DoctypeError:
        line = parser.CurrentLineNumber + skipped
        issues.broken("It declares a document type, which may define entities without end; remove the line.", line)
        return None
    except _DepthError:
        line = parser.CurrentLineNumber + skipped
        issues.broken(f"Its elements are nested more than {MAX_DEPTH} deep; it was not read.", line)
        return None
    return NfoDocument(builder.root, "")


class _TreeBuilder:
    """Handlers of expat that build the tree."""

    def __init__(self, skipped_lines: int) -> None:
        self.root: XmlElement | None = None
        self.end = 0  # byte where the root's end tag begins
        self.parser = expat.ParserCreate("utf-8")  # overrides the declared encoding: the text is decoded already
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._open: list[XmlElement] = []
        self._skipped_lines = skipped_lines

    @property
    def finished(self) -> bool:
        """Return True after the end of the root element."""
        return self.root is not None and not self._open

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise _DepthError
        line = self.parser.CurrentLineNumber + self._skipped_lines
        element = XmlElement(name.lower(), line, {key.lower(): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].children.append(element)
        elif self.root is None:
            self.root = element
        self._open.append(element)

    def _end(self, name: str) -> None:
        element = self._open.pop()
        element.text = element.text.strip()
        self.end = self.parser.CurrentByteIndex

    def _text(self, data: str) -> None:
        element = self._open[-1]
        if len(element.text) <= MAX_TEXT_CHARACTERS:
            element.text += data[: MAX_TEXT_CHARACTERS + 1]

    def _doctype(self, *_: object) -> None:
        raise _DoctypeError
