"""Rendering of the demo's page: one HTML file that needs no network and stores each picture once.

Posters become CSS classes with a data URI. As images they are rasterised once per size, keep the ids of their
gradients to themselves, and appear without script.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from .lettering import Style, lettering
from .page_model import Candidate, Choice, HomePage, PageViewer, PolicyResult, Screen
from .poster import poster, spoken_name, strongest

MARK = Style(weight=2.3, gap=4.4, round=True)
# Characters that may stand unescaped in a double-quoted CSS url("data:…") inside <style>.
PLAIN_IN_URL = " '/:;=,.-_()!*+$&@?~"


def describe(tags: Mapping[str, float]) -> str:
    """Describe an artwork by its tags: "close-up, warm, romance, with Robin W"."""
    parts = [*strongest(tags, "shot")[:1], *strongest(tags, "palette")[:1], *strongest(tags, "mood")[:1]]
    parts += [spoken_name(genre).lower() for genre in strongest(tags, "genre")[:2]]
    cast = strongest(tags, "cast")[:2]
    if cast:
        parts.append("with " + " and ".join(spoken_name(name) for name in cast))
    return ", ".join(parts) or "an illustration"


def percent(share: float) -> str:
    """Format 0.634 as "63 %"; small shares become "<1 %", so that "0 %" means never."""
    if not math.isfinite(share):
        return "–"
    if 0 < share < 0.005:
        return "<1 %"
    return f"{round(share * 100)} %"


def span(interval: tuple[float, float], digits: int, scale: float = 1.0) -> str:
    """Format an interval as "58 – 67"."""
    low, high = interval
    if not (math.isfinite(low) and math.isfinite(high)):
        return "–"
    return f"{low * scale:.{digits}f} – {high * scale:.{digits}f}"


@dataclass(slots=True)
class Gallery:
    """The distinct posters of a page, each with a short class name."""

    names: dict[tuple[str, str], str] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)
    photographs: int = 0

    def add(self, choice: Choice, candidate: Candidate) -> str:
        """Return the class of the candidate's poster, which is drawn at its first use."""
        key = (choice.title_id, candidate.artwork_id)
        if key not in self.names:
            self.names[key] = name = f"p{len(self.names)}"
            if candidate.photograph:
                self.photographs += 1
                url = f"data:image/jpeg;base64,{b64encode(candidate.photograph).decode()}"
            else:
                drawing = poster(choice.title_name, choice.title_tags, candidate.tags, candidate.artwork_id)
                url = f"data:image/svg+xml,{quote(drawing.encode('utf-8', 'replace'), safe=PLAIN_IN_URL)}"
            self.rules.append(f'.{name}{{background-image:url("{url}")}}')
        return self.names[key]


def render(page: HomePage) -> str:
    """Render the page as HTML; it shows `learning.png` if that lies beside it."""
    gallery = Gallery()
    viewers = [_viewer(gallery, number, viewer) for number, viewer in enumerate(page.viewers)]
    template = files(__package__).joinpath("demo_page.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        page=page,
        mark=_mark(),
        results=_results(page.results),
        viewers=viewers,
        drawings=len(gallery.names) - gallery.photographs,
        photographs=gallery.photographs,
        art=Markup("\n".join(gallery.rules)),  # noqa: S704 – quoted above, the only raw text on the page
    )


def _mark() -> Markup:
    colours, area = ("currentColor", "currentColor"), (48.0, 4.0, 178.0, 30.0)
    drawn, _, _ = lettering("keyart", MARK, colours, area, anchor="start", tallest=20, uid="mark")
    return Markup(drawn)  # noqa: S704 – a constant of ours


def _viewer(gallery: Gallery, number: int, viewer: PageViewer) -> dict[str, object]:
    pairs = [(screen, viewer.screens[1 - i]) for i, screen in enumerate(viewer.screens)]
    screens = [_screen(gallery, viewer, f"v{number}s{i}", here, there) for i, (here, there) in enumerate(pairs)]
    first, second = ({c.title_id: c.chosen_artwork.artwork_id for c in s.choices} for s in viewer.screens)
    shared = first.keys() & second.keys()
    return {
        "name": viewer.name,
        "about": viewer.about,
        "watched": viewer.watched,
        "screens": screens,
        "changed": sum(first[title] != second[title] for title in shared),
        "shared": len(shared),
    }


def _screen(
    gallery: Gallery, viewer: PageViewer, prefix: str, screen: Screen, other_screen: Screen
) -> dict[str, object]:
    other_choices = {choice.title_id: choice for choice in other_screen.choices}
    tiles = [
        _tile(gallery, f"{prefix}c{i}", choice, other_choices.get(choice.title_id))
        for i, choice in enumerate(screen.choices)
    ]
    return {
        "label": screen.label,
        "other": other_screen.label,
        "device": "tv" if screen.device == "tv" else "phone",
        "light": screen.daypart in ("morning", "afternoon"),
        "viewer": viewer.name,
        "tiles": tiles,
        "differing": sum(bool(tile["differs"]) for tile in tiles),
    }


def _picture(gallery: Gallery, choice: Choice, candidate: Candidate) -> dict[str, object]:
    return {
        "art": gallery.add(choice, candidate),
        "alt": describe(candidate.tags),
        "share": percent(candidate.probability),
        "bar": round(candidate.probability * 100, 1),
        "misleading": candidate.misleading,
        "never": candidate.misleading and candidate.probability == 0.0,
    }


def _tile(gallery: Gallery, ident: str, choice: Choice, twin: Choice | None) -> dict[str, object]:
    chosen, everybody = choice.chosen_artwork, choice.everybody_artwork
    order = sorted(range(len(choice.candidates)), key=lambda i: (-choice.candidates[i].probability, i))
    candidates = [
        {
            **_picture(gallery, choice, choice.candidates[i]),
            "chosen": i == choice.chosen,
            "everybody": i == choice.everybody,
        }
        for i in order
    ]
    changed = twin is not None and twin.chosen_artwork.artwork_id != chosen.artwork_id
    return {
        "id": ident,
        "title": choice.title_id,
        "name": choice.title_name or "Untitled",
        "year": choice.year,
        "genres": ", ".join(spoken_name(g).lower() for g in strongest(choice.title_tags, "genre")[:3]),
        "chosen": _picture(gallery, choice, chosen),
        "everybody": _picture(gallery, choice, everybody),
        "twin": _picture(gallery, twin, twin.chosen_artwork) if twin else None,
        "differs": chosen.artwork_id != everybody.artwork_id,
        "changed": changed,
        "reasons": choice.reasons,
        "candidates": candidates,
        "lead": _lead(candidates),
    }


def _lead(candidates: list[dict[str, object]], count: int = 5) -> list[dict[str, object]]:
    """Return the first few candidates for the TV's large place, always including the chosen and the population's."""
    named = [c for c in candidates if c["chosen"] or c["everybody"]]
    others = [c for c in candidates if c not in named and not c["never"]]
    shown = named + others[: count - len(named)]
    return [c for c in candidates if c in shown]


def _results(results: tuple[PolicyResult, ...]) -> list[dict[str, object]]:
    """Return the rows of the results; left, width and dot are places on an axis of capture from 0 to 100 %."""

    def place(share: float) -> float:
        return round(min(max(share, 0.0), 1.0) * 100, 2) if math.isfinite(share) else 0.0

    return [
        {
            "name": r.name,
            "value": f"{r.value:.3f}" if math.isfinite(r.value) else "–",
            "value_span": span(r.interval, 3),
            "capture": percent(r.capture),
            "capture_span": span(r.capture_interval, 0, 100),
            "dot": place(r.capture),
            "left": place(r.capture_interval[0]),
            "width": round(place(r.capture_interval[1]) - place(r.capture_interval[0]), 2),
            "ours": "federated" in r.name.lower(),
        }
        for r in results
    ]
