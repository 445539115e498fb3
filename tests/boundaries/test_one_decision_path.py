"""One module adds logits, one knows what may be shown: no other package has an implementation of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("sdk/keyart", "federated/keyart_federated", "server/keyart_server", "tools/keyart_tools")
SCORER, ELIGIBILITY = "sdk/keyart/model/scorer.py", "sdk/keyart/model/eligibility.py"
ENCODING = "sdk/keyart/model/features/encode.py"  # which works out the columns that eligibility reads

LOGIT = re.compile(r"\b(play|logits?|ranker|base)\b(?!\()")
PART = re.compile(r"\b(offsets?|head_logit|artwork_bias|own|preferences|stated|latents|others)\b")
RULES = {"ratings", "spoilers", "spoils", "misleading", "honest"}  # columns of the encoded catalogue


WORLDS = "federated/keyart_federated/worlds/"  # whose truth is a logit, too, and none that decides


def sources() -> Iterator[tuple[str, str]]:
    """Name and text of each module of the four packages."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            if not name.startswith(WORLDS):
                yield name, file.read_text(encoding="utf-8")


def sums_of_logits(source: str) -> list[str]:
    """Additions of a part of a logit to a logit, wherever they stand; and the ranker's own sum, taken by its name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Add):
            sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
            one, other = map(ast.unparse, sides)
            pairs = ((one, other), (other, one))
            if any("offsets(" in a or (LOGIT.search(a) and PART.search(b)) for a, b in pairs):
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").endswith("numpy_engine"):
            found += [f"line {node.lineno}: {node.module}.score" for name in node.names if name.name == "score"]
    return found


def rules_of_showing(source: str) -> list[str]:
    """Columns of an encoded catalogue that say what may be shown."""
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr in RULES and ast.unparse(node.value).endswith("encoded")
    ]


def test_only_the_scorer_adds_logits():
    found = {name: sums_of_logits(text) for name, text in sources() if name != SCORER}
    assert not {name: lines for name, lines in found.items() if lines}


def test_only_eligibility_reads_what_may_be_shown():
    found = {name: rules_of_showing(text) for name, text in sources() if name not in (ELIGIBILITY, ENCODING)}
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize(
    "line",
    [
        "play = scores.play + head.offsets(rows.artwork)",
        "play += log.offset",
        "logits = base + offsets",
        "def f(play, own): return play + own",
        "x = head_logit(mean, z) + play[one]",
        "x = stated.offsets(places) + y",
        "from keyart.model.ranker.numpy_engine import score",
    ],
)
def test_the_search_finds_a_sum(line):
    assert sums_of_logits(line)


@pytest.mark.parametrize(
    "line",
    [
        "guard = ~encoded.misleading[artworks]",
        "x = self.installed.encoded.ratings",
        "y = part.encoded.spoilers.any()",
    ],
)
def test_the_search_finds_a_rule(line):
    assert rules_of_showing(line)


@pytest.mark.parametrize("line", ["at = offset + size", "policy.misleading == 'block'", "total = counted + played"])
def test_other_lines_pass(line):
    assert not sums_of_logits(line) and not rules_of_showing(line)
