"""`make docs`: every page rendered, its links turned to the rendered pages."""

import re
from pathlib import Path

import click
import pytest

from keyart_tools import docs

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    docs.build(ROOT, folder)
    return folder


def test_every_page_has_a_file_of_its_own(built):
    pages = docs.read_pages(ROOT)
    assert len({page.output for page in pages}) == len(pages) == len(list(built.glob("*.html")))


def test_links_between_rendered_pages_lead_somewhere(built):
    texts = {path.name: path.read_text("utf-8") for path in built.glob("*.html")}
    for name, text in texts.items():
        for target in re.findall(r'href="([^"]+)"', text):
            if target.startswith("https://"):
                continue
            file, _, anchor = target.partition("#")
            if file.startswith("../../"):
                assert (ROOT / file.removeprefix("../../")).exists(), f"{name}: {target}"
                continue
            assert file in ("", *texts), f"{name}: {target}"
            assert not anchor or f'id="{anchor}"' in texts[file or name], f"{name}: {target}"


def test_pages_load_nothing_from_elsewhere(built):
    for path in built.glob("*.html"):
        assert not re.search(r'(src|@import|<link)\b.*?["(]https?:', path.read_text("utf-8")), path.name


def test_code_is_coloured_and_escaped(tmp_path):
    (tmp_path / "README.md").write_text("# A <b>\n\n```python\nif x < 1: pass\n```\n\n```nonsense\na < b\n```\n")
    docs.build(tmp_path, tmp_path / "out")
    text = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert '<span class="k">if</span>' in text
    assert "a &lt; b" in text
    assert "A &lt;b&gt;" in text


def test_cli_page_names_each_command_and_its_options():
    @click.group()
    def tool() -> None: ...

    @tool.command()
    @click.option("--rounds", help="How many.")
    def learn(rounds: str) -> None:
        """Learns a lot."""

    page = docs.cli_page(tool)
    assert "## keyart learn" in page
    assert "--rounds TEXT" in page
    assert "Learns a lot." in page
