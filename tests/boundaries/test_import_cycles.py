"""No import of the SDK runs in a circle or upwards: neither between modules nor between its packages."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

SDK = Path(__file__).parents[2] / "sdk/keyart"
Graph = dict[str, set[str]]

# Lowest first: a package imports those below it, and modules of its own. `keyart/__init__.py` only re-exports.
LAYERS = (
    {"errors", "linalg", "diagnostics", "types"},
    {"catalog", "dp", "secagg", "store"},
    {"context"},
    {"history", "decision", "intent"},
    {"model"},
    {"bundle", "profile"},
    {"campaigns"},
    {"federated_rounds"},
    {"personalizer"},
    {"client", "sidecar"},
)


def modules() -> Graph:
    """Which modules each module of the SDK imports; lazily, and for type checking alone, too."""
    files = {name_of(file): file for file in SDK.rglob("*.py")}
    del files["keyart"]
    return {
        name: imported(file.read_text(encoding="utf-8"), name, file.name, set(files)) for name, file in files.items()
    }


def name_of(file: Path) -> str:
    parts = ["keyart", *file.relative_to(SDK).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, name: str, file_name: str, known: set[str]) -> set[str]:
    """Those of `known` that the module imports, by any statement."""
    package = name.split(".") if file_name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*above, *([node.module] if node.module else [])])
            found |= {
                f"{target}.{alias.name}" if f"{target}.{alias.name}" in known else target for alias in node.names
            }
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return (found & known) - {name}


def packages(graph: Mapping[str, set[str]]) -> Graph:
    """The same between the packages and modules at the top."""
    found: Graph = {}
    for name, targets in graph.items():
        top = name.split(".")[1]
        found.setdefault(top, set()).update(target.split(".")[1] for target in targets)
    return {name: targets - {name} for name, targets in found.items()}


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The names on a circle of imports, or none: what is left when all that import nothing more are taken away."""
    left = {name: set(targets) for name, targets in graph.items()}
    while ends := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in ends:
            del left[name]
    return sorted(left)


def upward(graph: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Imports of a layer beside or above; one layer's packages do not know each other."""
    height = {name: at for at, layer in enumerate(LAYERS) for name in layer}
    return [(a, b) for a, targets in packages(graph).items() for b in targets if height[b] >= height[a]]


def test_no_circle_between_modules():
    assert circle(modules()) == []


def test_no_circle_between_packages():
    assert circle(packages(modules())) == []


def test_every_import_goes_down():
    graph = modules()
    assert {top for layer in LAYERS for top in layer} == set(packages(graph))
    assert upward(graph) == []


@pytest.mark.parametrize(
    "line",
    [
        "from ..profile.learner import Learner",
        "def f():\n from ..profile import learner",
        "if TYPE_CHECKING:\n    from ..profile.learner import Learner",
        "import keyart.profile.learner",
    ],
)
def test_the_search_finds_an_import(line):
    graph = modules()
    found = imported(line, "keyart.model.head", "head.py", set(graph))
    assert found == {"keyart.profile.learner"}
    graph["keyart.model.head"] |= found
    assert "keyart.model.head" in circle(graph) and {"model", "profile"} <= set(circle(packages(graph)))
    assert ("model", "profile") in upward(graph)
