"""Outdoor scenes. Each function returns the layers of its scene, from far to near."""

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
    ridge,
    shape,
    stroke,
)


def stars(stage: PosterStage, count: int, down_to: float = 120) -> str:
    points = [(stage.between(4, 316), stage.between(4, down_to)) for _ in range(count)]
    small, large = points[: count * 2 // 3], points[count * 2 // 3 :]
    paper = stage.palette.paper
    return stroke(dots(small), paper, 0.9, "stroke-linecap='round' opacity='.6'") + stroke(
        dots(large), paper, 1.7, "stroke-linecap='round' opacity='.9'"
    )


def birds(stage: PosterStage, x: float, y: float, count: int) -> str:
    data = ""
    for _ in range(count):
        bx, by, w = x + stage.between(-34, 34), y + stage.between(-14, 14), stage.between(3, 6)
        data += f"M{num(bx - w)} {num(by - w / 2)}Q{num(bx - w / 3)} {num(by - w)} {num(bx)} {num(by)}"
        data += f"Q{num(bx + w / 3)} {num(by - w)} {num(bx + w)} {num(by - w / 2)}"
    return stroke(data, stage.palette.ink, 1.2, "stroke-linecap='round'")


def halo(x: float, y: float, r: float, colour: str) -> str:
    """Draw a disc in two rings of haze."""
    return disc(x, y, r * 1.9, colour, 0.1) + disc(x, y, r * 1.4, colour, 0.16) + disc(x, y, r, colour)


def bare_tree(stage: PosterStage, x: float, lean: float, size: float) -> str:
    """Draw a leafless tree, as strokes that become thinner at every fork."""
    widths: dict[int, str] = {}

    def grow(x0: float, y0: float, angle: float, length: float, order: int) -> None:
        x1, y1 = x0 + length * math.cos(angle), y0 - length * math.sin(angle)
        bend = stage.between(-0.2, 0.2) * length
        widths[order] = (
            widths.get(order, "")
            + f"M{x0:.0f} {y0:.0f}Q{(x0 + x1) / 2 + bend:.0f} {(y0 + y1) / 2:.0f} {x1:.0f} {y1:.0f}"
        )
        if order < 4:
            for turn in (stage.between(0.25, 0.6), -stage.between(0.25, 0.6)):
                grow(x1, y1, angle + turn, length * stage.between(0.62, 0.78), order + 1)

    grow(x, HEIGHT, math.pi / 2 + lean, size, 0)
    return "".join(
        stroke(data, stage.palette.ink, 6.5 / 1.75**order, "stroke-linecap='round'") for order, data in widths.items()
    )


def woods(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus - stage.side * 18
    moon = halo(x, 66, stage.between(32, 42), palette.paper)
    far = shape(ridge(stage, 128, 22, 40, smooth=True), palette.depth(0.45))
    near = shape(ridge(stage, 152, 12, 64, smooth=True), palette.ink)
    trees = bare_tree(stage, 160 - stage.side * 138, 0.12 * stage.side, stage.between(52, 60))
    trees += bare_tree(stage, 160 + stage.side * 148, -0.1 * stage.side, stage.between(40, 50))
    mist = oval(90, 138, 130, 5, palette.horizon, 0.28) + oval(260, 146, 110, 4, palette.horizon, 0.2)
    return moon + birds(stage, x, 62, 3) + far + mist + near + trees


def space(stage: PosterStage) -> str:
    palette, x, y = stage.palette, stage.focus, stage.between(56, 68)
    r = stage.between(34, 44)
    uid = stage.uid + "p"
    lit = gradient(uid, [(0, palette.paper, 1), (0.35, palette.accent, 1), (1, palette.zenith, 1)])
    tilt = f"transform='rotate({num(stage.between(-28, -12) * stage.side)} {num(x)} {num(y)})'"
    ring = f"M{num(x - r * 1.8)} {num(y)}a{num(r * 1.8)} {num(r * 0.42)} 0 0"
    planet = (
        f"<g {tilt}>"
        + stroke(f"{ring} 1 {num(r * 3.6)} 0", palette.paper, 2.2, "opacity='.7'")
        + disc(x, y, r, f"url(#{uid})")
        + stroke(f"{ring} 0 {num(r * 3.6)} 0", palette.paper, 3)
        + "</g>"
    )
    moon = disc(160 - stage.side * stage.between(70, 110), stage.between(26, 50), 7, palette.accent, 0.8)
    lines = "".join(f"M160 {GROUND}L{160 + i * 62} {HEIGHT}" for i in range(-7, 8))
    lines += "".join(f"M0 {num(GROUND + 2.2 * 1.75**i)}H{WIDTH}" for i in range(1, 6))
    floor = box(0, GROUND, WIDTH, 48, palette.ink) + stroke(lines, palette.accent, 0.8, "opacity='.55'")
    glow = box(0, GROUND - 1, WIDTH, 2, palette.paper, 0.9) + oval(160, GROUND, 190, 9, palette.accent, 0.25)
    return lit + stars(stage, 42) + moon + planet + glow + floor


def desert(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    r, y = stage.between(46, 56), stage.between(84, 98)
    sun = disc(x, y, r * 1.35, palette.accent, 0.18) + disc(x, y, r, palette.accent)
    sun += "".join(box(x - r, y + 4 + i * 9, 2 * r, 1.2 + i * 1.5, palette.horizon, 0.9) for i in range(4))

    def mesa(left: float, width: float, top: float, fill: str) -> str:
        right = left + width
        outline = [(left - 16, GROUND + 8), (left - 4, top + 26), (left, top + 24), (left + 3, top)]
        outline += [(left + width * 0.55, top), (left + width * 0.6, top + 7), (right - 4, top + 7)]
        return shape(polygon([*outline, (right, top + 28), (right + 18, GROUND + 8)]), fill)

    far = "".join(
        mesa(stage.between(20 + i * 90, 50 + i * 90), stage.between(26, 52), 88, palette.depth(0.3)) for i in range(3)
    )
    near = mesa(160 - stage.side * 130 - 36, 72, stage.between(60, 76), palette.depth(0.55))
    ground = shape(ridge(stage, GROUND + 6, 7, 80, smooth=True), palette.depth(0.72))
    ground += shape(ridge(stage, 158, 8, 110, smooth=True), palette.ink)
    cx = 160 - stage.side * stage.between(96, 140)
    cactus = f"M{num(cx)} 172V112M{num(cx)} 146h-11q-3 0-3-4v-12M{num(cx)} 138h11q3 0 3-4v-14"
    return sun + far + near + ground + stroke(cactus, palette.ink, 6, "stroke-linecap='round'")


def peaks(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    sun = halo(x + stage.side * 20, stage.between(44, 58), 22, palette.accent)

    def mountain(cx: float, top: float, half: float, fill: str, snow: str) -> str:
        base, drop = GROUND + 14, (GROUND + 14 - top) * 0.32
        run = half * 0.32
        body = shape(polygon([(cx - half, base), (cx, top), (cx + half, base)]), fill)
        shade = shape(polygon([(cx, top), (cx + half, base), (cx + half * 0.12, base)]), palette.ink)
        cap = [(cx - run, top + drop), (cx, top), (cx + run, top + drop), (cx + run * 0.4, top + drop * 0.7)]
        cap += [(cx + run * 0.1, top + drop * 1.15), (cx - run * 0.4, top + drop * 0.75)]
        return body + f"<g opacity='.22'>{shade}</g>" + shape(polygon(cap), snow)

    far = shape(ridge(stage, 112, 40, 44, smooth=False), palette.depth(0.18))
    main = mountain(x - 30 * stage.side, stage.between(28, 40), 92, palette.depth(0.42), palette.paper)
    main += mountain(160 - stage.side * 96, stage.between(56, 68), 74, palette.depth(0.55), palette.paper)
    near = shape(ridge(stage, 146, 18, 56, smooth=True), palette.depth(0.78))
    path = f"M150 180Q{num(x - 60)} 164 {num(x)} 158T{num(x - 14)} 146"
    front = shape(ridge(stage, 164, 10, 90, smooth=True), palette.ink)
    return sun + far + main + birds(stage, 150, 52, 3) + near + stroke(path, palette.horizon, 2.4) + front


def hills(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    bands = (palette.accent, palette.paper, palette.middle)
    bow = "".join(
        stroke(f"M{num(x - r)} 150a{r} {r} 0 0 1 {2 * r} 0", colour, 11)
        for r, colour in zip((96, 85, 74), bands, strict=True)
    )

    def cloud(cx: float, cy: float, size: float) -> str:
        puffs = disc(cx - size, cy, size * 0.7, palette.paper) + disc(cx, cy - size * 0.4, size, palette.paper)
        return (
            puffs
            + disc(cx + size, cy, size * 0.75, palette.paper)
            + box(cx - size, cy, 2 * size, size * 0.7, palette.paper)
        )

    clouds = cloud(stage.between(40, 110), stage.between(28, 44), 13) + cloud(
        stage.between(180, 280), stage.between(24, 40), 9
    )
    land = oval(x, 176, 150, 48, palette.depth(0.4)) + oval(160 - stage.side * 100, 184, 150, 58, palette.depth(0.62))
    trees = "".join(
        box(tx - 1.5, ty, 3, 22, palette.ink) + disc(tx, ty, size, colour)
        for tx, ty, size, colour in [
            (160 - stage.side * 120, 116, 15, palette.accent),
            (160 - stage.side * 92, 122, 10, palette.horizon),
            (160 + stage.side * 136, 122, 12, palette.accent),
        ]
    )
    return f"<g opacity='.9'>{bow}</g>" + clouds + trees + land + oval(170, 196, 220, 38, palette.ink)


def smoke(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    beams = "".join(
        shape(ray(bx, 150, angle, 0.09), palette.paper)
        for bx, angle in [(x, -1.9), (x + 30, -1.2), (160 - stage.side * 90, -1.35 - 0.3 * stage.side)]
    )
    puffs = "".join(
        disc(stage.between(-10, 330), stage.between(104, 130), stage.between(14, 30), palette.depth(0.34))
        for _ in range(12)
    )
    planes = "".join(
        f"<path transform='translate({num(x - stage.side * (20 + i * 26))} {34 + i * 13}) "
        f"scale({num(stage.side * (1 - i * 0.2))} {num(1 - i * 0.2)})' fill='{palette.ink}' "
        "d='M16 0Q14-3 6-2.4L-2-10H-6L-2-2-10-1.4-13-6H-16L-13.6 0-16 3H-13L-10 1.4-2 2-6 10H-2L6 2.4"
        "Q14 3 16 0Z'/>"
        for i in range(3)
    )
    ground = shape(ridge(stage, 146, 16, 36, smooth=False), palette.depth(0.66))
    ground += shape(ridge(stage, 162, 10, 50, smooth=True), palette.ink)
    stakes = "".join(f"M{i} 168l{num(stage.between(-5, 5))} -28" for i in range(14, 330, 44))
    wire = "M0 148" + "q11 -8 22 0t22 0" * 8
    fence = stroke(stakes, palette.ink, 2.6) + stroke(wire, palette.ink, 1)
    glow = oval(x, 128, 120, 34, palette.accent, 0.55)
    return f"<g opacity='.14'>{beams}</g>" + glow + puffs + planes + ground + fence


def castle(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus - stage.side * 4
    moon = halo(x - stage.side * 34, 52, stage.between(30, 36), palette.paper)
    stone, dark = palette.depth(0.7), palette.ink

    def tower(dx: float, top: float, half: float, fill: str) -> str:
        cx = x + dx
        roof = polygon([(cx - half - 3, top), (cx, top - half * 3.4), (cx + half + 3, top)])
        flag = f"M{num(cx)} {num(top - half * 3.4 - 7)}l9 3-9 3Z"
        mast = stroke(f"M{num(cx)} {num(top - half * 3.4)}v-8", dark, 0.9)
        slit = box(cx - 1.2, top + 9, 2.4, 6, palette.accent)
        return (
            box(cx - half, top, 2 * half, 126 - top, fill)
            + shape(roof, dark)
            + mast
            + shape(flag, palette.accent)
            + slit
        )

    keep = tower(-26, 86, 6, stone) + tower(24, 80, 7, stone) + box(x - 30, 98, 60, 30, dark)
    keep += tower(-8, 62, 8, dark) + tower(10, 88, 5, stone)
    crag = polygon([(x - 84, 180), (x - 44, 130), (x - 32, 120), (x + 34, 119), (x + 50, 134), (x + 92, 180)])
    far = shape(ridge(stage, 128, 46, 34, smooth=False), palette.depth(0.24))
    fog = oval(x - 60, 146, 120, 7, palette.horizon, 0.35) + oval(x + 70, 154, 100, 6, palette.horizon, 0.25)
    near = shape(ridge(stage, 168, 10, 70, smooth=True), palette.ink)
    return stars(stage, 30, 90) + moon + far + keep + shape(crag, palette.depth(0.82)) + fog + near


def home(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    sun = halo(160 - stage.side * 92, stage.between(44, 58), 20, palette.accent)
    back = oval(80, 172, 190, 52, palette.depth(0.3)) + oval(290, 178, 170, 52, palette.depth(0.42))
    walls = box(x - 34, 92, 68, 46, palette.paper) + box(x - 6, 110, 13, 28, palette.ink)
    walls += box(x - 26, 104, 13, 13, palette.accent) + box(x + 15, 104, 13, 13, palette.accent)
    roof = shape(polygon([(x - 42, 94), (x, 60), (x + 42, 94)]), palette.depth(0.8))
    chimney = box(x + 17, 62, 9, 22, palette.depth(0.8))
    tree_x = x - stage.side * 66
    tree = box(tree_x - 2.5, 104, 5, 36, palette.ink) + disc(tree_x, 92, 23, palette.depth(0.58))
    tree += disc(tree_x + 9, 84, 13, palette.depth(0.44))
    kx, ky = 160 - stage.side * stage.between(50, 84), stage.between(34, 46)
    kite = shape(f"M{num(kx)} {num(ky - 13)}l9 12-9 15-9-15Z", palette.accent)
    tail = stroke(f"M{num(kx)} {num(ky + 14)}q-12 22 4 40t-6 50", palette.ink, 0.9)
    fence = "".join(f"M{i} 162v-17" for i in range(6, 330, 13)) + "M0 150H320"
    return (
        sun
        + back
        + chimney
        + walls
        + roof
        + tree
        + tail
        + kite
        + oval(160, 186, 240, 46, palette.depth(0.66))
        + stroke(fence, palette.paper, 2.4, "opacity='.75'")
    )


def fog(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    layers = ""
    for depth, base, size in ((0.22, 118, 30), (0.45, 138, 40), (0.74, 164, 54)):
        pines = ""
        for px in range(-10, 340, int(size * 0.62)):
            cx, top = px + stage.between(-7, 7), base - size * stage.between(0.9, 1.7)
            pines += f"M{cx - size * 0.3:.0f} {HEIGHT}L{cx:.0f} {top:.0f} {cx + size * 0.3:.0f} {HEIGHT}Z"
        layers += shape(pines, palette.depth(depth))
        layers += oval(160, base + 8, 220, 8, palette.horizon, 0.22)
    lx = x + stage.side * 6
    beam = ray(lx, 48, math.pi if stage.side > 0 else 0, 0.13)
    light = f"<g opacity='.5'>{shape(beam, palette.accent)}</g>" + disc(lx, 48, 15, palette.accent, 0.35)
    tower = shape(polygon([(lx - 9, 132), (lx - 5, 56), (lx + 5, 56), (lx + 9, 132)]), palette.paper)
    tower += box(lx - 7.6, 76, 15.2, 13, palette.depth(0.85)) + box(lx - 8.6, 104, 17.2, 13, palette.depth(0.85))
    lamp = box(lx - 7, 53, 14, 3, palette.ink) + box(lx - 4, 43, 8, 10, palette.accent)
    lamp += shape(f"M{num(lx - 7)} 43L{num(lx)} 34L{num(lx + 7)} 43Z", palette.ink)
    return light + tower + lamp + layers


def sea(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    r = stage.between(28, 44)
    y = stage.between(84, 108)
    sun = disc(x, y, r * 1.5, palette.accent, 0.16) + disc(x, y, r, palette.accent)
    water = box(0, 112, WIDTH, 68, palette.depth(0.55)) + box(0, 112, WIDTH, 1.2, palette.paper, 0.5)
    glints = ""
    for i in range(13):
        half = r * (1 - i / 17) * stage.between(0.35, 1)
        glints += f"M{num(x - half + stage.between(-5, 5))} {num(117 + i * 4.6)}h{num(2 * half)}"
    shine = stroke(glints, palette.accent, 1.8, "stroke-linecap='round' opacity='.85'")
    pier_x = 160 + stage.side * 8
    boards = [(pier_x, 150), (160 + stage.side * 170, 146), (160 + stage.side * 170, 158), (pier_x, 154)]
    posts = "".join(f"M{num(pier_x + stage.side * (6 + i * 26))} 151v29" for i in range(7))
    pier = shape(polygon(boards), palette.ink) + stroke(posts, palette.ink, 3)
    cape = f"M{160 - stage.side * 170} 113Q{160 - stage.side * 110} 92 {160 - stage.side * 40} 113Z"
    return sun + shape(cape, palette.depth(0.35)) + water + shine + pier


def field(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus - stage.side * 12
    sun = disc(x, 92, stage.between(58, 68), palette.accent, 0.95) + disc(x, 92, 84, palette.accent, 0.14)
    far = shape(ridge(stage, 124, 12, 70, smooth=True), palette.depth(0.34))
    tx = x + stage.side * stage.between(26, 40)
    trunk = f"M{num(tx - 4)} 142Q{num(tx - 1)} 116 {num(tx - 3)} 96"
    trunk += f"H{num(tx + 4)}Q{num(tx + 2)} 120 {num(tx + 6)} 142Z"
    crown = "".join(
        disc(tx + dx, 84 + dy, r, palette.depth(0.8))
        for dx, dy, r in [(-19, 4, 15), (0, -9, 20), (19, 2, 16), (2, 8, 16)]
    )
    land = shape(f"M-10 180V142Q{num(x)} 126 330 144V180Z", palette.depth(0.72))
    rows = "".join(f"M{num(x)} 134Q{num(x + i * 24)} 146 {num(x + i * 66)} 180" for i in range(-5, 6))
    return sun + far + shape(trunk, palette.depth(0.8)) + crown + land + stroke(rows, palette.ink, 2, "opacity='.45'")
