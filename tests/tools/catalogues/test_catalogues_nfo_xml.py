"""XML of NFO files: encodings, lines, text after the root, and documents that mean harm."""

from __future__ import annotations

from itertools import pairwise

import pytest

from keyart_tools.catalogues import ImportIssues
from keyart_tools.catalogues.nfo_xml import MAX_TEXT_CHARACTERS, NfoDocument, parse_nfo


def parsed(data: bytes) -> tuple[NfoDocument | None, ImportIssues]:
    issues = ImportIssues()
    return parse_nfo(data, issues.of("a.nfo")), issues


def title(data: bytes) -> str:
    document, issues = parsed(data)
    assert document is not None and document.root is not None and not issues.broken
    return next(document.root.all("title")).text


DECLARED = '<?xml version="1.0" encoding="{}"?>\n<movie><title>Café Ж</title></movie>'


@pytest.mark.parametrize(
    "data",
    [
        DECLARED.format("UTF-8").encode(),
        DECLARED.format("utf-8").encode("utf-8-sig"),
        DECLARED.format("UTF-16").encode("utf-16"),
        DECLARED.format("koi8-r").replace("é", "&#233;").encode("koi8-r"),
        b"\n\n  " + DECLARED.format("UTF-8").encode(),
        "<movie><TITLE>Café <![CDATA[Ж]]></TITLE></movie>".encode(),
    ],
)
def test_encodings_and_spellings(data: bytes) -> None:
    assert title(data) == "Café Ж"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (DECLARED.format("no-such-code").encode(), 1),
        (b'<?xml version="1.0" encoding="ascii"?>\n<movie>\n<title>Caf\xc3\xa9</title></movie>', 3),
        (b"<movie>\n<title>Caf\xe9</title></movie>", 2),
    ],
)
def test_wrong_encodings_are_named_and_read(data: bytes, line: int) -> None:
    document, issues = parsed(data)

    assert document is not None and next(document.root.all("title")).text.startswith("Café")
    assert [issue.line for issue in issues.broken] == [line]


def test_lines_count_from_the_beginning_of_the_file() -> None:
    document, _ = parsed(b"\n\n<movie>\n<title>A</title></movie>")
    assert (document.root.line, next(document.root.all("title")).line) == (3, 4)

    _, issues = parsed(b"\n\n<movie>\n<title></movie>")
    assert [issue.line for issue in issues.broken] == [4]


@pytest.mark.parametrize("rest", ["https://a.example/film", "<movie/>", "&", "<"])
def test_text_after_the_root_is_apart(rest: str) -> None:
    document, issues = parsed(f"<movie><title>A</title></movie>\n{rest}\n".encode())

    assert document.rest == rest and not issues.broken


def test_entities_are_never_expanded() -> None:
    names = [f"e{n}" for n in range(20)]
    bomb = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise(names))
    document, issues = parsed(f'<!DOCTYPE m [<!ENTITY e0 "x">{bomb}]><movie><title>&e19;</title></movie>'.encode())
    assert document is None and "document type" in issues.broken[0].what

    outside = b'<!DOCTYPE m SYSTEM "file:///etc/hosts"><movie/>'
    assert parsed(outside)[0] is None
    assert parsed(b"<movie><title>&unknown;</title></movie>")[0] is None


def test_text_of_an_element_is_bounded() -> None:
    document, _ = parsed(b"<movie><plot>" + b"x " * 1_000_000 + b"</plot></movie>")

    assert len(next(document.root.all("plot")).text) <= 3 * MAX_TEXT_CHARACTERS
