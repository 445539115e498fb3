"""The page in a real browser: it runs without an error and fits a television and a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.services import missing

from keyart_tools.demo.page.page_html import render
from keyart_tools.demo.page.page_model import HomePage

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROBE = """<script>
addEventListener("load", () => {
  const root = document.documentElement;
  document.querySelectorAll("[role=tab]")[1].click();
  const tile = document.querySelector("#panel1 .tile:nth-child(3) button");
  tile.focus();
  tile.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
  root.dataset.focused = document.activeElement.id;
  root.dataset.lead = document.querySelector("#panel1 .hero h3").textContent;
  root.dataset.twins = document.querySelectorAll(".twin").length;
  document.activeElement.click();
  root.dataset.dialog = document.getElementById("dialog").open;
  root.dataset.sheet = document.querySelectorAll("#dialog .cand").length;
  root.dataset.visible = [...document.querySelectorAll("[role=tabpanel]")].filter((p) => !p.hidden).length;
});
addEventListener("error", (event) => { document.documentElement.dataset.error = event.message; });
</script>"""


@pytest.mark.service
@pytest.mark.parametrize("size", ["1920,1080", "390,844"])
def test_the_page_runs_and_fits(sample_page: HomePage, tmp_path: Path, size: str) -> None:
    if CHROMIUM is None:
        missing("no chromium on the PATH")
    page = tmp_path / "index.html"
    # The probe comes first, so that it hears of errors in the page's own script.
    page.write_text(render(sample_page).replace("<script>", PROBE + "<script>", 1), encoding="utf-8")
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={size}",
        "--virtual-time-budget=3000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    dumped = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.decode()
    opening = re.search(r"<html[^>]*>", dumped)
    assert opening is not None
    data = dict(re.findall(r'data-(\w+)="([^"]*)"', opening.group()))
    assert "error" not in data
    assert data["ready"] == "yes"
    assert data["overflow"] == "0"
    assert data["focused"] == "v1s0c3"
    assert data["lead"] == sample_page.viewers[1].screens[0].choices[3].title_name.replace("&", "&amp;")
    assert (data["twins"], data["dialog"], data["sheet"], data["visible"]) == ("1", "true", "10", "1")
    # No learning.png lies beside this copy: its frame goes away.
    assert re.search(r'<a class="learning"[^>]*hidden', dumped)
