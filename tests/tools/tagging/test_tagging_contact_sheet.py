"""The contact sheet: safe whatever a film is called, and corrections that come back, from a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from support.services import missing

from keyart_tools.tagging.contact_sheet import page, write_sheet
from keyart_tools.tagging.corrections import apply_corrections

from .test_tagging_file import TAGGING
from .test_tagging_judgement import still

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# The page's own download is caught, and what it would save is put where the test can read it.
PROBE = """<script>
addEventListener("error", event => { document.documentElement.dataset.error = event.message });
addEventListener("load", () => {
  const root = document.documentElement, key = key => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
  HTMLAnchorElement.prototype.click = function () { root.dataset.file = this.download };
  URL.createObjectURL = blob => { blob.text().then(text => { root.dataset.saved = text }); return "blob:x" };
  root.dataset.views = [...document.querySelectorAll(".filters button")].map(b => b.textContent).join(",");
  document.querySelector(".filters button[value=All]").click();
  key("j"); key("r");
  key("j"); key("a"); key("t");
  const input = document.activeElement;
  input.value = "mood:happy 0.5"; input.form.requestSubmit();
  input.closest("article").focus(); key("b"); key("s");
  root.dataset.boxes = getComputedStyle(document.querySelector(".box")).display;
  root.dataset.overflow = document.documentElement.scrollWidth - innerWidth;
});
</script>"""


def test_a_page_is_safe_whatever_things_are_called() -> None:
    nasty = '</script><script>alert(1)</script>"&'
    stills = (replace(TAGGING.stills[0], said=nasty, tags={nasty: 1.0}),)
    text = page(replace(TAGGING, name=nasty, licence=nasty, models={nasty: nasty}, stills=stills))

    assert text.count("<script") == 2 and "alert(1)</script>" not in text.replace("&lt;/script&gt;", "")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))
    assert data["stills"][0]["said"] == nasty and nasty in data["stills"][0]["tags"]


def test_the_selection_comes_first_and_the_refused_last() -> None:
    stills = (still("0001", refused="black"), still("0002"), still("0003", selected=2), still("0004", selected=1))
    text = page(replace(TAGGING, stills=stills))

    assert re.findall(r'"id": "(\d+)"', text) == ["0004", "0003", "0002", "0001"]


def test_it_names_the_licence_and_the_models() -> None:
    assert "CC BY 3.0" in page(TAGGING) and "faces (MIT)" in page(TAGGING)


@pytest.mark.service
@pytest.mark.parametrize("size", ["1280,800", "390,844"])
def test_corrections_made_with_the_keyboard_come_back(size: str, tmp_path: Path) -> None:
    if CHROMIUM is None:
        missing("no chromium on the PATH")
    sheet = write_sheet(tmp_path, TAGGING)
    sheet.write_text(sheet.read_text("utf-8").replace("<script", PROBE + "<script", 1), encoding="utf-8")
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={size}", "--virtual-time-budget=3000", "--dump-dom", sheet.as_uri(),
    ]  # fmt: skip
    dumped = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.decode()
    data = dict(re.findall(r'data-(\w+)="([^"]*)"', re.search(r"<html[^>]*>", dumped).group()))

    assert "error" not in data
    assert data["views"] == "Selected 1,Others 1,Refused 0,All 2"
    assert data["boxes"] == "block" and int(data["overflow"]) <= 0
    assert data["file"] == "corrections.json"
    saved = tmp_path / "corrections.json"
    saved.write_text(unescape(data["saved"]), encoding="utf-8")
    first, second = apply_corrections(TAGGING, saved).stills
    assert first.refused == "rejected by hand"
    assert second.by_hand and second.accepted
    assert second.all_tags == {"motion:calm": 1.0, "mood:happy": 0.5}
