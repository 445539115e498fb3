"""People on a poster: a large head, a row of half figures, or a small person in a wide place.

No face is drawn: a silhouette, a rim of light and a hat are enough for a flat poster.
"""

from __future__ import annotations

from .canvas import HEIGHT, WIDTH, PosterStage, box, disc, gradient, num, oval, polygon, shape, stroke
from .palette import mix

# Front view: x = 0 is the nose, y = 16 the chin. Profile: looks right, nose at x = 88, chin at y = 82.
HEAD = "M0-58C21-58 27-43 26-23C25-3 15 16 0 16C-15 16-25-3-26-23C-27-43-21-58 0-58Z"
TORSO = "M-12 6V27C-18 36-58 40-70 82V190H70V82C58 40 18 36 12 27V6Z"
LIT = (
    "M0-58C21-58 27-43 26-23C25-3 15 16 0 16C2 12 2 10-1 8.5C3 6 3 5-2 3.5C3 2 3 0 0-2L-6-5Q-7-7-5-10L0-26Q1-32-2-38Z"
)
LIT_NECK = "M2 18Q8 16 12 8V27C18 36 58 40 70 82V190H24C26 92 6 60 2 18Z"
PROFILE = (
    "M18 104C21 88 24 82 21 72C9 61 5 44 10 28C16 8 36-2 54 2C70 5 78 15 79 28C79 33 77 36 79 40L88 53"
    "C90 57 87 58.5 83 58.5C81 60.5 83 62 84.5 64.5C84.5 66.5 81.5 67 81.5 68C83.5 69 83.5 71 81.5 73.5"
    "C79.5 76 82.5 78 81.5 82.5C79.5 89 70 90 61 87.5C57 91 57 98 60 104"
    "C70 112 104 114 112 160H-40C-34 118 4 116 18 104Z"
)
PROFILE_HAIR = (
    "M10 28C16 8 36-3 55 0C69 3 77 12 79 25C68 28 60 23 53 25C46 33 44 40 43 52C38 47 32 48 33 56"
    "C33 63 27 68 21 73C9 61 5 44 10 28Z"
)
TIED_HAIR = (
    "",
    "M20 24C-14 20-16 66-4 104C2 90 14 84 22 74Z",
    "M12 30a15 15 0 1 0-6 26Z",
)  # none, a tail, a bun
FRONT_HAIR = {
    "short": "M-27-22C-33-60-14-68 4-67C27-66 33-46 27-22C26-35 20-44 6-46C-9-47-25-40-27-22Z",
    "bob": "M-25 8C-41 4-38-66 0-67C38-66 41 4 25 8C30-14 27-38 14-46C2-38-22-38-26-22C-28-8-27 0-25 8Z",
    "long": "M-25 16C-30 40-46 46-50 62C-34-8-48-67 0-68C48-67 34-8 50 62C46 46 30 40 25 16"
    "C32-14 26-40 8-48C-6-38-24-36-26-20Z",
}
GEAR = {
    "western": "cowboy", "film-noir": "fedora", "crime": "fedora", "mystery": "fedora", "war": "helmet",
    "science-fiction": "visor", "fantasy": "hood", "horror": "hood", "music": "phones", "sport": "cap",
    "history": "crown",
    "comedy": "glasses", "documentary": "glasses",
}  # fmt: skip


def place(x: float, y: float, scale_x: float, scale_y: float, drawing: str) -> str:
    """Scale `drawing` about its own origin and move it to (x, y)."""
    return f"<g transform='translate({num(x)} {num(y)}) scale({scale_x:.2f} {scale_y:.2f})'>{drawing}</g>"


def front_gear(gear: str, stage: PosterStage) -> str:
    """Draw what a head seen from the front wears."""
    palette = stage.palette
    dark, band = mix(palette.ink, palette.middle, 0.12), palette.accent
    drawn = ""
    match gear:
        case "fedora":
            crown = shape("M-28-42C-29-68-24-86-11-84Q0-78 11-84C24-86 29-68 28-42Z", dark)
            drawn = crown + shape("M-28-52Q0-46 28-52V-42Q0-36-28-42Z", band) + oval(0, -41, 48, 8, dark)
        case "cowboy":
            crown = shape("M-27-44C-26-66-25-88-13-88Q0-80 13-88C25-88 26-66 27-44Z", dark)
            drawn = (
                crown
                + shape("M-27-52H27V-44H-27Z", band)
                + shape("M-64-58C-50-38-30-42 0-42S50-38 64-58C58-30 30-31 0-31S-58-30-64-58Z", dark)
            )
        case "helmet":
            drawn = shape("M-34-30C-36-66-18-74 0-74S36-66 34-30L40-24Q0-34-40-24Z", dark) + stroke(
                "M-26-24Q-22 4 0 19Q22 4 26-24", dark, 2
            )
        case "visor":
            glass = shape("M-36-20C-36-50-18-56 0-56S36-50 36-20S18 12 0 12S-36 10-36-20Z", palette.ink)
            glint = shape("M-27-26C-26-44-14-49-4-50C-14-42-18-34-19-22Q-24-20-27-26Z", palette.paper, "opacity='.8'")
            horizon = shape("M-35-12Q0-26 35-12C32 6 16 12 0 12S-32 6-35-12Z", band, "opacity='.75'")
            drawn = (
                disc(0, -22, 50, palette.paper)
                + shape("M-40 14Q0 44 40 14L46 34Q0 56-46 34Z", palette.horizon)
                + glass
                + horizon
                + glint
            )
        case "crown":
            drawn = shape("M-27-44L-33-78-14-60 0-84 14-60 33-78 27-44Q0-38-27-44Z", band)
        case "phones":
            drawn = (
                stroke("M-30-18C-36-84 36-84 30-18", band, 5)
                + box(-37, -30, 11, 25, band)
                + box(26, -30, 11, 25, band)
            )
        case "cap":
            drawn = shape("M-28-34C-30-70 30-70 28-34Z", band) + shape("M-30-36Q0-50 44-30Q20-30-30-32Z", dark)
        case "glasses":
            drawn = stroke(
                "M-23-22a10 10 0 1 0 20 0a10 10 0 1 0-20 0M3-22a10 10 0 1 0 20 0a10 10 0 1 0-20 0M-3-24Q0-27 3-24",
                palette.paper,
                2.4,
            )
    return drawn


def front(stage: PosterStage, genre: str, x: float, y: float, k: float) -> str:
    """Draw a head from the front, half of it in the light."""
    palette, gear = stage.palette, GEAR.get(genre, "")
    ink = palette.ink
    if gear == "hood":
        cloak = shape("M0-82C44-82 48-30 45 0C45 32 62 40 82 92V130H-82V92C-62 40-45 32-45 0C-48-30-44-82 0-82Z", ink)
        edge = stroke(
            "M0-66C34-66 36-28 34-2C32 16 18 30 0 40C-18 30-32 16-34-2C-36-28-34-66 0-66Z",
            palette.accent,
            1.6,
        )
        eyes = shape("M-19-20q7-5 14 1q-8 4-14-1ZM19-20q-7-5-14 1q8 4 14-1Z", palette.accent)
        rim = place(stage.side * -2.4, -1, 1, 1, cloak.replace(ink, palette.accent))
        return place(x, y, k, k, rim + cloak + edge + eyes)
    hair = stage.chance.choice(
        ["short", "bob", "long", ""] if gear in ("", "glasses", "phones", "crown") else ["short", ""]
    )
    hair_colour = mix(ink, palette.middle, 0.22)
    behind = shape("M0-68C44-68 40-8 52 62H-52C-40-8-44-68 0-68Z", hair_colour) if hair == "long" else ""
    light = palette.accent if stage.chance.random() < 0.6 else palette.horizon
    body = shape(TORSO, ink) + shape(LIT_NECK, light, "opacity='.55'")
    face = shape(HEAD, ink) + shape(LIT, light)
    if gear != "visor":
        face += shape("M7-21q7-6 14 0q-7 4-14 0Z", ink) + stroke("M6-29q8-5 16 0", ink, 2, "stroke-linecap='round'")
        face += stroke("M-20-21q6-4 12 0", light, 1.2, "opacity='.8'")
    top = shape(FRONT_HAIR[hair], hair_colour) if hair else ""
    return place(x, y, -stage.side * k, k, behind + body + face + top + front_gear(gear, stage))


def profile_gear(gear: str, stage: PosterStage) -> str:
    """Draw what a head seen from the side wears."""
    palette = stage.palette
    dark, band = mix(palette.ink, palette.middle, 0.12), palette.accent
    drawn = ""
    match gear:
        case "fedora":
            drawn = (
                shape("M14 20C10-8 20-26 42-24Q52-16 62-21C74-18 78 2 79 20Z", dark)
                + shape("M14 12Q46 6 79 12V20H13Z", band)
                + shape("M-8 24Q46 6 104 24Q46 30-8 24Z", dark)
            )
        case "cowboy":
            drawn = (
                shape("M16 18C12-10 18-32 40-30Q50-22 62-29C76-26 78 0 79 18Z", dark)
                + shape("M15 10H79V18H15Z", band)
                + shape("M-16 4C0 22 30 18 46 18S94 20 112 2C104 30 70 27 46 27S-8 30-16 4Z", dark)
            )
        case "helmet":
            drawn = shape("M2 36C-2-4 24-14 48-12S88 8 86 28L94 34Q40 26 2 36Z", dark)
        case "visor":
            drawn = (
                disc(45, 42, 62, palette.paper, 0.2)
                + stroke("M45-19A61 61 0 1 0 104 58", palette.paper, 5)
                + stroke("M92 20A52 52 0 0 0 62-2", palette.paper, 3, "stroke-linecap='round'")
            )
        case "phones":
            drawn = stroke("M40 46C26 8 44-8 56-4", band, 6) + oval(40, 48, 10, 14, band)
        case "crown":
            drawn = shape("M12 20L4-16 28 2 42-24 56 0 80-16 78 20Q44 10 12 20Z", band)
        case "cap":
            drawn = shape("M9 30C10-4 34-8 54-4C72 0 80 12 80 22L110 30Q80 34 9 30Z", band)
        case "hood":
            drawn = shape("M20 108C-10 96-12 20 12-4C32-22 66-18 82 10C70 10 60 18 56 36C50 66 60 90 66 108Z", dark)
    return drawn


def profile_body(stage: PosterStage, genre: str) -> tuple[str, str]:
    """Return the clothes of a profile and the outline behind it, both in the profile's own units."""
    tail = stage.chance.choice(TIED_HAIR)
    gear = GEAR.get(genre, "")
    if gear == "glasses":
        gear = ""
    return profile_gear(gear, stage), "" if gear in ("hood", "visor", "helmet") else tail


def profile(stage: PosterStage, genre: str, x: float, y: float, k: float) -> str:
    """Draw a head in profile that looks towards the title, with a rim of light along the face."""
    palette = stage.palette
    worn, tail = profile_body(stage, genre)
    hair = mix(palette.ink, palette.middle, 0.24)
    rim = f"<path transform='translate(3.4 -1.2)' d='{PROFILE}' fill='{palette.accent}'/>"
    body = rim + shape(tail, hair) + shape(PROFILE, palette.ink) + shape(PROFILE_HAIR, hair) + worn
    return place(x + stage.side * 45 * k, y, -stage.side * k, k, body)


def exposure(stage: PosterStage, scene: str, x: float, y: float, k: float) -> str:
    """Draw a double exposure: the whole scene inside one profile on a pale background."""
    palette, clip = stage.palette, stage.uid + "x"
    ground = mix(palette.paper, palette.horizon, 0.3)
    tail = stage.chance.choice(TIED_HAIR)
    move = f"translate({num(x + stage.side * 45 * k)} {num(y)}) scale({-stage.side * k:.2f} {k:.2f})"
    outline = f"<path transform='{move}' d='{PROFILE}{tail}'/>"
    return (
        f"<clipPath id='{clip}'>{outline}</clipPath>"
        + gradient(stage.uid + "b", [(0.45, palette.ink, 0), (0.95, palette.ink, 1)])
        + box(0, 0, WIDTH, HEIGHT, ground)
        + disc(x, 84, 92, palette.horizon, 0.5)
        + f"<g clip-path='url(#{clip})'>{box(0, 0, WIDTH, HEIGHT, f'url(#{stage.uid}s)')}{scene}"
        + f"{box(0, 0, WIDTH, HEIGHT, f'url(#{stage.uid}b)')}</g>"
    )


def creature(stage: PosterStage, x: float, y: float, k: float) -> str:
    """Draw a round creature with large eyes, for animation."""
    palette = stage.palette
    skin, dark = stage.chance.choice([(palette.accent, palette.ink), (palette.ink, palette.accent)])
    belly = mix(skin, palette.paper, 0.45)
    crest = stage.chance.choice(
        [
            disc(-38, -62, 20, skin) + disc(38, -62, 20, skin) + disc(-38, -62, 10, belly) + disc(38, -62, 10, belly),
            shape("M-46-50Q-62-92-34-104Q-30-78-16-66ZM46-50Q62-92 34-104Q30-78 16-66Z", belly),
            stroke("M-10-70Q-14-98-30-104M10-70Q14-98 30-104", skin, 5, "stroke-linecap='round'")
            + disc(-32, -106, 8, belly)
            + disc(32, -106, 8, belly),
        ]
    )
    body = shape("M0-78C44-78 64-44 64-4C66 40 80 66 84 140H-84C-80 66-66 40-64-4C-64-44-44-78 0-78Z", skin)
    body += oval(0, 112, 46, 58, belly)
    look = -stage.side * 5
    eyes = "".join(
        disc(ex, -26, r, palette.paper)
        + disc(ex + look, -23, r * 0.52, palette.ink)
        + disc(ex + look + 3, -28, r * 0.16, palette.paper)
        for ex, r in ((-23, 20), (23, 17))
    )
    smile = stroke("M-20 16Q0 34 20 16", dark if dark != skin else palette.ink, 4, "stroke-linecap='round'")
    return place(x, y, k, k, crest + body + eyes + smile)


def couple(stage: PosterStage, x: float, y: float, k: float) -> str:
    """Draw two profiles facing each other."""
    palette = stage.palette
    second = mix(palette.middle, palette.ink, 0.38)
    hair = "M20 22C-20 16-24 70-12 118C0 100 14 90 22 76Z"
    left = shape(PROFILE, palette.ink) + shape(PROFILE_HAIR, mix(palette.ink, palette.middle, 0.24))
    right = shape(hair, palette.ink) + shape(PROFILE, second) + shape(PROFILE_HAIR, palette.ink)
    rim = f"<path transform='translate(2.6 -1)' d='{PROFILE}' fill='{palette.accent}'/>"
    return place(x - 90 * k, y, k, k, rim + left) + place(x + 90 * k, y + 7, -k, k, rim + right)


def ensemble(stage: PosterStage, genre: str, count: int) -> str:
    """Draw a row of half figures; the middle one stands in front."""
    palette, gear = stage.palette, GEAR.get(genre, "")
    order = sorted(range(count), key=lambda i: -abs(i - (count - 1) / 2))
    head, torso = stage.uid + "he", stage.uid + "to"
    drawn = f"<defs><path id='{head}' d='{HEAD}'/><path id='{torso}' d='{TORSO}'/></defs>"
    cloths = [
        palette.depth(0.62),
        mix(palette.accent, palette.ink, 0.35),
        palette.depth(0.8),
        mix(palette.middle, palette.ink, 0.5),
    ]
    stage.chance.shuffle(cloths)
    for rank, i in enumerate(order):
        leader = rank == count - 1
        x = 160 + (i - (count - 1) / 2) * (46 + 60 / count) + stage.between(-5, 5)
        y = 105 if leader else 114 + stage.between(-8, 13)
        k = 0.68 if leader else stage.between(0.5, 0.6)
        cloth = palette.ink if leader else cloths[rank % len(cloths)]
        skin = palette.accent if leader else mix(palette.horizon, palette.ink, stage.between(0.12, 0.4))
        hair = stage.chance.choice(["short", "bob", "long", "short"])
        back = shape("M0-68C44-68 40-8 46 50H-46C-40-8-44-68 0-68Z", palette.ink) if hair == "long" else ""
        worn = (
            front_gear(gear, stage)
            if gear in ("cowboy", "helmet", "fedora", "visor") and rank % 2 == count % 2 - 1
            else ""
        )
        face = f"<use href='#{head}' fill='{skin}'/>"
        face += shape("M0-58C21-58 27-43 26-23C25-3 15 16 0 16C-2-8 4-30 0-58Z", palette.ink, "opacity='.2'")
        neck = shape("M-12 8V27Q0 44 12 27V8Z", mix(skin, palette.ink, 0.35))
        lapel = (
            shape("M-13 27L0 66 13 27 22 34 4 96H-4L-22 34Z", palette.paper, "opacity='.85'")
            if stage.chance.random() < 0.3
            else ""
        )
        body = (
            back
            + f"<use href='#{torso}' fill='{cloth}'/>"
            + lapel
            + neck
            + face
            + shape(FRONT_HAIR[hair], palette.ink)
            + worn
        )
        drawn += place(x, y, k * (-1 if i % 2 else 1), k, body)
    return drawn


def wanderer(stage: PosterStage, genre: str, *, pair: bool) -> str:
    """Draw one or two small people from behind in a pool of light, with long shadows."""
    palette = stage.palette
    colour, feet, gear = palette.ink, 151, GEAR.get(genre, "")
    x = stage.focus - stage.side * 8
    figure = disc(0, -25.6, 3.2, colour)
    figure += shape("M-2.6-22H2.6Q6-21 6.6-9H4.4L3.4 0H.5L0-8-.5 0H-3.4L-4.4-9H-6.6Q-6-21-2.6-22Z", colour)
    if gear in ("cowboy", "fedora"):
        figure += shape("M-6.4-27H6.4L3-28.4Q2.6-32 0-31.4-2.6-32-3-28.4Z", colour)
    if gear == "visor":
        figure += disc(0, -26, 5, palette.paper)
    lean = stage.side * 34
    shadow = polygon([(x - 5, feet), (x + 5, feet), (x - lean + 12, feet + 26), (x - lean - 10, feet + 26)])
    pool = oval(x, feet + 3, 66, 11, palette.accent, 0.2) + oval(x, feet + 1, 38, 6, palette.accent, 0.75)
    people = place(x - (6 if pair else 0), feet, 1.5, 1.5, figure)
    if pair:
        people += place(x + 10, feet, 1.36, 1.36, figure)
    return pool + shape(shadow, colour, "opacity='.45'") + people
