"""The pages are true: their Python runs, their links lead somewhere, and they name what there is to name."""

import importlib
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from docs_pages import Page, broken_links, read_pages, slug

import keyart
import keyart_federated
from keyart import errors
from keyart.bundle import Manifest
from keyart.model.features.spec import SENSITIVE_KINDS
from keyart.profile.consent import PURPOSES
from keyart_tools.cli import main

ROOT = Path(__file__).parents[2]
PAGES = read_pages(ROOT)
BY_NAME = {str(page.path): page for page in PAGES}


def python_blocks(page: Page) -> list[str]:
    """Fenced blocks tagged `python`, each with its line numbers kept, so that a traceback points into the page."""
    return [
        "\n" * (token.map[0] + 1) + token.content
        for token in page.tokens
        if token.type == "fence" and token.info.strip() == "python"
    ]


SLOW = {"ml-engineer.md", "private-rounds.md", "rounds.md"}  # each trains several models
WITH_CODE = [page for page in PAGES if python_blocks(page)]
FOLDERS = ("how-to", "reference", "explanation")
NO_CODE = {"cli.md", "glossary.md", "http-api.md", "privacy-for-viewers.md"}  # text, or built from the code itself
NOUNS = [page for page in PAGES if page.path.parent.name in FOLDERS and page.path.name not in NO_CODE]


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.slow] * (page.path.name in SLOW)) for page in WITH_CODE],
    ids=[str(page.path) for page in WITH_CODE],
)
def test_python_on_the_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("a_page")
    monkeypatch.setitem(sys.modules, "a_page", module)  # dataclasses and pickles look their module up
    for block in python_blocks(page):
        exec(compile(block, str(page.path), "exec"), module.__dict__)


@pytest.mark.parametrize("page", NOUNS, ids=lambda page: str(page.path))
def test_every_noun_has_code_and_limits(page):
    assert python_blocks(page)
    assert "limits" in page.anchors


def test_readme_code_is_about_twenty_lines():
    (block,) = python_blocks(BY_NAME["README.md"])
    assert len(block.strip().splitlines()) <= 30


def commands(group: click.Group, path: str) -> Iterator[str]:
    """Yield the anchors of all commands on the page that the site builds from them."""
    for name, command in group.commands.items():
        yield slug(f"{path} {name}")
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_all_links_lead_somewhere():
    built = {"docs/reference/cli.md": set(commands(main, "keyart"))}
    assert broken_links(PAGES, ROOT, built) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "README.md").write_text("# A\n\n[b](b.md) [c](#a) [d](#no) ![e](e.png) [f](https://keyart.example)\n")
    assert broken_links(read_pages(tmp_path), tmp_path) == [
        "README.md: b.md",
        "README.md: #no",
        "README.md: e.png",
    ]


def test_contents_link_every_page_and_every_decision():
    linked = {(ROOT / "docs" / link).resolve() for link in BY_NAME["docs/README.md"].links()}
    there = set((ROOT / "docs").rglob("*.md")) - {ROOT / "docs" / "README.md"}
    assert there <= linked


def test_every_public_name_is_on_a_page():
    text = "\n".join(page.text for page in PAGES)
    for module in (keyart, keyart_federated):
        missing = [name for name in module.__all__ if not re.search(rf"\b{name}\b", text)]
        assert missing == [], module.__name__


def test_error_tree_is_that_of_the_code():
    tree = errors.__doc__.partition("\n\n")[2].strip()
    assert tree in BY_NAME["docs/reference/errors.md"].text
    classes = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)
    }
    assert classes == set(re.findall(r"^[│├└─ ]*(\w+)", tree, re.MULTILINE))


def test_error_tree_has_the_shape_of_the_classes():
    parents = {}
    for line in errors.__doc__.partition("\n\n")[2].strip().splitlines():
        branch, name = re.match(r"([│├└─ ]*)(\w+)", line).groups()
        depth = len(branch) // 4
        parents[depth] = name
        if depth:
            assert getattr(errors, name).__bases__[0].__name__ == parents[depth - 1]


def test_report_fields_are_all_on_the_page():
    table = BY_NAME["docs/reference/simulation.md"].text.partition("## Report")[2]
    named = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
    assert named == {field.name for field in fields(keyart_federated.Report)}


def test_policy_settings_and_defaults_are_on_the_page():
    text = BY_NAME["docs/explanation/choosing.md"].text
    for field in fields(keyart.Policy):
        assert f"| `{field.name}` |" in text
    policy = keyart.Policy()
    assert f"| `exploration` | {policy.exploration} |" in text
    assert f"| `diversity` | {policy.diversity} |" in text
    assert f'| `misleading` | `"{policy.misleading}"` |' in text
    assert f"| `stickiness` | {policy.stickiness.total_seconds() / 3600:.0f} hours |" in text


def test_vector_parts_are_on_the_page_in_order():
    from keyart.campaigns.kinds.training import TrainingLayout
    from keyart.model.features import FeatureSpec

    artworks = [keyart.Artwork("t/a", tags={"genre:drama": 1.0})]
    spec = FeatureSpec.from_catalog(keyart.Catalog.from_titles([keyart.Title("t", artworks=artworks)]))
    table = BY_NAME["docs/explanation/rounds.md"].text.partition("## The vector")[2].partition("## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(TrainingLayout(spec, 1).sizes)


def test_offer_fields_are_on_the_page():
    from keyart.campaigns.offer import Offer

    table = BY_NAME["docs/reference/outbound.md"].text.partition("## Offer")[2].partition("## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert named == ["protocol", *(field.name for field in fields(Offer))]


def test_purposes_and_sensitive_kinds_are_on_their_pages():
    for purpose in PURPOSES:
        assert f"| `{purpose}` |" in BY_NAME["docs/reference/rights.md"].text
    (row,) = re.findall(r"^\| sensitive: (.*?) \|", BY_NAME["docs/reference/catalogue.md"].text, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == SENSITIVE_KINDS


def test_bundle_files_are_on_the_page():
    text = BY_NAME["docs/reference/bundles.md"].text
    for name in ("manifest.json", "ranker.onnx", "ranker.bin", "train.onnx", "vocabulary.json", "vectors.json"):
        assert f"`{name}`" in text
    assert Manifest is keyart.Manifest


def test_proofs_named_in_security_exist():
    text = BY_NAME["SECURITY.md"].text
    named = re.findall(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`", text)
    assert len(named) >= 10
    for file, function in named:
        assert (ROOT / file).is_file(), file
        assert not function or f"def {function}(" in (ROOT / file).read_text("utf-8"), f"{file}::{function}"


def test_test_files_named_on_other_pages_exist():
    for page in PAGES:
        for file in re.findall(r"`(tests/[\w/.]+\.py)", page.text):
            assert (ROOT / file).is_file(), f"{page.path}: {file}"


SHELL = [
    pytest.param(script, id=f"{page.path}:{heading}")
    for page in PAGES
    for language in ("sh", "console")
    for heading, script in page.blocks(language)
    if not script.startswith("$")  # a session, with what was printed
]


@pytest.mark.parametrize("script", SHELL)
def test_shell_on_the_page_is_shell(script):
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    "script", [param for param in SHELL if re.search(r"^ *keyart ", param.values[0], re.MULTILINE)]
)
def test_commands_on_the_page_are_commands_that_click_takes(script):
    for line in re.findall(r"^ *(keyart .*)", script.replace("\\\n", " "), re.MULTILINE):
        words = shlex.split(line, comments=True)
        end = next((n for n, word in enumerate(words) if re.match(r"[\d&]?>|[&|]", word)), len(words))
        command, context, rest = main, click.Context(main, info_name="keyart"), words[1:end]
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            name, command, rest = command.resolve_command(context, rest)
            try:
                context = command.make_context(name, list(rest), parent=context)
            except click.BadParameter as error:
                assert "does not exist" in error.message, line  # the file of an example


CURRENT = [page for page in PAGES if page.path.name != "CHANGELOG.md"]
FILES = {"keyart.db", "keyart.server", "keyart.service"}  # names of a file, a logger and a unit


def is_name(dotted: str) -> bool:
    """Whether it is a module, a name in a module, or a member of a class."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            owner = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(owner, part) and part not in getattr(owner, "__annotations__", {}):
                return False
            owner = getattr(owner, part, None)
        return True
    return False


def test_names_on_pages_exist():
    named = {
        (str(page.path), name)
        for page in CURRENT
        for name in re.findall(r"`(keyart(?:_federated|_server|_tools)?(?:\.\w+)+)", page.text)
    }
    assert len(named) > 40
    assert [(page, name) for page, name in sorted(named) if name not in FILES and not is_name(name)] == []


def test_files_named_on_pages_exist():
    named = {
        (str(page.path), name)
        for page in CURRENT
        for name in re.findall(r"`((?:docs|examples|federated|sdk|server|tests|tools)/[\w/.-]+\.\w+)", page.text)
    }
    assert len(named) > 40
    assert [(page, name) for page, name in sorted(named) if "NAME" not in name and not (ROOT / name).exists()] == []


def test_pages_named_in_code_exist():
    named = {
        (path.relative_to(ROOT).as_posix(), name)
        for folder in ("sdk", "federated", "server", "tools", "tests", "examples")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text("utf-8"))
    }
    assert len(named) > 20
    assert [(path, name) for path, name in sorted(named) if not (ROOT / name).is_file()] == []


def test_changelog_names_the_version():
    assert f"## {keyart.__version__}" in BY_NAME["CHANGELOG.md"].text


def test_bytes_of_the_weights_are_on_the_page_in_order():
    from keyart.model import FeatureSpec, stored_layout

    spec = FeatureSpec(("genre:a", "genre:b", "mood:c"), ("genre:a", "genre:b"), ("genre",), ())
    h, c = len(spec.viewer_tags), len(spec.devices) + 1 + len(spec.dayparts)
    sizes = {"Z": len(spec.artwork_tags), "M": 4 * len(spec.match_kinds) + 1, "K": 3 + c + h, "U": 1 + h + c}
    text = BY_NAME["docs/reference/bundles.md"].text
    table = re.findall(r"^\| \d \| `(\w+)` \| (\w+) \| ([ZMKU× ]+) \|$", text, re.MULTILINE)
    found = [(name, kind, tuple(sizes[letter] for letter in shape.split(" × "))) for name, kind, shape in table]
    assert found == [(name, dtype.name, shape) for name, (dtype, shape) in stored_layout(spec).items()]


def test_every_key_of_a_conformance_case_is_on_the_page():
    from keyart.model import EncodedCatalog, FeatureSpec
    from keyart_federated.export.conformance_cases import document, small_catalog
    from keyart_federated.learning.model import GlobalModel

    artworks = [keyart.Artwork("t/a", tags={"genre:drama": 1.0}), keyart.Artwork("t/b", tags={"genre:noir": 1.0})]
    names = keyart.Catalog.from_titles([keyart.Title("t", tags={"genre:drama": 1.0}, artworks=artworks)])
    spec = FeatureSpec.from_catalog(names)
    catalog = small_catalog(spec, names)
    encoded = EncodedCatalog.build(catalog, spec)
    cases = document(GlobalModel.zero_shot(encoded).loaded(encoded), catalog)
    section = BY_NAME["docs/reference/bundles.md"].text.partition("## Conformance")[2].partition("```")[0]
    for keys in (cases, cases["cases"][0], cases["cases"][0]["features"], cases["pages"][0]):
        assert [
            key for key in keys if f"`{key}`" not in section and key not in ("format", "policy", "reward", "cases")
        ] == []
