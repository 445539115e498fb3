"""Interiors, and purely graphic scenes. Each function returns the layers of its scene."""

from __future__ import annotations

import math

from .canvas import (
    GROUND,
    HEIGHT,
    WIDTH,
    PosterStage,
    box,
    disc,
    dots,
    gradient,
    num,
    oval,
    polygon,
    ray,
    shape,
    stroke,
)
from .palette import mix


def burst(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    start, y = stage.between(0, 1), stage.between(104, 124)
    rays = shape("".join(ray(x, y, start + i * math.tau / 12, 0.131) for i in range(12)), palette.horizon)
    rings = disc(x, y, 72, palette.paper) + disc(x, y, 61, palette.accent)
    return f"<g opacity='.75'>{rays}</g>" + rings + confetti(stage, 15)


def confetti(stage: PosterStage, count: int) -> str:
    """Draw small bright shapes away from the centre."""
    palette, bits = stage.palette, ""
    colours = [palette.accent, palette.paper, palette.ink, mix(palette.accent, palette.middle, 0.45)]
    for i in range(count):
        x, y = stage.between(6, 314), stage.between(4, 52) if i % 2 else stage.between(110, 176)
        size, colour, turn = (
            round(stage.between(4, 9)),
            colours[i % len(colours)],
            round(stage.between(0, 180)),
        )
        forms = (
            disc(0, 0, size * 0.7, colour),
            box(-size / 2, -size / 2, size, size, colour),
            shape(polygon([(-size, size * 0.7), (0, -size), (size, size * 0.7)]), colour),
            stroke(
                f"M{num(-size * 1.5)} 0q{num(size / 2)} {-size} {size} 0t{size} 0t{size} 0",
                colour,
                2.4,
            ),
            shape(f"M{num(-size)} 0a{num(size)} {num(size)} 0 0 1 {num(2 * size)} 0Z", colour),
        )
        bits += f"<g transform='translate({x:.0f} {y:.0f}) rotate({turn})'>{forms[i % len(forms)]}</g>"
    return bits


def tiles(stage: PosterStage) -> str:
    """Draw a board of quarter circles and half moons, as on a record sleeve of the fifties."""
    palette, cells = stage.palette, ""
    colours = [
        palette.accent,
        palette.paper,
        palette.ink,
        palette.horizon,
        mix(palette.middle, palette.ink, 0.35),
    ]
    size = 45
    for column in range(8):
        for row in range(4):
            if (column - 3.5) * stage.side < -0.5 and row in (1, 2):
                continue  # the quiet part, where the letters go
            x, y, colour = column * size - 20, row * size, stage.chance.choice(colours)
            match stage.chance.randrange(5):
                case 0:
                    cells += shape(f"M{x} {y}h{size}a{size} {size} 0 0 1 -{size} {size}Z", colour)
                case 1:
                    cells += shape(f"M{x + size} {y + size}h-{size}a{size} {size} 0 0 1 {size} -{size}Z", colour)
                case 2:
                    cells += disc(x + size / 2, y + size / 2, size * 0.36, colour)
                case 3:
                    cells += shape(f"M{x} {y + size}a{size / 2} {size / 2} 0 0 1 {size} 0Z", colour)
                case _:
                    cells += box(x, y, size, size, colour, 0.3)
    return cells


def stage_curtain(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    fold, dark = mix(palette.middle, palette.accent, 0.18), mix(palette.middle, palette.ink, 0.6)
    cloth = stage.uid + "c"
    stripes = gradient(cloth, [(0, dark, 1), (0.5, fold, 1), (1, dark, 1)], across=True)
    beam = polygon([(x - 9, -6), (x + 9, -6), (x + 66, 150), (x - 66, 150)])
    room = box(0, 0, WIDTH, HEIGHT, mix(palette.ink, palette.zenith, 0.5))
    light = f"<g opacity='.32'>{shape(beam, palette.accent)}</g>" + oval(x, 150, 68, 12, palette.paper, 0.85)
    floor = box(0, 142, WIDTH, 38, mix(palette.ink, palette.middle, 0.3))
    drapes = "".join(box(i * 17, -2, 17.4, 184, f"url(#{cloth})") for i in (0, 1, 2, 16, 17, 18))
    scallops = "".join(shape(f"M{i * 40}-2h40v16a20 15 0 0 1-40 0Z", f"url(#{cloth})") for i in range(8))
    scallops += stroke("M0 14" + "a20 15 0 0 0 40 0" * 8, palette.accent, 1.6)
    bulbs = stroke(dots([(58 + i * 17, 174) for i in range(13)]), palette.accent, 5, "stroke-linecap='round'")
    return stripes + room + floor + light + drapes + scallops + bulbs


def record(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    cy = 92
    grooves = "".join(f"M{x - r} {cy}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0-{2 * r} 0" for r in range(43, 80, 7))
    vinyl = disc(x, cy, 84, palette.ink) + stroke(grooves, palette.horizon, 0.7, "opacity='.4'")
    shine = "".join(shape(ray(x, cy, angle, 0.16, 82), palette.paper) for angle in (-0.9, math.pi - 0.9))
    label = disc(x, cy, 30, palette.accent) + disc(x, cy, 4, palette.paper)
    levels = [round(8 + 40 * abs(math.sin(i * 0.55)) * stage.between(0.4, 1)) for i in range(27)]
    bars = "".join(
        stroke("".join(f"M{i * 12 + 7} 180v-{levels[i]}" for i in range(27) if (i % 3 == 0) is loud), colour, 8)
        for loud, colour in ((True, palette.accent), (False, palette.paper))
    )
    return vinyl + f"<g opacity='.13'>{shine}</g>" + label + f"<g opacity='.85'>{bars}</g>"


def blinds(stage: PosterStage) -> str:
    """Draw a wall at night with the shadow of a window's slats."""
    palette, x = stage.palette, stage.focus
    room = box(0, 0, WIDTH, HEIGHT, palette.ink, 0.55)
    slats = "".join(
        shape(polygon([(x - 82, y), (x + 82, y - 24), (x + 82, y - 17), (x - 82, y + 7)]), palette.paper)
        for y in range(20, 176, 13)
    )
    glow = disc(x, 84, 96, palette.horizon, 0.35)
    frame = stroke(f"M{x} 0V{HEIGHT}", palette.ink, 4, "opacity='.7'")
    return room + glow + f"<g opacity='.62'>{slats}</g>" + frame + box(0, 166, WIDTH, 14, palette.ink)


def lens(stage: PosterStage) -> str:
    palette, x, cy = stage.palette, stage.focus, 86
    rings = disc(x, cy, 80, palette.ink) + disc(x, cy, 72, palette.depth(0.75)) + disc(x, cy, 62, palette.ink)
    blades, turn = "", stage.between(0, 1)
    for i in range(7):
        a, b = turn + i * math.tau / 7, turn + (i + 1.9) * math.tau / 7
        blades += f"M{num(x + 60 * math.cos(a))} {num(cy + 60 * math.sin(a))}"
        blades += f"L{num(x + 30 * math.cos(b))} {num(cy + 30 * math.sin(b))}"
    iris = polygon(
        [(x + 31 * math.cos(turn + i * math.tau / 7), cy + 31 * math.sin(turn + i * math.tau / 7)) for i in range(7)]
    )
    glass = stroke(blades, palette.horizon, 1.2, "opacity='.7'") + shape(iris, palette.accent)
    glint = disc(x - 24, cy - 26, 8, palette.paper, 0.55) + disc(x + 20, cy + 24, 4, palette.paper, 0.35)
    holes = "".join(f"M{i} 8h7M{i} 172h7" for i in range(4, 320, 17))
    strip = box(0, 0, WIDTH, 15, palette.ink) + box(0, 165, WIDTH, 15, palette.ink)
    marks = f"M{x - 74} 40V24H{x - 58}M{x + 58} 24H{x + 74}V40"
    marks += f"M{x + 74} 132V148H{x + 58}M{x - 58} 148H{x - 74}V132"
    return (
        rings
        + glass
        + glint
        + strip
        + stroke(holes, palette.paper, 6.5, "opacity='.8'")
        + stroke(marks, palette.paper, 1.6)
    )


def corridor(stage: PosterStage) -> str:
    """Draw frames within frames, down to a lit door."""
    palette, x, frames = stage.palette, stage.focus, ""
    steps = 6
    for i in range(steps):
        share = i / steps
        left, right = x * share * 0.94, WIDTH - (WIDTH - x) * share * 0.94
        top, bottom = 84 * share * 0.8, HEIGHT - 52 * share
        frames += box(left, top, right - left, bottom - top, mix(palette.ink, palette.middle, share**0.8))
    door = box(x - 12, 76, 24, 61, palette.accent) + disc(x, 104, 46, palette.accent, 0.16)
    spill = polygon([(x - 12, 137), (x + 12, 137), (x + 44 - stage.side * 60, 180), (x - 34 - stage.side * 60, 180)])
    edges = "".join(
        f"M{a} {b}L{num(x + dx)} {c}"
        for a, b, dx, c in [(0, 0, -12, 76), (320, 0, 12, 76), (0, 180, -12, 137), (320, 180, 12, 137)]
    )
    return (
        frames
        + stroke(edges, palette.ink, 0.8, "opacity='.5'")
        + f"<g opacity='.5'>{shape(spill, palette.accent)}</g>"
        + door
    )


def window(stage: PosterStage) -> str:
    """Draw a quiet room with the light of a window on its wall."""
    palette, x = stage.palette, stage.focus
    wall = mix(palette.middle, palette.ink, 0.42)
    lean, panes = 22 * stage.side, ""
    for row in range(2):
        for column in range(3):
            left, top = x - 62 + column * 43 - lean * row, 20 + row * 55
            panes += polygon([(left, top), (left + 37, top), (left + 37 - lean, top + 49), (left - lean, top + 49)])
    light = stage.uid + "w"
    fade = gradient(light, [(0, palette.paper, 0.95), (1, palette.accent, 0.75)])
    floor = box(0, 146, WIDTH, 34, mix(palette.ink, palette.middle, 0.12))
    pool = polygon([(x - 96 - lean, 152), (x + 26 - lean, 152), (x - 8 - lean * 2, 176), (x - 140 - lean * 2, 176)])
    plant_x = x + stage.side * 66
    leaves = "".join(
        f"M{plant_x} 132Q{num(plant_x + dx / 2)} {y} {num(plant_x + dx)} {y + 8}"
        for dx, y in [(-22, 84), (-10, 72), (8, 70), (20, 86), (26, 104)]
    )
    plant = stroke(leaves, palette.ink, 4.4, "stroke-linecap='round'")
    plant += shape(f"M{plant_x - 13} 128h26l-4 26h-18Z", palette.ink)
    return (
        fade
        + box(0, 0, WIDTH, HEIGHT, wall, 0.8)
        + shape(panes, f"url(#{light})")
        + floor
        + f"<g opacity='.3'>{shape(pool, palette.accent)}</g>"
        + plant
    )


def columns(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    sun = disc(x, 76, stage.between(50, 58), palette.accent)
    stone, shade = mix(palette.paper, palette.horizon, 0.35), palette.depth(0.62)
    roof = shape(polygon([(x - 86, 62), (x, 26), (x + 86, 62)]), shade) + box(x - 86, 62, 172, 9, palette.depth(0.78))
    shafts = ""
    for i in range(6):
        cx = x - 71 + i * 28.4
        shafts += (
            box(cx - 7, 71, 14, 66, stone) + box(cx + 1.5, 71, 5.5, 66, shade, 0.55) + box(cx - 9, 71, 18, 4, shade)
        )
    steps = "".join(
        box(x - 88 - i * 9, 137 + i * 7, 176 + i * 18, 7, palette.depth(0.58 + i * 0.1)) for i in range(3)
    )
    return sun + roof + shafts + steps + box(0, 158, WIDTH, 22, palette.ink)


def newsprint(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    page = shape(polygon([(x - 96, 8), (x + 92, 0), (x + 100, 180), (x - 90, 180)]), palette.paper)
    rules = "".join(
        f"M{x - 82 + column * 60} {y}h{round(stage.between(36, 50))}"
        for column in range(3)
        for y in range(112, 180, 7)
    )
    head = box(x - 82, 20, 164, 10, palette.ink) + box(x - 82, 35, 110, 6, palette.ink)
    globe = "".join(
        stroke(f"M{x} 48a{rx} 28 0 1 0 0 56a{rx} 28 0 1 0 0-56", palette.accent, 1.6) for rx in (28, 17, 6)
    ) + stroke(f"M{x - 28} 76h56M{x - 24} 62h48M{x - 24} 90h48", palette.accent, 1.4)
    column = box(x - 82, 48, 42, 56, palette.horizon) + box(x + 42, 48, 40, 56, palette.accent, 0.85)
    return (
        f"<g transform='rotate({num(-4 * stage.side)} {x} 90)'>"
        + page
        + head
        + column
        + globe
        + stroke(rules, palette.ink, 2.4, "opacity='.6'")
        + "</g>"
    )


def bauhaus(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    r = stage.between(50, 64)
    circle = disc(x, 92, r, palette.accent)
    bar = (
        f"<g transform='rotate({round(stage.between(20, 50)) * stage.side} {x} 92)'>"
        + box(x - 10, -60, 20, 320, palette.ink)
        + "</g>"
    )
    half = shape(f"M{num(x - r)} 92a{num(r)} {num(r)} 0 0 0 {num(2 * r)} 0Z", palette.ink)
    triangle = polygon([(x - stage.side * 150, 180), (x - stage.side * 92, 62), (x - stage.side * 34, 180)])
    rules = "".join(f"M{num(160 - stage.side * 150)} {y}h{num(stage.side * 60)}" for y in (18, 24, 30))
    return (
        shape(triangle, palette.paper)
        + circle
        + half
        + bar
        + disc(x + stage.side * 46, 40, 15, palette.paper)
        + stroke(rules, palette.ink, 2)
    )


def keyhole(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    hole = f"M{x - 22} 96A38 38 0 1 1 {x + 22} 96L{x + 40} 172H{x - 40}Z"
    glow = disc(x, 92, 128, palette.accent, 0.12) + disc(x, 88, 96, palette.accent, 0.14)
    door = box(0, 0, WIDTH, HEIGHT, palette.ink, 0.5)
    light = stage.uid + "k"
    fade = gradient(light, [(0, palette.paper, 1), (0.5, palette.accent, 1), (1, palette.middle, 1)])
    spill = polygon(
        [(x - 40, 172), (x + 40, 172), (x + 20 - stage.side * 140, 182), (x - 120 - stage.side * 140, 182)]
    )
    edge, wide = 160 - stage.side * 150, stage.side * 112
    panels = "".join(f"M{edge} {top}h{wide}v64h{-wide}Z" for top in (14, 98))
    return (
        fade
        + door
        + stroke(panels, palette.horizon, 1.2, "opacity='.28'")
        + glow
        + shape(hole, f"url(#{light})")
        + shape(spill, palette.accent, "opacity='.4'")
        + box(0, GROUND + 40, WIDTH, 8, palette.ink)
    )
