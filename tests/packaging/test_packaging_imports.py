"""Every package that the code imports is declared by the distribution whose code it is, and the other way round."""

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
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
WITHOUT_IMPORT = {"python-multipart", "psycopg-binary", "opentelemetry-exporter-otlp-proto-http"}
PROGRAMS = {
    "babel", "cyclonedx-bom", "editables", "hatchling", "mkdocs-click", "mkdocs-material", "mkdocstrings", "mypy",
    "pytest-xdist", "ruff", "uv",
}  # fmt: skip
# One name, several distributions: the one that is declared here.
PROVIDERS = {
    "google": "protobuf",
    "opentelemetry": "opentelemetry-sdk",
    "cv2": "opencv-python-headless",
    "mkdocs": "mkdocs-material",
}
# Required by `keyart` where it has wheels, by a marker that stands there alone.
THROUGH_THE_SDK = {"onnxruntime"}
OPTIONAL = {"atheris"}  # a fuzzer of a person's own choice (tests/attacks/fuzz/guided.py)
OF_KODI = {"xbmc", "xbmcaddon", "xbmcgui", "xbmcplugin", "xbmcvfs"}  # Kodi's own Python brings them


def normal(name: str) -> str:
    """A name of a distribution, as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(distribution: str) -> Mapping[str, set[str]]:
    """Names of declared distributions by extra; "" stands for what is always installed."""
    project = tomllib.loads((PROJECTS[distribution] / "pyproject.toml").read_text("utf-8"))["project"]
    entries = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: {normal(Requirement(line).name) for line in lines} for extra, lines in entries.items()}


@cache
def imported(*folders: Path) -> frozenset[str]:
    """Top-level names of all imports, lazy ones and those for type checkers included, without Python's own."""
    names = set()
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module or "")
    return frozenset({name.partition(".")[0] for name in names} - sys.stdlib_module_names)


@cache
def installed() -> Mapping[str, list[str]]:
    """Names of the distributions that have each package, as installed here."""
    found = packages_distributions() | {name: [provider] for name, provider in PROVIDERS.items()}
    return found | {path.name: [name] for name, folders in FOLDERS.items() for path in folders}


def distributions(packages: frozenset[str]) -> dict[str, str]:
    """The distribution that each package comes with."""
    found = {}
    for package in packages - OPTIONAL - OF_KODI:
        (found[package],) = {normal(name) for name in installed()[package]}
    return found


def of_the_checkout() -> set[str]:
    """Names of the distributions that tests, docs and examples import, without modules of their own."""
    own = {path.stem for folder in OF_THE_CHECKOUT for path in folder.rglob("*") if path.suffix in ("", ".py")}
    return set(distributions(imported(*OF_THE_CHECKOUT) - own - {"tests"}).values())


@pytest.mark.parametrize("distribution", PROJECTS)
def test_every_import_is_declared(distribution):
    brought = set(distributions(imported(*FOLDERS[distribution])).values()) - {distribution}
    theirs = set().union(*(names for extra, names in declared(distribution).items() if extra != "dev"))
    assert len(brought) > 3
    assert sorted(brought - theirs - THROUGH_THE_SDK) == []


def test_every_import_of_tests_docs_and_examples_is_declared():
    theirs = set().union(*declared("keyart").values(), *declared("keyart-tools").values())
    assert sorted(of_the_checkout() - theirs) == []


def test_every_declared_distribution_is_imported():
    """What nobody imports any more is not installed for nothing."""
    for distribution, folders in FOLDERS.items():
        used = set(distributions(imported(*folders)).values())
        wanted = set().union(*(names for extra, names in declared(distribution).items() if extra != "dev"))
        assert sorted(wanted - used - WITHOUT_IMPORT - {"keyart", "keyart-tools"}) == []
    wanted = declared("keyart-tools")["dev"] - PROGRAMS - {"keyart", "keyart-tools"}
    assert sorted(wanted - of_the_checkout()) == []


def test_a_missing_package_is_known_by_its_extra():
    """What a command says where a package is missing (`keyart_tools.cli.missing_package`) is what is declared."""
    of = distributions(imported(*FOLDERS["keyart-tools"]))
    extras = declared("keyart-tools")
    by_extra = {
        extra: {package for package, name in of.items() if name in extras[extra] - extras[""]}
        for extra in ("server", "tagging")
    }
    assert by_extra == EXTRAS
