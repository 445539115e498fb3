"""The web TV client in a real browser: a household, arrow keys, a child, wishes, and learning on the device alone."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import browsing
from support.static_site import serving

import keyart

CLIENT = Path(__file__).parents[2] / "examples/tv-web"
TV, PHONE = {"width": 1920, "height": 1080}, {"width": 390, "height": 844}

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def folder(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client as its script builds it, with the compiled package of these tests."""
    script = runpy.run_path(str(CLIENT / "build.py"))
    compile_into = lambda out: shutil.copytree(built / "dist", out)  # noqa: E731
    script["build"].__globals__["compiled"] = compile_into
    out = tmp_path_factory.mktemp("client") / "tv"
    script["build"](out, Path("no film here"))
    return out


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    with serving(folder) as made:
        yield f"{made}/"


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    """The home screen on a TV. It fails if the page complains, or asks another address for anything."""
    mistakes: list[str] = []
    with browsing(TV) as made:
        made.on("pageerror", lambda error: mistakes.append(str(error)))
        made.on("console", lambda said: None if is_expected(said) else mistakes.append(said.text))
        made.on("request", lambda asked: None if asked.url.startswith(address) else mistakes.append(asked.url))
        made.goto(address)
        made.wait_for_selector("[data-ready]", state="attached")
        yield made
    assert mistakes == []


def is_expected(said: Any) -> bool:
    """Return whether a message is no complaint, or that there is no newer root, for which a TUF client has to ask."""
    return said.type not in ("error", "warning") or str(said.location["url"]).endswith("/metadata/2.root.json")


def pictures(page: Any) -> dict[str, str]:
    """The picture of each title on the home screen; a card without one is left out."""
    script = """() => Object.fromEntries(Array.from(document.querySelectorAll(".tile"))
        .filter((tile) => tile.querySelector("img"))
        .map((tile) => [tile.dataset.title, tile.querySelector("img").getAttribute("src")]))"""
    return page.evaluate(script)


def profile(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_function(
        "name => document.querySelector('#profiles [aria-pressed=true]').textContent === name", arg=name
    )


def daypart(page: Any, label: str) -> None:
    """Pick the time of the day, for which the button goes round."""
    while page.locator("#daypart").inner_text() != f"Time: {label}":
        page.locator("#daypart").click()


def watch_to_the_end(page: Any, title: str) -> None:
    page.locator(f'[data-title="{title}"]').first.click()
    page.get_by_role("button", name="Watch it to the end").click()
    page.wait_for_selector("dialog:not([open])", state="attached")


def kept(page: Any) -> str:
    return settings_text(page, ".kept")


def settings_text(page: Any, part: str) -> str:
    """Open the settings, read a part of them, and close them again."""
    page.get_by_role("button", name="Settings").click()
    text: str = page.locator(f"dialog {part}").inner_text()
    page.keyboard.press("Escape")
    return text


def test_a_household(page: Any, folder: Path) -> None:
    shown = pictures(page)
    assert len(shown) >= 30
    profile(page, "Den")
    other = pictures(page)
    assert sum(shown[title] != other[title] for title in shown) >= 8  # another history, other pictures
    profile(page, "Kids")
    catalog = keyart.Catalog.load(folder / "catalog.json")
    rating = {artwork.image: artwork.maturity for title in catalog for artwork in title.artworks}
    child = pictures(page)
    assert child and {rating[picture] for picture in child.values()} == {"6+"}
    assert page.locator(".tile .card").count() > 0  # a title without a picture for children has a neutral card
    watch_to_the_end(page, next(iter(child)))
    assert kept(page) == "Nothing is kept."


def test_a_signed_model_knows_the_time_of_the_day(page: Any, folder: Path) -> None:
    catalog = keyart.Catalog.load(folder / "catalog.json")
    calm = {art.image for title in catalog for art in title.artworks if "mood:thoughtful" in art.tags}

    def share_of_calm(label: str) -> float:
        daypart(page, label)
        shown = pictures(page).values()
        return sum(picture in calm for picture in shown) / len(shown)

    assert settings_text(page, ".model").endswith("its signatures are verified.")
    assert share_of_calm("Morning") > share_of_calm("Evening") + 0.2


def test_without_a_model_that_verifies_it_uses_its_own(page: Any, folder: Path) -> None:
    def with_a_flipped_bit(route: Any) -> None:
        data = bytearray(route.fetch().body())
        data[len(data) // 2] ^= 1
        route.fulfill(body=bytes(data))

    page.route("**/tuf/targets/*/*ranker.bin", with_a_flipped_bit)
    page.reload()
    page.wait_for_selector("[data-ready]", state="attached")
    assert settings_text(page, ".model").startswith(
        "The model that came with this app. No newer one could be verified"
    )
    assert len(pictures(page)) >= 30


def test_arrow_keys_alone(page: Any) -> None:
    focus = "() => document.activeElement.dataset.title || document.activeElement.textContent"
    page.keyboard.press("ArrowDown")
    first = page.evaluate(focus)
    page.keyboard.press("ArrowRight")
    second = page.evaluate(focus)
    assert first != second and page.locator("#hero-name").inner_text() != ""
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focus) == second
    page.keyboard.press("Enter")
    assert page.evaluate(focus) == "Watch it to the end"
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")  # why this picture?
    assert page.locator("dialog .chances li").count() == 6
    page.keyboard.press("Escape")
    assert page.evaluate(focus) == second
    # The nearest control is looked for where things stand, and a loaded machine may still be scrolling.
    page.wait_for_function(
        "() => new Promise((be) => { const y = scrollY; setTimeout(() => be(y === scrollY), 200); })"
    )
    page.keyboard.press("ArrowUp")
    assert page.evaluate("() => !!document.activeElement.closest('#bar')")


def test_it_learns_on_this_device_and_keeps_it_through_a_reload(page: Any) -> None:
    assert kept(page).startswith("9 views and 0 outcomes")
    watch_to_the_end(page, "neon-rain")
    assert kept(page).startswith("10 views and 1 outcomes")
    page.reload()
    page.wait_for_selector("[data-ready]", state="attached")
    assert kept(page).startswith("10 views and 1 outcomes")
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Choose pictures for me").uncheck()
    page.keyboard.press("Escape")
    watch_to_the_end(page, "cold-harbour")
    assert kept(page).startswith("10 views and 1 outcomes")
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Forget everything").click()
    assert kept(page) == "Nothing is kept."


def test_a_wish_changes_the_pictures_and_is_kept_nowhere(page: Any, folder: Path) -> None:
    catalog = keyart.Catalog.load(folder / "catalog.json")
    genre = {
        artwork.image: next(tag for tag in artwork.tags if tag.startswith("genre:"))
        for title in catalog
        for artwork in title.artworks
    }
    profile(page, "Den")  # crime and thrillers have been watched there, so few of the comedies show that they are
    daypart(page, "Evening")
    before = sum(genre[picture] == "genre:comedy" for picture in pictures(page).values())
    page.get_by_label("What are you in the mood for?").fill("Etwas Lustiges")
    page.keyboard.press("Enter")
    after = [genre[picture] for picture in pictures(page).values()]
    funny = sum("genre:comedy" in title.tags for title in catalog)
    assert before < sum(name == "genre:comedy" for name in after) == funny
    assert "Lustiges" in page.locator("#note").inner_text()
    assert page.evaluate("() => JSON.stringify(localStorage).includes('Lustig')") is False


def test_the_reasons_speak_another_language(page: Any) -> None:
    page.get_by_role("button", name="Settings").click()
    page.locator("dialog select").select_option("de")
    page.keyboard.press("Escape")
    why = page.locator("#hero-why").inner_text()
    assert any(word in why for word in (" Bild", "Es ", "Sie ", "Seine "))


@pytest.mark.parametrize("size", [TV, PHONE], ids=["tv", "phone"])
def test_no_accessibility_violation(page: Any, built: Path, size: dict[str, int]) -> None:
    axe = (built / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    page.set_viewport_size(size)

    def violations() -> list[str]:
        page.evaluate(axe)
        found = page.evaluate("async () => (await axe.run()).violations")
        return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found]

    assert violations() == []
    page.locator(".tile").first.click()
    page.get_by_role("button", name="Why this picture?").click()
    assert violations() == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Settings").click()
    assert violations() == []
