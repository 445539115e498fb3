"""A person, a real browser, the real command, Flower and fifty devices: from the first link to a model on devices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import PHONE, browsing
from support.server import NAME, PASSWORD, running
from support.visiting_devices import LONGEST_SECONDS, prepared, until, visiting

DEVICES = 50


@pytest.fixture
def page() -> Iterator[Any]:
    with browsing() as made:
        yield made


@pytest.mark.service
def test_from_the_first_link_to_a_model_on_fifty_devices(page: Any, tmp_path: Path) -> None:
    arguments = prepared(tmp_path)
    pictures = tmp_path / "pictures"
    with running(tmp_path / "data", *arguments) as server:
        address, mistakes = server.started["address"], []
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        page.on("console", lambda said: mistakes.append(said.text) if said.type == "error" else None)

        page.goto(server.started["join"])
        page.get_by_label("Name", exact=True).fill(NAME)
        page.get_by_label("Password", exact=False).first.fill(PASSWORD)
        page.get_by_role("button").last.click()
        page.wait_for_url(f"{address}/")
        assert "keyart" in page.title()

        with visiting(server, tmp_path, DEVICES) as said:
            until(lambda: sum(one["event"] == "enrolled" for one in said()) == DEVICES)

            page.goto(f"{address}/campaigns/new?kind=training")
            page.get_by_label("Name", exact=True).fill("Spring")
            page.get_by_label("Rounds", exact=False).first.fill("1")
            page.locator('[name="epsilon"]').fill("8")
            page.locator("details.more summary").click()
            for name, value in {
                "minimum_devices": "20", "wanted": "40", "patience": "60", "hours": "0", "gates": "0", "stages": "1",
            }.items():  # fmt: skip
                page.locator(f'[name="settings.{name}"]').fill(value)
            page.get_by_role("button", name="Create a draft").click()
            page.get_by_role("button", name="Start", exact=False).first.click()
            campaign = page.url

            page.goto(address)  # and watches, without a click, how the first round goes on
            page.get_by_text("Spring").first.wait_for()
            until(lambda: "masked" in page.content() or "unmask" in page.content() or "done" in page.content())
            pictures.mkdir()
            page.screenshot(path=pictures / "overview.png")

            page.goto(campaign)
            page.get_by_text("population").first.wait_for(timeout=LONGEST_SECONDS * 1000)
            until(lambda: any(one["event"] == "installed" and one["model"] == 2 for one in said()))
            until(
                lambda: (
                    len({one["device"] for one in said() if one["event"] == "installed" and one["model"] == 2})
                    == DEVICES
                )
            )
            page.reload()
            page.screenshot(path=pictures / "campaign.png", full_page=True)
            page.goto(f"{address}/releases")
            assert "2" in page.get_by_role("main").inner_text()
            page.set_viewport_size(PHONE)
            for path in ("", "campaigns", "releases", "budget", "fleet", "audit"):
                page.goto(f"{address}/{path}")
                width = page.evaluate("document.documentElement.scrollWidth")
                assert width <= PHONE["width"], f"/{path} is {width} wide"
                page.screenshot(path=pictures / f"phone-{path or 'overview'}.png", full_page=True)
        assert mistakes == []
        assert not [one for one in said() if one["event"] in ("refused", "not installed")]
        rounds = server.client.get("/api/v1/campaigns", headers=server.bearer).json()["items"]
        assert [one["state"] for one in rounds] == ["done"]
