"""Every package that the code imports is declared by the distribution whose code it is, and the other way round."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from keyart_tools.cli.missing_package import EXTRAS

ROOT = Path(__file__).parents[2]
PROJECTS = {"keyart": ROOT / "sdk", "keyart-tools": ROOT}
FOLDERS = {
    "keyart": [ROOT / "sdk" / "keyart"],
    "keyart-tools": [
        ROOT / "federated" / "keyart_federated",
        ROOT / "server" / "keyart_server",
        ROOT / "tools" / "keyart_tools",
    ],
}
OF_THE_CHECKOUT = [ROOT / "tests", ROOT / "examples", ROOT / "docs"]
# Read by a framework that is declared beside them, or run as a program: no line of ours imports them.
WITHOUT_IMPORT = {"python-multipart", "psycopg-binary"}
PROGRAMS = {
    "cyclonedx-bom", "editables", "hatchling", "mkdocs-click", "mkdocs-material", "mkdocstrings", "mypy", "pytest-xdist",
    "ruff", "uv",
}  # fmt: skip
# One name, several distributions: the one that is declared here.
PROVIDERS = {"google": "protobuf", "cv2": "opencv-python-headless", "mkdocs": "mkdocs-material"}
OPTIONAL = {"atheris"}  # a fuzzer of a person's own choice (tests/attacks/fuzz/guided.py)


def normal(name: str) -> str:
    """A name of a distribution, as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(distribution: str) -> Mapping[str, set[str]]:
    """Names of declared distributions by extra; "" stands for what is always installed."""
    project = tomllib.loads((PROJECTS[distribution] / "pyproject.toml").read_text("utf-8"))["project"]
    entries = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: {normal(Requirement(line).name) for line in lines} for extra, lines in entries.items()}


def imported(folder: Path) -> Iterator[str]:
    """Top-level names of all imports, lazy ones and those for type checkers included, without Python's own."""
    ours = {path.stem for path in (*folder.rglob("*.py"), *folder.rglob("*/"))}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                if top not in sys.stdlib_module_names and (folder not in OF_THE_CHECKOUT or top not in ours):
                    yield top


def distributions(packages: set[str]) -> dict[str, str]:
    """The distribution that each package comes with, as installed here."""
    of = packages_distributions() | {name: [provider] for name, provider in PROVIDERS.items()}
    of |= {"keyart": ["keyart"], **{path.name: ["keyart-tools"] for path in FOLDERS["keyart-tools"]}}
    found = {}
    for package in packages - OPTIONAL:
        (found[package],) = {normal(name) for name in of[package]}
    return found


@pytest.mark.parametrize("distribution", PROJECTS)
def test_every_import_is_declared(distribution):
    packages = {name for folder in FOLDERS[distribution] for name in imported(folder)}
    brought = set(distributions(packages).values()) - {distribution}
    theirs = set().union(*(names for extra, names in declared(distribution).items() if extra != "dev"))
    assert len(brought) > 3
    assert sorted(brought - theirs) == []


def test_every_import_of_tests_docs_and_examples_is_declared():
    packages = {name for folder in OF_THE_CHECKOUT for name in imported(folder)}
    brought = set(distributions(packages).values())
    assert sorted(brought - set().union(*declared("keyart").values(), *declared("keyart-tools").values())) == []


def test_every_declared_distribution_is_imported():
    """What nobody imports any more is not installed for nothing."""
    for distribution, folders in FOLDERS.items():
        used = set(distributions({name for folder in folders for name in imported(folder)}).values())
        wanted = set().union(*(names for extra, names in declared(distribution).items() if extra != "dev"))
        assert sorted(wanted - used - WITHOUT_IMPORT - {"keyart", "keyart-tools"}) == []
    used = set(distributions({name for folder in OF_THE_CHECKOUT for name in imported(folder)}).values())
    assert sorted(declared("keyart-tools")["dev"] - used - PROGRAMS - {"keyart", "keyart-tools"}) == []


def test_a_missing_package_is_known_by_its_extra():
    """What a command says where a package is missing (`keyart_tools.cli.missing_package`) is what is declared."""
    of = distributions({name for folder in FOLDERS["keyart-tools"] for name in imported(folder)})
    extras = declared("keyart-tools")
    by_extra = {
        extra: {package for package, name in of.items() if name in extras[extra] - extras[""]}
        for extra in ("server", "tagging")
    }
    assert by_extra == EXTRAS
