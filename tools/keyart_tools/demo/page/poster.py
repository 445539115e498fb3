"""Posters, drawn from tags: the demo's stand-in for the key art of a streaming app.

A poster is a background, a place (from the genre), people (from the shot), a mood and a name, in layers. The tags
decide what is drawn and the artwork's id decides how, so it looks the same on every machine.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from . import figures, indoors, outdoors, towns
from .canvas import HEIGHT, WIDTH, PosterStage, box, gradient, num, ray, shape, stroke
from .lettering import PLAIN, lettering, printable, style_for
from .palette import luminance, mix, palette_for

Scene = Callable[[PosterStage], str]
SCENES: dict[str, tuple[Scene, ...]] = {
    "action": (towns.skyline, towns.street, outdoors.smoke),
    "adventure": (outdoors.peaks, outdoors.sea, outdoors.peaks),
    "animation": (outdoors.hills, indoors.tiles, outdoors.hills),
    "biography": (outdoors.field, indoors.window, indoors.lens),
    "comedy": (indoors.burst, indoors.tiles),
    "crime": (towns.street, indoors.blinds, towns.skyline),
    "documentary": (indoors.lens, outdoors.sea, outdoors.peaks),
    "drama": (indoors.window, outdoors.sea, outdoors.field),
    "family": (outdoors.home, outdoors.hills),
    "fantasy": (outdoors.castle,),
    "film-noir": (indoors.blinds, towns.street),
    "history": (indoors.columns, outdoors.castle, indoors.columns),
    "horror": (outdoors.woods, indoors.corridor, outdoors.woods),
    "music": (indoors.record, indoors.stage_curtain),
    "musical": (indoors.stage_curtain, indoors.record),
    "mystery": (outdoors.fog, indoors.keyhole),
    "news": (indoors.newsprint,),
    "romance": (towns.city_lights, outdoors.sea, towns.city_lights),
    "science-fiction": (outdoors.space,),
    "short": (indoors.bauhaus,),
    "sport": (towns.stadium,),
    "thriller": (indoors.corridor, indoors.keyhole, indoors.blinds),
    "war": (outdoors.smoke,),
    "western": (outdoors.desert,),
}
ANY_SCENE: tuple[Scene, ...] = (outdoors.sea, outdoors.field, indoors.window, indoors.bauhaus)
SHOTS = ("close-up", "ensemble", "wide")
PORTRAIT_WIDTH = 120  # of the 320 units of a landscape
EXPOSED = (
    "adventure",
    "biography",
    "documentary",
    "drama",
    "fantasy",
    "horror",
    "mystery",
    "romance",
    "science-fiction",
    "war",
)


@dataclass(frozen=True, slots=True)
class Motif:
    """The request of the tags, in terms of the drawing; "" where they say nothing."""

    genre: str
    warmth: str
    shot: str
    mood: str
    cast: tuple[str, ...]
    faces: float


def strongest(tags: Mapping[str, float], kind: str) -> list[str]:
    """Return the values of `kind:value` tags, largest weight first, ties in alphabetical order."""
    values = [
        (-weight, tag.partition(":")[2]) for tag, weight in tags.items() if tag.startswith(kind + ":") and weight > 0
    ]
    return [value for _, value in sorted(values) if value]


def spoken_name(slug: str) -> str:
    """Return `robin-w` as "Robin W"."""
    words = printable(re.sub(r"[-_]+", " ", slug))
    return words.title() if words == words.lower() else words


def motif_of(title_tags: Mapping[str, float], artwork_tags: Mapping[str, float]) -> Motif:
    """Return the motif of the artwork's tags, completed by its title's genres."""

    def first(kind: str, *, among: tuple[str, ...] = ()) -> str:
        return next((v for v in strongest(artwork_tags, kind) if not among or v in among), "")

    genre = first("genre", among=tuple(SCENES)) or next(
        (g for g in strongest(title_tags, "genre") if g in SCENES), ""
    )
    shot = first("shot", among=SHOTS)
    cast = tuple(spoken_name(slug) for slug in strongest(artwork_tags, "cast")[:2])
    return Motif(
        genre, first("palette", among=("warm", "cool")), shot, first("mood", among=("thoughtful", "intense")), cast,
        min(max(float(artwork_tags.get("faces", 0.0)), 0.0), 1.0),
    )  # fmt: skip


def poster(
    title_name: str,
    title_tags: Mapping[str, float],
    artwork_tags: Mapping[str, float],
    artwork_id: str,
    width: int = 320,
    height: int = 180,
) -> str:
    """Return the artwork as a stand-alone SVG (16:9, single-quoted attributes); the same input gives the same text.

    Unknown tags are ignored. The id is the seed, so artworks with equal tags differ.
    """
    stage, motif, sky, scene, shot = _composed(title_tags, artwork_tags, artwork_id)
    drawn = SHOT_DRAWINGS[shot](stage, motif, scene, title_name)
    return _document(title_name, (0, WIDTH), (width, height), sky + drawn)


def portrait(
    title_name: str,
    title_tags: Mapping[str, float],
    artwork_tags: Mapping[str, float],
    artwork_id: str,
    width: int = 400,
    height: int = 600,
) -> str:
    """Return the artwork as an upright poster (2:3): the figures of `poster`, with the name below them."""
    stage, motif, sky, scene, shot = _composed(title_tags, artwork_tags, artwork_id)
    drawn = SHOT_DRAWINGS[shot](stage, motif, scene, "")
    middle = WIDTH // 2 if shot == "ensemble" else stage.focus
    left = min(max(middle - PORTRAIT_WIDTH // 2, 0), WIDTH - PORTRAIT_WIDTH)
    veil = gradient(stage.uid + "z", [(0.5, stage.palette.ink, 0.0), (0.85, stage.palette.ink, 0.96)])
    veil += box(left, 0, PORTRAIT_WIDTH, HEIGHT, f"url(#{stage.uid}z)")
    area = (left + 9.0, 134.0, left + PORTRAIT_WIDTH - 9.0, 172.0)
    upright = replace(motif, mood="")  # letters that slant would leave the narrow picture
    name = _name(stage, upright, title_name, stage.palette.ink, area=area, anchor="middle", tallest=16)
    return _document(title_name, (left, PORTRAIT_WIDTH), (width, height), sky + drawn + veil + name)


def _composed(
    title_tags: Mapping[str, float], artwork_tags: Mapping[str, float], artwork_id: str
) -> tuple[PosterStage, Motif, str, str, str]:
    """Return the stage, the motif, the sky, the scene and the shot of an artwork."""
    motif = motif_of(title_tags, artwork_tags)
    digest = hashlib.sha256(artwork_id.encode("utf-8", "surrogatepass")).hexdigest()
    chance = Random(digest)  # noqa: S311 – a drawing, not a secret
    palette = palette_for(motif.genre, motif.warmth, chance.random())
    stage = PosterStage(chance, palette, 1 if chance.random() < 0.62 else -1, "a" + digest[:8])
    scenes = SCENES.get(motif.genre, ANY_SCENE)
    scene = scenes[chance.randrange(len(scenes))](stage)
    shot = motif.shot or ("close-up" if motif.faces >= 0.5 else "ensemble" if motif.faces >= 0.25 else "wide")
    sky = gradient(stage.uid + "s", [(0, palette.zenith, 1), (0.5, palette.middle, 1), (1, palette.horizon, 1)])
    return stage, motif, sky + box(0, 0, WIDTH, HEIGHT, f"url(#{stage.uid}s)"), scene, shot


def _document(title_name: str, across: tuple[int, int], size: tuple[int, int], drawn: str) -> str:
    """Return a stand-alone SVG; `across` is the left edge of what is seen, and its width."""
    label = html.escape(printable(title_name)[:120] or "Untitled")
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='{across[0]} 0 {across[1]} {HEIGHT}' "
        f"width='{size[0]}' height='{size[1]}' role='img' aria-label='{label}'>{drawn}</svg>"
    )


def _energy(stage: PosterStage, mood: str) -> str:
    """Draw wedges of light, speed lines and sparks for an intense mood; a thoughtful poster has only a rule."""
    palette = stage.palette
    if mood == "intense":
        corner = 0 if stage.side > 0 else WIDTH
        wedges = "".join(
            shape(
                ray(corner, 190, (-0.12 - i * 0.26) if stage.side > 0 else (3.26 + i * 0.26), 0.05),
                palette.accent,
            )
            for i in range(5)
        )
        lines = "".join(
            f"M{stage.between(-20, 320):.0f} {stage.between(6, 176):.0f}"
            f"l{stage.side * length:.0f} {-length * 0.34:.0f}"
            for length in (stage.between(16, 60) for _ in range(16))
        )
        sparks = "".join(
            f"M{round(stage.between(0, 320))} {round(stage.between(0, 150))}l1.5 3.5-1.5 3.5-1.5-3.5Z"
            for _ in range(14)
        )
        return (
            f"<g opacity='.2'>{wedges}</g>"
            + stroke(lines, palette.paper, 0.9, "opacity='.5' stroke-linecap='round'")
            + shape(sparks, palette.accent)
        )
    return ""


def _print(stage: PosterStage) -> str:
    """Draw halftone dots that fade in from the far corner, and a darker rim, like print on paper."""
    palette, uid = stage.palette, stage.uid
    light = luminance(palette.middle) > 0.3
    dot = mix(palette.ink, palette.middle, 0.3) if light else palette.paper
    start, end = ("1", "0") if stage.side > 0 else ("0", "1")
    return (
        f"<pattern id='{uid}h' width='3.6' height='3.6' patternUnits='userSpaceOnUse' "
        "patternTransform='rotate(32)'>"
        f"<circle cx='1.8' cy='1.8' r='.85' fill='{dot}'/></pattern>"
        f"<linearGradient id='{uid}f' x1='{start}' x2='{end}' y1='0' y2='1'>"
        "<stop offset='.45' stop-color='#000'/>"
        f"<stop offset='1' stop-color='#777'/></linearGradient><mask id='{uid}m'>"
        + box(0, 0, WIDTH, HEIGHT, f"url(#{uid}f)")
        + f"</mask><rect width='{WIDTH}' height='{HEIGHT}' fill='url(#{uid}h)' "
        f"mask='url(#{uid}m)' opacity='.34'/>"
    )


def _scrim(stage: PosterStage, edge: str, colour: str, strength: float) -> str:
    """Draw a scrim behind letters; `edge` is "left", "right", "top" or "bottom", where it is densest."""
    name = stage.uid + "v"
    ends = [(0, colour, strength), (0.62, colour, 0.0)]
    if edge in ("right", "bottom"):
        ends = [(0.34, colour, 0.0), (1, colour, strength)]
    return gradient(name, ends, across=edge in ("left", "right")) + box(0, 0, WIDTH, HEIGHT, f"url(#{name})")


def _billing(stage: PosterStage, motif: Motif, colour: str, *, x: float, y: float, anchor: str, room: float) -> str:
    """Draw the actors' names in small letters."""
    if not motif.cast:
        return ""
    text = "  ·  ".join(motif.cast).upper()
    size = min(7.0, room / max(len(text) * 0.86, 1))
    return (
        f"<text x='{num(x)}' y='{num(y)}' text-anchor='{anchor}' "
        f"font-family='{PLAIN.family}' font-size='{num(size)}' font-weight='600' letter-spacing='.12em' "
        f"fill='{colour}' opacity='.92'>{html.escape(text)}</text>"
    )


def _name(
    stage: PosterStage,
    motif: Motif,
    name: str,
    ground: str,
    *,
    area: tuple[float, float, float, float],
    anchor: str,
    tallest: float,
) -> str:
    colour = stage.palette.letters(ground)
    style = style_for(motif.genre, name, stage.chance.random())
    if motif.mood == "intense":  # room for the slant
        area = (area[0] + 8, area[1], area[2] - 8, area[3])
    colours = (colour, stage.palette.accent)
    drawn, top, bottom = lettering(name, style, colours, area, anchor=anchor, tallest=tallest, uid=stage.uid)
    if motif.mood == "intense":
        middle = (top + bottom) / 2
        drawn = f"<g transform='translate({num(middle * 0.16)}) skewX(-9)'>{drawn}</g>"
    left, _, right, _ = area
    x = {"start": left, "middle": (left + right) / 2, "end": right}[anchor]
    above = _billing(stage, motif, colour, x=x, y=top - 8, anchor=anchor, room=right - left)
    rule = ""
    if motif.mood == "thoughtful" and drawn:
        start = {"start": left, "middle": x - 12, "end": right - 24}[anchor]
        rule = box(start, bottom + 8, 24, 1.2, stage.palette.accent)
    return above + drawn + rule


def _close_up(stage: PosterStage, motif: Motif, scene: str, name: str) -> str:
    palette, x = stage.palette, stage.focus
    anchor = "start" if stage.side > 0 else "end"
    area = (16.0, 28.0, 156.0, 156.0) if stage.side > 0 else (164.0, 28.0, 304.0, 156.0)
    edge = "left" if stage.side > 0 else "right"
    pick = stage.chance.random()
    if motif.genre == "romance" and pick < 0.6:
        head = figures.couple(stage, 160, 24, 0.98)
        veil = _scrim(stage, "bottom", palette.ink, 0.9)
        title = _name(stage, motif, name, palette.ink, area=(30, 128, 290, 168), anchor="middle", tallest=21)
        return scene + _energy(stage, motif.mood) + head + veil + _print(stage) + title
    if motif.genre in EXPOSED and pick < 0.4:
        ground = mix(palette.paper, palette.horizon, 0.3)
        head = figures.exposure(stage, scene, x, 24, 1.3)
        title = _name(stage, motif, name, ground, area=area, anchor=anchor, tallest=26)
        return head + _energy(stage, motif.mood) + _print(stage) + title
    wash = box(0, 0, WIDTH, HEIGHT, palette.middle, 0.34)
    veil = _scrim(stage, edge, palette.zenith, 0.92)
    if motif.genre == "animation":
        head = figures.creature(stage, x, 112, 0.92)
    elif pick > 0.62 or figures.GEAR.get(motif.genre) in ("glasses", "hood"):
        head = figures.front(stage, motif.genre, x, 104, 1.24)
    else:
        head = figures.profile(stage, motif.genre, x, 26, 1.28)
    if motif.mood == "intense":
        head = f"<g transform='rotate({-6 * stage.side} {x} 180)'>{head}</g>"
    title = _name(stage, motif, name, palette.zenith, area=area, anchor=anchor, tallest=26)
    return scene + wash + _energy(stage, motif.mood) + veil + head + _print(stage) + title


def _ensemble(stage: PosterStage, motif: Motif, scene: str, name: str) -> str:
    palette = stage.palette
    count = stage.chance.choice([3, 4, 5]) + round(motif.faces)
    veil = _scrim(stage, "top", palette.zenith, 0.92)
    row = figures.ensemble(stage, motif.genre, count)
    if motif.mood == "intense":
        row = f"<g transform='rotate({-4 * stage.side} 160 180)'>{row}</g>"
    title = _name(stage, motif, name, palette.zenith, area=(24, 15, 296, 43), anchor="middle", tallest=19)
    return scene + _energy(stage, motif.mood) + veil + row + _print(stage) + title


def _wide(stage: PosterStage, motif: Motif, scene: str, name: str) -> str:
    palette = stage.palette
    anchor = "start" if stage.side > 0 else "end"
    area = (16.0, 112.0, 184.0, 164.0) if stage.side > 0 else (136.0, 112.0, 304.0, 164.0)
    person = figures.wanderer(stage, motif.genre, pair=motif.genre in ("romance", "family") or motif.faces > 0.6)
    veil = _scrim(stage, "bottom", palette.ink, 0.94)
    title = _name(stage, motif, name, palette.ink, area=area, anchor=anchor, tallest=25)
    return scene + _energy(stage, motif.mood) + veil + person + _print(stage) + title


SHOT_DRAWINGS = {"close-up": _close_up, "ensemble": _ensemble, "wide": _wide}
