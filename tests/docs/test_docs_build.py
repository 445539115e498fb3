"""`make docs`: the site is built from pages and code without a warning, and loads nothing from elsewhere."""

import json
import os
import posixpath
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import click
import pytest
from docs_pages import ROOT, Page, read_pages, slug
from support.browser import browsing
from support.static_site import serving

import keyart
import keyart_federated
from keyart_tools.cli import main

pytestmark = pytest.mark.slow  # `make docs` is the same build


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site; a broken link, a missing anchor or a page outside `nav` fails the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


def output(page: Page) -> str:
    """Return the path of the rendered file of a page."""
    path = page.path if page.path.parts[0] == "docs" else Path("docs", page.path.name.lower())
    return "index.html" if path.stem.lower() == "readme" else path.relative_to("docs").with_suffix(".html").as_posix()


def shown(path: Path) -> str:
    """Text of the page's article, without tags."""
    article = path.read_text("utf-8").partition("<article")[2].partition("</article>")[0]
    return unescape(re.sub(r"<[^>]+>", "", article))


def test_every_page_has_a_file_of_its_own(site):
    pages = [page for page in read_pages() if str(page.path) != "README.md"]  # which is for the repository alone
    for page in pages:
        assert (site / output(page)).is_file(), page.path
    assert len({output(page) for page in pages}) == len(pages)
    assert len([path for path in site.rglob("*.html") if path.name != "404.html"]) == len(pages)


def test_pages_load_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for path in pages:
        for tag in re.findall(r"<(?:script|link|img|iframe|source|video)\b[^>]*>", path.read_text("utf-8")):
            assert not re.search(r"""(src|href|srcset)=["']?(https?:)?//""", tag), f"{path.name}: {tag}"
    for path in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", path.read_text("utf-8")), path.name


def test_links_between_rendered_pages_lead_somewhere(site):
    texts = {path.relative_to(site).as_posix(): path.read_text("utf-8") for path in site.rglob("*.html")}
    for name, text in texts.items():
        if name == "404.html":  # its links are absolute: it answers for any address
            continue
        for target in re.findall(r'<a [^>]*href="([^"]+)"', text):
            if re.match(r"(https?|mailto):", target):
                continue
            file, _, anchor = unescape(target).partition("#")
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), file)) if file else name
            assert (site / path).exists(), f"{name}: {target}"
            path = "index.html" if path == "." else path
            if anchor and path in texts:
                assert re.search(rf'(id|name)="{re.escape(anchor)}"', texts[path]), f"{name}: {target}"


def test_code_is_coloured_and_escaped(site):
    text = (site / "explanation" / "choosing.html").read_text("utf-8")
    assert '<span class="kn">import</span>' in text
    assert '<span class="mi">0</span> <span class="o">&lt;</span>' in text


def test_command_line_page_has_every_command_and_option(site):
    text = shown(site / "reference" / "cli.html")
    anchors = re.findall(r'<h\d id="(keyart[\w-]*)"', (site / "reference" / "cli.html").read_text("utf-8"))

    paths = []

    def walk(command: click.Command, path: str) -> None:
        assert path in text
        paths.append(slug(path))
        for option in command.params:
            for name in option.opts if isinstance(option, click.Option) else ():
                assert name in text, f"{path} {name}"
        if isinstance(command, click.Group):
            for name, sub in sorted(command.commands.items()):
                walk(sub, f"{path} {name}")

    walk(main, "keyart")
    assert anchors == paths


def test_examples_of_commands_are_code(site):
    text = shown(site / "reference" / "cli.html")
    assert "Example:" not in text
    assert "\nkeyart train log.jsonl --catalog catalog.json --out model.npz\n" in text


@pytest.mark.parametrize("module", [keyart, keyart_federated], ids=lambda module: module.__name__)
def test_every_public_name_is_on_its_api_page(site, module):
    text = (site / "reference" / "api" / f"{module.__name__}.html").read_text("utf-8")
    documented = set(re.findall(r'id="([\w.]+)"', text))
    for name in module.__all__:
        assert f"{module.__name__}.{name}" in documented or any(
            anchor.startswith(f"{module.__name__}.") and anchor.endswith(f".{name}") for anchor in documented
        ), name


def test_every_route_is_on_the_http_page(site, tmp_path):
    from keyart_server.app import create_app
    from keyart_server.serve import open_service
    from keyart_server.settings import ServerSettings

    with open_service(ServerSettings(tmp_path / "data", insecure_issuer=True)) as service:
        paths = create_app(service).openapi()["paths"]
    text = shown(site / "reference" / "http-api.html")
    assert len(paths) > 20
    for path, operations in paths.items():
        for method in operations:
            assert f"{method.upper()} {path}" in text


def test_search_finds_words_of_every_page(site):
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    found = {entry["location"].partition("#")[0] or "index.html" for entry in index["docs"]}
    assert {output(page) for page in read_pages()} <= found
    assert any("propensity" in entry["text"] for entry in index["docs"])


@pytest.fixture
def address(site):
    with serving(site) as made:
        yield made


@pytest.mark.service
def test_a_browser_finds_a_page_and_asks_nobody_else(address):
    with browsing() as page:
        asked, mistakes = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        page.goto(f"{address}/index.html")
        page.locator(".md-search__input").first.click()
        page.keyboard.type("propensity", delay=20)
        page.locator(".md-search-result__item a").first.click()
        page.wait_for_url("**/*.html*")
        assert "propensity" in page.locator("article").inner_text()
    assert mistakes == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
