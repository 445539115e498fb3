"""The page: one file, no network, everything on it, nothing that a name could break out of."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from keyart.errors import InputError
from keyart_tools.demo.page.page_html import describe, render
from keyart_tools.demo.page.page_model import Candidate, Choice, HomePage, PageViewer, PolicyResult

VOID = {"meta", "img", "input", "br", "link"}


class Reader(HTMLParser):
    """Collects elements and text, and checks that tags close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data


@pytest.fixture(scope="module")
def html(sample_page: HomePage) -> str:
    return render(sample_page)


def test_the_page_asks_for_nothing_but_the_plot(html: str) -> None:
    without_names = html.replace("http://www.w3.org/2000/svg", "").replace("http%3A//www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]|@import|fetch\(|XMLHttpRequest", without_names)
    reader = Reader(html)
    wanted = [a[name] for _, a in reader.elements for name in ("src", "href") if name in a]
    assert wanted == ["learning.png", "learning.png"]
    assert "url(" not in re.sub(r'url\("data:image/svg\+xml,[^"]*"\)', "", _styles(html))


def _styles(html: str) -> str:
    return "".join(re.findall(r"<style>(.*?)</style>", html, re.S))


def test_every_viewer_title_candidate_and_reason_is_there(html: str, sample_page: HomePage) -> None:
    reader = Reader(html)
    ids = [a["id"] for _, a in reader.elements if "id" in a and a["id"] != "detail-name"]
    assert len(ids) == len(set(ids))
    tiles = [a for tag, a in reader.elements if tag == "li" and "tile" in (a.get("class") or "").split()]
    choices = [c for v in sample_page.viewers for s in v.screens for c in s.choices]
    assert [t["data-title"] for t in tiles] == [c.title_id for c in choices]
    listed = [a for tag, a in reader.elements if tag == "li" and "cand" in (a.get("class") or "").split()]
    assert len(listed) == sum(len(c.candidates) for c in choices)
    assert sum("chosen" in (a["class"] or "") for a in listed) == len(choices)
    for part in [v.name for v in sample_page.viewers] + [r for c in choices for r in c.reasons]:
        assert part in reader.text
    for part in (
        *sample_page.notes,
        *sample_page.licences,
        sample_page.headline,
        *(c.title_name for c in choices),
    ):
        assert part in reader.text
    assert reader.text.count("never shown") == len(choices)
    assert "not the films’ artwork" in reader.text


def test_results_carry_their_intervals(html: str, sample_page: HomePage) -> None:
    text = Reader(html).text
    for result in sample_page.results:
        assert f"{result.value:.3f}{result.interval[0]:.3f} – {result.interval[1]:.3f}" in text
    assert "71 %66 – 76" in text


def test_pictures_and_buttons_have_names(html: str) -> None:
    reader = Reader(html)
    pictures = [a for _, a in reader.elements if (a.get("class") or "").startswith("art ")]
    assert pictures and all(a["role"] == "img" and a["aria-label"] for a in pictures)
    images = [a for tag, a in reader.elements if tag == "img"]
    assert all(a["alt"] for a in images)
    tiles = [a for tag, a in reader.elements if tag == "button" and a.get("aria-haspopup")]
    assert tiles and all("Chosen: " in (a["aria-label"] or "") for a in tiles)


def test_each_picture_is_stored_once(html: str, sample_page: HomePage) -> None:
    artworks = {c.artwork_id for v in sample_page.viewers for s in v.screens for t in s.choices for c in t.candidates}
    assert len(re.findall(r'url\("data:image', html)) == len(artworks)
    used = {
        (a.get("class") or "").split()[1] for _, a in Reader(html).elements if (a.get("class") or "")[:4] == "art "
    }
    assert used == set(re.findall(r"^\.(p\d+)\{", html, re.M))


def test_stored_pictures_read_back_whole(sample_page: HomePage) -> None:
    name = '#1 & 100 %25 <"it\'s">'
    viewer = sample_page.viewers[0]
    screen = replace(viewer.screens[0], choices=(replace(viewer.screens[0].choices[0], title_name=name),))
    html = render(replace(sample_page, viewers=(replace(viewer, screens=(screen, screen)),)))
    urls = re.findall(r'url\("data:image/svg\+xml,([^"]*)"\)', html)
    assert len(urls) == len(screen.choices[0].candidates)
    for url in urls:
        assert not re.search(r"[<>#]|%(?![0-9A-F]{2})", url)
        assert ElementTree.fromstring(unquote(url)).get("aria-label") == name


def test_the_page_is_deterministic(html: str, sample_page: HomePage) -> None:
    assert render(sample_page) == html


def test_six_hundred_distinct_pictures_stay_under_six_megabytes(sample_page: HomePage) -> None:
    def own(viewer: PageViewer, number: int) -> PageViewer:
        screens = tuple(
            replace(
                screen,
                choices=tuple(_renamed(choice, f"{number}{i}") for choice in (*screen.choices, screen.choices[0])),
            )
            for i, screen in enumerate(viewer.screens)
        )
        return replace(viewer, screens=screens)

    def _renamed(choice: Choice, prefix: str) -> Choice:
        candidates = tuple(replace(c, artwork_id=prefix + c.artwork_id) for c in choice.candidates)
        return replace(choice, title_id=prefix + choice.title_id, candidates=candidates)

    heavy = replace(sample_page, viewers=tuple(own(v, n) for n, v in enumerate(sample_page.viewers)))
    page = render(heavy)
    assert len(re.findall(r'url\("data:image', page)) == 3 * 2 * 9 * 10
    assert len(page.encode()) < 6_000_000


def test_a_hostile_name_stays_text(sample_page: HomePage) -> None:
    evil = "</style></script><script>alert(1)</script>\"'>&{{ 6*111 }}"
    viewer = sample_page.viewers[0]
    choice = replace(viewer.screens[0].choices[0], title_name=evil, title_id=evil, reasons=(evil,))
    screen = replace(viewer.screens[0], label=evil, choices=(choice,))
    page = replace(
        sample_page, headline=evil, notes=(evil,),
        viewers=(replace(viewer, name=evil, about=evil, watched=(evil,), screens=(screen, screen)),),
    )  # fmt: skip
    html = render(page)
    reader = Reader(html)
    assert [tag for tag, _ in reader.elements].count("script") == 1
    assert [tag for tag, _ in reader.elements].count("style") == 2
    assert evil in reader.text and "666" not in reader.text


def test_figures_that_are_missing_and_viewers_without_history_show_as_such(sample_page: HomePage) -> None:
    nothing = PolicyResult("federated", math.nan, (math.nan, math.nan), math.nan, (math.nan, math.nan))
    bare = replace(sample_page.viewers[0], watched=())
    screens = tuple(
        replace(s, choices=tuple(replace(c, reasons=(), year="") for c in s.choices)) for s in bare.screens
    )
    page = replace(sample_page, results=(nothing,), viewers=(replace(bare, screens=screens),))
    text = Reader(render(page)).text
    assert "nan" not in text.lower().replace("lantern", "")
    assert "Nothing personal speaks for another picture." in text


def test_a_page_without_viewers_still_opens(sample_page: HomePage) -> None:
    assert sample_page.headline in Reader(render(replace(sample_page, viewers=(), results=()))).text


@pytest.mark.parametrize("field", ["chosen", "everybody"])
@pytest.mark.parametrize("index", [-1, 10])
def test_an_index_outside_the_candidates_is_refused(sample_page: HomePage, field: str, index: int) -> None:
    with pytest.raises(InputError, match=f"{field} is {index}"):
        replace(sample_page.viewers[0].screens[0].choices[0], **{field: index})


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_a_probability_outside_zero_to_one_is_refused(probability: float) -> None:
    with pytest.raises(InputError, match="from 0 to 1"):
        Candidate("a", {}, probability)


def test_a_misleading_picture_that_may_be_shown_keeps_its_probability(sample_page: HomePage) -> None:
    viewer = sample_page.viewers[0]
    choice = viewer.screens[0].choices[0]
    shown = tuple(replace(c, probability=0.25) if c.misleading else c for c in choice.candidates)
    screen = replace(viewer.screens[0], choices=(replace(choice, candidates=shown),))
    page = replace(sample_page, viewers=(replace(viewer, screens=(screen, screen)),))
    text = Reader(render(page)).text
    assert "never shown" not in text and "promises what the film does not hold" in text


def test_words_say_what_a_picture_shows() -> None:
    tags = {
        "genre:science-fiction": 1.0,
        "shot:close-up": 1.0,
        "palette:cool": 1.0,
        "cast:robin-w": 1.0,
        "faces": 0.4,
    }
    assert describe(tags) == "close-up, cool, science fiction, with Robin W"
    assert describe({}) == "an illustration"
