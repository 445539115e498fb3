"""The web SDK computes what the Python SDK computes, in Node and in a browser, and keeps what it keeps sealed."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.browser import browsing

from keyart.intent import concepts, from_text

MAX_GZIPPED_BYTES = 40_000

pytestmark = pytest.mark.service


def sentences() -> dict[str, dict[str, float]]:
    """Sentences of all languages, and what they ask for."""
    texts = [
        "",
        "the and of",
        "es war einmal",
        "pas d'horreur, plutôt une histoire d'amour",
        "nothing sad, but exciting",
    ]
    frames = {
        "en": "something {} with the kids", "de": "ein Film, aber nicht {}", "fr": "je veux quelque chose de {}",
        "es": "algo sin {}, por favor", "ja": "{}くない映画",
    }  # fmt: skip
    for concept in concepts():
        for language, frame in frames.items():
            texts += [frame.format(word.replace("*", "")) for word in concept.words[language]]
    return {text: from_text(text) for text in texts}


def test_every_case_in_node(built: Path, bundles: Path, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "intents.json").write_text(json.dumps(sentences()), encoding="utf-8")
    folders = {"BUNDLES": bundles, "REPOSITORY": repository, "INTENTS": tmp_path / "intents.json"}
    environment = {**os.environ, **{f"KEYART_{name}": str(folder) for name, folder in folders.items()}}
    tests = sorted(str(path) for path in (built / "test").glob("*.test.mjs"))
    done = subprocess.run(
        ["node", "--test", *tests], cwd=built, env=environment, capture_output=True, text=True, check=False
    )
    counts = {name: int(number) for name, number in re.findall(r"^# (pass|fail|skipped) (\d+)", done.stdout, re.M)}
    assert done.returncode == 0, done.stdout[-3000:]
    assert counts["fail"] == counts["skipped"] == 0 and counts["pass"] >= 82, counts


def test_it_is_small_and_of_its_time(built: Path) -> None:
    dist = built / "dist"
    scripts = {str(path.relative_to(dist)): path.read_text(encoding="utf-8") for path in sorted(dist.rglob("*.js"))}
    text = "\n".join(scripts.values())
    main = "\n".join(script for name, script in scripts.items() if not name.startswith(("intent", "update/")))
    assert len(gzip.compress(main.encode(), 9)) <= MAX_GZIPPED_BYTES
    code = re.sub(r"/\*.*?\*/|//[^\n]*|\"[^\"\n]*\"|`[^`]*`", "", text, flags=re.S)
    assert not re.search(r"\?\.(?!\d)|\?\?|\|\|=|&&=|(?<![\w.])#\w", code)  # Chromium 79 knows none of these


def test_every_case_in_a_browser(site: str, bundles: Path) -> None:
    script = """async (names) => {
        const { checkCase, checkPage, suiteOf } = await import("./test/cases.mjs");
        let checked = 0;
        for (const name of names) {
            const read = async (file) => new Uint8Array(await (await fetch(`bundles/${name}/${file}`)).arrayBuffer());
            const suite = await suiteOf(read);
            for (const one of suite.document.cases) checkCase(suite, one), checked++;
            for (const page of suite.document.pages) checkPage(suite, page), checked++;
        }
        return checked;
    }"""
    names = sorted(folder.name for folder in bundles.iterdir())
    with browsing() as page:
        page.goto(site)
        assert page.evaluate(script, names) == 10 * len(names)


def test_a_signed_repository_in_a_browser(site: str, repository: Path) -> None:
    script = """async ([name, root]) => {
        const { LocalTrustedStore, repositoryAt, signedBundle } = await import("./dist/update/index.js");
        const trusted = new LocalTrustedStore();
        const one = () => signedBundle(repositoryAt(`repository/${name}`), { root, trusted });
        return one().then(({ version }) => [version], (error) => [error.name, error.message]);
    }"""
    root = (repository / "root.json").read_text(encoding="utf-8")
    with browsing() as page:
        page.goto(site)
        assert page.evaluate(script, ["site", root]) == [8]
        assert page.evaluate(script, ["rotated", root]) == [9]
        page.reload()
        name, words = page.evaluate(script, ["site", root])  # the state before the new keys
        assert name == "UpdateError" and "not signed" in words


def test_a_profile_in_a_browser(site: str) -> None:
    def step(page: Any, name: str) -> Any:
        return page.evaluate(f'async () => (await import("./test/profiles.mjs")).{name}()')

    with browsing() as page:
        page.goto(site)
        step(page, "use")
        page.reload()  # without close: what was answered is kept
        held, others = step(page, "exports")
        assert len(held["views"]) == len(held["outcomes"]) == 1
        assert held["decisions"][0]["title_id"] == "secret-title"
        assert others["views"] == [] and others["consent"][0]["granted"]
        assert step(page, "look") == [4, False, False]
        assert step(page, "misplace") == "StoreDamaged"
        assert step(page, "forget") == [2, 4, False]  # alex's records, and a fresh key for robin
