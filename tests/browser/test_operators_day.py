"""An operator's day: from an empty server to a model that is withdrawn again, and a restored backup.

All of it is done on the pages, in a real browser, against the real command and devices that visit it over HTTP. Each
page on the way is looked at by axe-core, and on a phone none is wider than the screen.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import DESKTOP, PHONE, browsing, violations
from support.server import COMMAND, NAME, PASSWORD, running
from support.visiting_devices import LONGEST_SECONDS, prepared, until, visiting

from keyart.bundle import read_files
from keyart_server.releases import bundle_archive

DEVICES = 16
# Settings of a campaign for this small fleet. A round asks for fewer devices than there are, since some are held out,
# and waits for nobody; a candidate is offered to half of them for a day, without comparisons.
SMALL_FLEET = {
    "minimum_devices": "5", "wanted": "8", "patience": "120", "hours": "0", "gates": "0", "stages": "0.5, 1",
}  # fmt: skip


@pytest.fixture
def page() -> Iterator[Any]:
    with browsing() as made:
        yield made


class Desk:
    """The browser of the operator. Every page that is opened is looked at."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())

    def open(self, path: str) -> None:
        self.page.goto(f"{self.address}{path}")
        self.look()

    def look(self) -> None:
        assert violations(self.page) == [], self.page.url
        self.page.set_viewport_size(PHONE)
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{self.page.url} is {width} wide"
        assert violations(self.page) == [], self.page.url
        self.page.set_viewport_size(DESKTOP)

    def press(self, label: str) -> None:
        self.page.get_by_role("button", name=label).first.click()

    def follow(self, label: str) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=label).first.click()
        self.look()

    @property
    def text(self) -> str:
        return str(self.page.get_by_role("main").inner_text())

    def said(self, sentence: str) -> None:
        """Wait for the sentence at the top of the next page."""
        self.page.locator(".notice", has_text=sentence).wait_for()

    def steps(self) -> list[str]:
        """State of each step of the checklist."""
        self.open("/")
        return [text.strip() for text in self.page.locator(".steps .state").all_inner_texts()]


def sign_in(desk: Desk) -> None:
    desk.page.context.clear_cookies()  # a restored server still knows the session
    desk.page.goto(desk.address)
    desk.page.get_by_label("Name", exact=True).fill(NAME)
    desk.page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    desk.page.get_by_role("button").last.click()
    desk.page.get_by_role("heading", name="Overview").wait_for()


def set_up(desk: Desk, join: str, folder: Path) -> list[str]:
    """From the one-time link to vouchers for devices, along the checklist; the vouchers."""
    desk.page.goto(join)
    desk.page.get_by_label("Name", exact=True).fill(NAME)
    desk.page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    desk.page.get_by_role("button").last.click()
    desk.page.wait_for_url(f"{desk.address}/")
    assert desk.steps() == ["to do", "to do", "to do", "has to wait"]

    desk.follow("Upload the catalogue")
    (folder / "wrong.json").write_text('{"format": "keyart-catalog/9"}')
    desk.page.get_by_label("Catalogue file").set_input_files(folder / "wrong.json")
    desk.press("Upload the catalogue")
    desk.page.locator("#upload-file-error", has_text="Nothing was changed.").wait_for()
    assert "catalog.json" in desk.page.locator("#upload-file-error").inner_text()
    desk.look()
    desk.page.get_by_label("Catalogue file").set_input_files(folder / "catalog.json")
    desk.press("Upload the catalogue")
    desk.said("Version 1 of the catalogue is in use")
    desk.look()
    assert desk.steps() == ["done", "to do", "to do", "has to wait"]

    desk.follow("Upload a bundle")
    desk.page.get_by_label("Bundle (zip)").set_input_files(folder / "catalog.json")
    desk.press("Upload the bundle")
    desk.page.locator("#upload-file-error", has_text="not a complete zip file").wait_for()
    desk.page.get_by_label("Bundle (zip)").set_input_files(folder / "first.zip")
    desk.press("Upload the bundle")
    desk.said("Model 1 is released to all devices.")
    desk.look()

    desk.open("/")
    desk.follow("Enrol devices")
    desk.page.get_by_label("Number of vouchers").fill("some")
    desk.press("Make vouchers")
    desk.page.locator("#count-error", has_text="whole number").wait_for()
    desk.page.get_by_label("Number of vouchers").fill(str(DEVICES))
    desk.press("Make vouchers")
    vouchers: list[str] = desk.page.locator("#secret").inner_text().split()
    assert len(vouchers) == DEVICES
    desk.look()
    return vouchers


def create_campaign(desk: Desk) -> str:
    """A draft with errors at first, edited and started; the address of its page."""
    desk.open("/")
    desk.follow("Create a campaign")
    desk.follow("Train the model")
    desk.page.get_by_label("Name", exact=True).fill("Sprng")
    desk.page.locator('[name="epsilon"]').fill("8")
    desk.page.locator('[name="rounds"]').fill("one")
    desk.page.locator("details.more summary").click()
    for name, value in SMALL_FLEET.items():
        desk.page.locator(f'[name="settings.{name}"]').fill(value)
    desk.page.locator('[name="settings.patience"]').fill("long")
    desk.press("Create a draft")
    desk.page.get_by_text("2 things need a change").wait_for()
    desk.look()
    assert desk.page.evaluate("document.activeElement.name") == "rounds", "the first error has the focus"
    assert desk.page.locator('[name="settings.stages"]').input_value() == "0.5, 1", "what was entered stays"
    desk.page.locator('[name="rounds"]').fill("1")
    desk.page.locator('[name="settings.patience"]').fill("120")
    desk.press("Create a draft")
    desk.said("Sprng is a draft.")
    desk.follow("Edit")
    desk.page.get_by_label("Name", exact=True).fill("Spring")
    desk.press("Save the draft")
    desk.said("Spring is saved.")
    desk.look()
    # The page says what will happen: without ε for gates, the release stays at half of the devices.
    assert "cannot finish on this fleet" in desk.text and "held at 50 %" in desk.text
    desk.page.locator("#sure-start summary").click()
    desk.press("Start it all the same")
    desk.said("Spring has started.")
    return str(desk.page.url)


def installed(said: list[dict[str, Any]], model: int) -> int:
    """Number of devices that have installed this model."""
    return len({one["device"] for one in said if one["event"] == "installed" and one["model"] == model})


def keyart(*words: object) -> dict[str, Any]:
    """What `keyart serve --json` says with these words, when it ends."""
    command = [*COMMAND, "--json", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.service
def test_an_operators_day(page: Any, tmp_path: Path) -> None:
    prepared(tmp_path)  # what the app's team hands over: a catalogue, and a bundle for it
    (tmp_path / "first.zip").write_bytes(bundle_archive.pack(read_files(tmp_path / "first")))
    backup, restored = tmp_path / "monday.keyart", tmp_path / "restored"
    with running(tmp_path / "data", "--epsilon", "1000") as server:
        desk = Desk(page, server.started["address"])
        vouchers = set_up(desk, server.started["join"], tmp_path)
        with visiting(server, tmp_path, DEVICES, vouchers) as said:
            until(lambda: sum(one["event"] == "enrolled" for one in said()) == DEVICES)
            campaign = create_campaign(desk)

            # A round of real devices, whose sum becomes model 2: at half of the devices, once its gates have passed.
            desk.open("/releases")
            desk.page.get_by_role("link", name="Model 2").wait_for(timeout=LONGEST_SECONDS * 1000)
            desk.page.goto(campaign)
            desk.page.locator("#rounds").get_by_text("population").wait_for()
            desk.look()
            until(lambda: installed(said(), 2) > 0)
            desk.open("/releases/2")
            assert "50 %" in desk.text and "rolling" in desk.text
            assert desk.page.locator("#gates td .state.good").count() >= 2, (
                "the gates that need no device have passed"
            )

            desk.press("Hold")
            desk.said("Model 2 is held")
            desk.look()
            desk.open("/")
            assert "Release held" in desk.text and desk.page.locator(".steps").count() == 0, "all steps are done"

            # All devices get it on a person's word only, and that word is kept.
            desk.open("/releases/2")
            desk.follow("Promote")
            desk.page.evaluate("document.querySelector('textarea').required = false")
            desk.press("Promote to 100 %")
            desk.page.locator("#reason-error").wait_for()
            desk.look()
            desk.page.get_by_label("Reason").fill("The first hours look fine.")
            desk.press("Promote to 100 %")
            desk.said("Model 2 is promoted.")
            assert "The first hours look fine." in desk.text
            until(lambda: installed(said(), 2) == DEVICES)

            # It was a mistake: the weights of model 1 come back as model 3.
            desk.follow("Withdraw")
            desk.page.get_by_label("Reason").fill("Viewers complain.")
            desk.press("Withdraw the model")
            desk.page.locator(".notice", has_text="2").wait_for()
            until(lambda: installed(said(), 3) == DEVICES)
            desk.open("/releases")
            assert "3" in desk.text and "withdrawn" in desk.text

        desk.open("/audit?action=release")
        assert "Release withdrawn" in desk.text and "Viewers complain." in desk.text and "Robin" in desk.text
        assert keyart("--data", server.data, "--backup", backup)
        assert desk.errors == []

    # The machine is lost; a new one starts from the backup.
    keyart("--data", restored, "--restore", backup)
    with running(restored, "--epsilon", "1000") as server:
        desk = Desk(page, server.started["address"])
        sign_in(desk)
        desk.open("/audit?check=1")
        assert "Audit log verified" in desk.text and "Backup restored" in desk.text
        desk.open("/catalog")
        assert "Version in use" in desk.text
        desk.open("/releases")
        assert "withdrawn" in desk.text and "100 % of devices" in desk.text
        desk.open("/campaigns")
        assert "Spring" in desk.text and "done" in desk.text
        assert server.client.get("/readyz").json()["checks"]["database"] == "ok"
        assert desk.errors == []
