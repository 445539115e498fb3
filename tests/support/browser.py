"""A real headless Chromium, and axe-core's judgement of the pages that it shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.services import missing

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
TIMEOUT_MILLISECONDS = 60_000


@contextmanager
def browsing(viewport: dict[str, int] = DESKTOP) -> Iterator[Any]:
    """A page of a browser of its own; the test is skipped where there is no Chromium."""
    if CHROMIUM is None:
        missing("no chromium on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=viewport)
        page.set_default_timeout(TIMEOUT_MILLISECONDS)
        yield page
        browser.close()


def violations(page: Any) -> list[str]:
    """What axe-core finds wrong with the page as it is shown: rule and element."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response
    assert found["passes"], "axe-core has looked at nothing"
    return [f"{one['id']}: {node['target']}" for one in found["violations"] for node in one["nodes"]]
