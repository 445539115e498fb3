"""The other packages import the SDK's packages, and not the modules within them."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UPPER = ("federated/keyart_federated", "server/keyart_server", "tools/keyart_tools", "examples")
PACKAGES = ("bundle", "campaigns", "client", "dp", "model", "profile", "secagg", "store")


def imports(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, module and name of each import from a package of the SDK, lazily or for types, too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            targets = [(node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            targets = [(alias.name, "") for alias in node.names]
        else:
            continue
        for module, name in targets:
            top, _, rest = module.partition(".")
            if top == "keyart" and rest.partition(".")[0] in PACKAGES:
                yield node.lineno, module, name


def breaches(source: str) -> list[str]:
    """Return the imports of a module within a package, or of a name that its package does not export."""
    return [
        f"line {line}: {module} {name}"
        for line, module, name in imports(source)
        if module.count(".") > 1 or name not in importlib.import_module(module).__all__
    ]


@pytest.mark.parametrize("package", UPPER)
def test_imports_stop_at_the_package(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    found = {file.relative_to(ROOT).as_posix(): breaches(file.read_text(encoding="utf-8")) for file in files}
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_exported_name_exists(package):
    module = importlib.import_module(f"keyart.{package}")
    assert all(getattr(module, name) is not None for name in module.__all__)
    assert "may use" in " ".join((module.__doc__ or "").split())


@pytest.mark.parametrize(
    "line",
    [
        "from keyart.model.features import FeatureSpec",
        "from keyart.secagg import graph",
        "from keyart.bundle import no_such_name",
        "import keyart.store.database",
        "def f():\n from keyart.dp.clip import UNITS",
        "if TYPE_CHECKING:\n from keyart.campaigns.offer import Offer",
    ],
)
def test_the_search_finds_an_import(line):
    assert breaches(line)


def test_the_search_lets_packages_pass():
    assert not breaches("from keyart.model import FeatureSpec\nfrom keyart.catalog import kind_of\nimport keyart")
