"""Crowded places: skylines, a street at night, a stadium. Layers are ordered from far to near."""

from __future__ import annotations

import math

from .canvas import HEIGHT, WIDTH, PosterStage, box, disc, dots, num, oval, polygon, ray, see_through, shape, stroke
from .outdoors import halo


def skyline_data(stage: PosterStage, base: float, low: float, high: float) -> str:
    """Return the path data of a row of towers that stands on `base` and runs to the bottom."""
    x, data = -4.0, f"M-4 {HEIGHT}"
    while x < WIDTH:
        wide, top = stage.between(13, 30), base - stage.between(low, high)
        data += f"V{num(top)}"
        if wide > 25:
            data += f"h{num(wide / 2 - 1)}v-10h2v10"
            wide = wide / 2 + 1
        x += wide
        data += f"H{num(x)}"
    return data + f"V{HEIGHT}Z"


def windows(stage: PosterStage, count: int, top: float, bottom: float) -> str:
    """Draw small lit windows as one path."""
    data = "".join(
        f"M{round(stage.between(2, 78)) * 4} {round(stage.between(top, bottom) / 5) * 5}h1.8" for _ in range(count)
    )
    return stroke(data, stage.palette.accent, 2.4, "opacity='.85'")


def city_lights(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    moon = halo(x, stage.between(54, 70), stage.between(30, 38), palette.accent)
    far = shape(skyline_data(stage, 140, 16, 52), palette.depth(0.3))
    near = shape(skyline_data(stage, 150, 10, 40), palette.depth(0.62))
    bokeh = "".join(
        disc(
            stage.between(0, 320),
            stage.between(100, 150),
            stage.between(4, 13),
            stage.chance.choice([palette.accent, palette.paper, palette.horizon]),
            stage.between(0.12, 0.4),
        )
        for _ in range(11)
    )
    wire = f"M0 {num(stage.between(10, 20))}Q{num(x)} {num(stage.between(44, 54))} 320 8"
    quay = box(0, 150, WIDTH, 30, palette.ink)
    return moon + far + near + windows(stage, 34, 112, 146) + bokeh + stroke(wire, palette.ink, 0.8) + quay


def skyline(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    start = stage.between(0, 0.3)
    rays = "".join(shape(ray(x, 112, start + i * math.pi / 7, 0.1), palette.accent) for i in range(7, 15))
    sun = f"<g opacity='.28'>{rays}</g>" + disc(x, 104, stage.between(36, 46), palette.accent)
    far = shape(skyline_data(stage, 142, 24, 74), palette.depth(0.42))
    near = shape(skyline_data(stage, 156, 12, 50), palette.depth(0.8))
    return sun + far + near + windows(stage, 30, 110, 148) + box(0, 152, WIDTH, 28, palette.ink)


def street(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    blocks = ""
    for i, (left, top, width) in enumerate([(-6, 30, 70), (60, 56, 58), (116, 76, 64), (178, 50, 62), (238, 22, 92)]):
        blocks += box(left, top + stage.between(-8, 8), width, 150, palette.depth(0.5 + 0.12 * (i % 3)))
    panes = "".join(f"M{round(stage.between(1, 39)) * 8} {round(stage.between(8, 17)) * 8}v5" for _ in range(26))
    lamp_x = x + stage.side * 30
    reach = lamp_x - stage.side * 22
    post = f"M{lamp_x} 168V50Q{lamp_x} 36 {reach} 36"
    cone = polygon([(reach - 6, 42), (reach + 6, 42), (reach + 54, 158), (reach - 54, 158)])
    rain = "".join(f"M{round(stage.between(0, 330))} {round(stage.between(-10, 160))}l-5 15" for _ in range(34))
    wet = box(0, 154, WIDTH, 26, palette.ink) + oval(reach, 158, 56, 7, palette.accent, 0.7)
    return (
        blocks
        + stroke(panes, palette.accent, 3.6, "opacity='.55'")
        + f"<g opacity='.42'>{shape(cone, palette.accent)}</g>"
        + wet
        + stroke(rain, palette.paper, 0.7, "opacity='.4'")
        + stroke(post, palette.ink, 3.2)
        + shape(f"M{reach - 10} 43Q{reach} 26 {reach + 10} 43Z", palette.ink)
    )


def stadium(stage: PosterStage) -> str:
    palette, x = stage.palette, stage.focus
    beams = "".join(shape(ray(bx, 34, angle, 0.16), palette.paper) for bx, angle in [(38, 0.9), (282, 2.24)])
    masts = ""
    for bx in (38, 282):
        masts += stroke(f"M{bx} 40V128", palette.ink, 2.6) + box(bx - 17, 20, 34, 21, palette.ink)
        bulbs = [(bx - 11 + i * 7.4, 26 + j * 8.5) for i in range(4) for j in range(2)]
        masts += stroke(dots(bulbs), palette.paper, 5, "stroke-linecap='round'")
    stand = shape("M-5 128V92Q160 122 325 92V128Z", palette.depth(0.5))
    crowd = dots([(stage.between(0, 320), stage.between(108, 124)) for _ in range(60)])
    lanes = "".join(f"M{num(x + i * 10)} 126L{160 + i * 78} 180" for i in range(-5, 6))
    track = box(0, 126, WIDTH, 54, palette.accent) + box(0, 126, WIDTH, 54, palette.ink, 0.28)
    return (
        f"<g{see_through(0.16)}>{beams}</g>"
        + stand
        + stroke(crowd, palette.horizon, 2.6, "stroke-linecap='round' opacity='.6'")
        + masts
        + track
        + stroke(lanes, palette.paper, 1.6, "opacity='.85'")
    )
