"""Titles on a poster: letters drawn as lines for most genres, the system's serif or typewriter font for the rest.

The width of every line is set beforehand, so that no system font exceeds the canvas.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from .canvas import num

S_CURVE = "M5.2 1.7A2.5 2.4 0 0 0 2.8 0A2.45 2.42 0 0 0 2.8 4.85A2.6 2.57 0 0 1 2.8 10A2.8 2.6 0 0 1 .1 8.1"
# Cap height 10, baseline y = 10. glyph: (width, path data of its centre line).
GLYPHS: dict[str, tuple[float, str]] = {
    "A": (8, "M0 10L4 0L8 10M1.5 6.7H6.5"),
    "B": (6.3, "M0 4.8H3.6A2.4 2.4 0 0 0 3.6 0H0V10H3.7A2.6 2.6 0 0 0 3.7 4.8"),
    "C": (8.4, "M8.4 1.4A5 5 0 1 0 8.4 8.6"),
    "D": (7.8, "M0 0V10H2.8A5 5 0 0 0 2.8 0Z"),
    "E": (5.4, "M5.4 0H0V10H5.4M0 4.8H4.7"),
    "F": (5.2, "M5.2 0H0V10M0 4.8H4.5"),
    "G": (9.6, "M8.4 1.4A5 5 0 1 0 9.9 5.4H6"),
    "H": (7, "M0 0V10M7 0V10M0 4.8H7"),
    "I": (0, "M0 0V10"),
    "J": (4.2, "M4.2 0V7.8A2.1 2.2 0 0 1 0 7.8"),
    "K": (6.4, "M0 0V10M6.1 0L0 6.2M2.2 4L6.4 10"),
    "L": (4.9, "M0 0V10H4.9"),
    "M": (9, "M0 10L.9 0L4.5 7.4L8.1 0L9 10"),
    "N": (7.2, "M0 10V0L7.2 10V0"),
    "O": (10, "M5 0A5 5 0 1 0 5 10A5 5 0 1 0 5 0Z"),
    "P": (6, "M0 10V0H3.3A2.75 2.75 0 0 1 3.3 5.5H0"),
    "Q": (10, "M5 0A5 5 0 1 0 5 10A5 5 0 1 0 5 0ZM6.2 6.6L9.8 10.3"),
    "R": (6.3, "M0 10V0H3.3A2.75 2.75 0 0 1 3.3 5.5H0M3 5.5L6.3 10"),
    "S": (5.6, S_CURVE),
    "T": (6.8, "M0 0H6.8M3.4 0V10"),
    "U": (6.8, "M0 0V6.6A3.4 3.4 0 0 0 6.8 6.6V0"),
    "V": (7.8, "M0 0L3.9 10L7.8 0"),
    "W": (11.4, "M0 0L2.9 10L5.7 1L8.5 10L11.4 0"),
    "X": (6.8, "M0 0L6.8 10M6.8 0L0 10"),
    "Y": (6.8, "M0 0L3.4 5L6.8 0M3.4 5V10"),
    "Z": (6.4, "M0 0H6.4L0 10H6.4"),
    "0": (7, "M3.5 0A3.5 5 0 1 0 3.5 10A3.5 5 0 1 0 3.5 0Z"),
    "1": (2.4, "M0 2L2.4 0V10"),
    "2": (5.7, "M.1 2.7A2.75 2.7 0 1 1 5 4.4L0 10H5.7"),
    "3": (5.6, "M.5 1.6A2.5 2.35 0 1 1 2.7 4.7A2.7 2.65 0 1 1 .1 8.2"),
    "4": (6.4, "M4.7 10V0L0 7H6.4"),
    "5": (5.6, "M5 0H1.1L.7 4.5A2.9 2.9 0 1 1 .1 8.5"),
    "6": (6, "M4.3 0L.6 5.3A3 3 0 1 0 3 4.2Q1.5 4.2 .6 5.3"),
    "7": (5.6, "M0 0H5.6L2 10"),
    "8": (5.6, "M2.8 0A2.3 2.3 0 1 0 2.8 4.6A2.7 2.7 0 1 0 2.8 10A2.7 2.7 0 1 0 2.8 4.6A2.3 2.3 0 1 0 2.8 0"),
    "9": (6, "M1.7 10L5.4 4.7A3 3 0 1 0 3 5.8Q4.5 5.8 5.4 4.7"),
    "&": (7.2, "M7 10L1.8 3.4A2 2 0 1 1 5.2 2.4Q4.6 3.8 2 5A2.7 2.65 0 1 0 2.9 10Q5.6 10 6.8 6"),
    ".": (0, "M0 9.6V10"),
    ",": (0.6, "M.6 9.4L0 11.6"),
    ":": (0, "M0 3.2V3.6M0 9.4V9.8"),
    ";": (0.6, "M.6 3.2V3.6M.6 9.4L0 11.6"),
    "'": (0, "M0 0V2.6"),
    '"': (2, "M0 0V2.6M2 0V2.6"),
    "-": (3, "M0 5.4H3"),
    "+": (4.6, "M0 5.4H4.6M2.3 3.1V7.7"),
    "!": (0, "M0 0V6.8M0 9.6V10"),
    "?": (4.8, "M0 2.4A2.4 2.4 0 1 1 3.6 4.4Q2.4 5.1 2.4 6.8M2.4 9.6V10"),
    "/": (3.4, "M0 10.6L3.4-.6"),
    "(": (2, "M2-.6Q-2 5 2 10.6"),
    ")": (2, "M0-.6Q4 5 0 10.6"),
    "*": (3, "M0 1.2L3 3.4M3 1.2L0 3.4M1.5 .4V4.2"),
    "#": (5.6, "M1.6 0L.8 10M4.8 0L4 10M0 3.2H5.6M0 6.8H5.6"),
    "$": (5.6, S_CURVE + "M2.8-1.2V11.2"),
    " ": (3.2, ""),
}  # fmt: skip
TYPOGRAPHIC = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": ".", "·": "."})


@dataclass(frozen=True, slots=True)
class Style:
    """The style of a title.

    Attributes:
        family: "" for drawn letters, else a list of system fonts.
        weight: line width of drawn letters (cap height 10), or the font's weight.
        narrow: horizontal scale of drawn letters, or the typical width of a font's letter in em.
        gap: space between drawn letters.
    """

    family: str = ""
    weight: float = 1.6
    narrow: float = 1.0
    gap: float = 3.0
    upper: bool = True
    round: bool = False
    neon: bool = False
    italic: bool = False


SERIF = "Didot,&quot;Bodoni 72&quot;,Georgia,&quot;DejaVu Serif&quot;,serif"
MONO = "&quot;American Typewriter&quot;,&quot;Courier New&quot;,&quot;DejaVu Sans Mono&quot;,monospace"
SANS = "Futura,&quot;Avenir Next&quot;,&quot;Segoe UI&quot;,&quot;Helvetica Neue&quot;,Arial,sans-serif"
THIN = Style(weight=0.95, gap=4.2)
DECO = Style(weight=1.5, gap=3.4)
BLOCK = Style(weight=2.6, narrow=0.86, gap=3.9)
TALL = Style(weight=2.1, narrow=0.6, gap=3.6)
ROUND = Style(weight=2.5, narrow=0.92, gap=3.9, round=True)
NEON = Style(weight=1.1, gap=3.6, round=True, neon=True)
BOOK = Style(family=SERIF, weight=400, narrow=0.74)
ITALIC = Style(family=SERIF, weight=400, narrow=0.56, upper=False, italic=True)
TYPED = Style(family=MONO, weight=700, narrow=0.62)
PLAIN = Style(family=SANS, weight=700, narrow=0.72)
STYLES = {
    "action": (BLOCK, TALL), "adventure": (DECO, BLOCK), "animation": (ROUND,), "biography": (THIN, BOOK),
    "comedy": (ROUND, BLOCK), "crime": (TALL, BLOCK), "documentary": (TYPED, THIN),
    "drama": (THIN, ITALIC, DECO),
    "family": (ROUND, ITALIC), "fantasy": (DECO, BOOK), "film-noir": (TALL, THIN), "history": (BOOK, DECO),
    "horror": (TALL, THIN), "music": (NEON, ROUND), "musical": (NEON, DECO), "mystery": (DECO, BOOK),
    "news": (TYPED, BLOCK), "romance": (ITALIC, THIN), "science-fiction": (THIN, NEON), "short": (BLOCK, THIN),
    "sport": (BLOCK, TALL), "thriller": (TALL, BLOCK), "war": (BLOCK, TALL), "western": (BLOCK, BOOK),
}  # fmt: skip


def style_for(genre: str, name: str, pick: float) -> Style:
    """Return a style for `genre`; a name with letters that are not drawn is set in the system's font."""
    options = STYLES.get(genre, (THIN, DECO, BOOK))
    style = options[min(int(pick * len(options)), len(options) - 1)]
    drawable = all(letter in GLYPHS for letter in name.translate(TYPOGRAPHIC).upper())
    return style if style.family or drawable else PLAIN


@cache
def letter_width(letter: str, style: Style) -> float:
    """Return the advance of one letter, with cap height 10 (an em is 14)."""
    if not style.family:
        width, _ = GLYPHS[letter]
        return width * style.narrow + style.gap
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF" or ord(letter) > 0xFFFF:
        return 15.0
    share = 0.45 if letter in "iljtfI.,:;'!|() " else 1.35 if letter in "mwMW" else 1.0
    return 14 * style.narrow * share


def line_width(line: str, style: Style) -> float:
    """Return the width of a line of letters, of the height of one."""
    return sum(letter_width(letter, style) for letter in line) - (0 if style.family else style.gap)


def wrap(words: list[str], style: Style, count: int) -> list[str]:
    """Return at most `count` lines, balanced as far as greedy filling allows."""
    lines = [" ".join(words)]
    low, high = max(line_width(w, style) for w in words), line_width(lines[0], style)
    for _ in range(8):
        limit, trial = (low + high) / 2, [""]
        for word in words:
            joined = f"{trial[-1]} {word}".strip()
            if trial[-1] and line_width(joined, style) > limit:
                trial.append(word)
            else:
                trial[-1] = joined
        if len(trial) <= count:
            high, lines = limit, trial
        else:
            low = limit
    return lines


def printable(text: str) -> str:
    """Return `text` on one line, without characters that are invalid in XML (control characters, lone surrogates)."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()


def words_of(name: str, longest: int = 72) -> list[str]:
    """Return the words of a name, each cut after `longest` letters."""
    clean = printable(name)
    if len(clean) > longest:
        clean = clean[:longest].rstrip() + "..."
    return [word[i : i + 18] for word in clean.split(" ") if word for i in range(0, len(word), 18)]


def lettering(
    name: str,
    style: Style,
    colours: tuple[str, str],
    area: tuple[float, float, float, float],
    *,
    anchor: str,
    tallest: float,
    uid: str,
) -> tuple[str, float, float]:
    """Return an SVG of `name` within `area`, with its top and bottom edge.

    Args:
        name: the title.
        style: style of the title.
        colours: colours of the letters, and of their glow if the style has one.
        area: left, top, right and bottom; the block is centred vertically.
        anchor: "start", "middle" or "end".
        tallest: maximum cap height.
        uid: prefix of ids.
    """
    colour, glow = colours
    left, top, right, bottom = area
    text = name if style.family else name.translate(TYPOGRAPHIC)
    words = words_of(text.upper() if style.upper else text)
    if not words:
        return "", (top + bottom) / 2, (top + bottom) / 2
    leading = 1.62 if style.family else 1.55
    best: tuple[float, list[str]] = (0.0, [])
    for count in range(1, 6):
        lines = wrap(words, style, count)
        widest = max(line_width(line, style) for line in lines)
        size = min((right - left) / widest, (bottom - top) / (10 * (1 + leading * (len(lines) - 1))), tallest / 10)
        if size > best[0] * 1.12:  # another line must be worth it
            best = (size, lines)
    size, lines = best
    step = 10 * leading * size
    y = (top + bottom) / 2 - (step * (len(lines) - 1) + 10 * size) / 2
    first, drawn = y, ""
    for line in lines:
        width = line_width(line, style) * size
        x = {"start": left, "middle": (left + right - width) / 2, "end": right - width}[anchor]
        drawn += (
            _typed(line, style, colour, f"x='{num(x)}' y='{num(y + 10 * size)}'", size=size, width=width)
            if style.family
            else _lined(line, style, x, y, size)
        )
        y += step
    if not style.family:
        caps = "round" if style.round else "butt"
        join = "round" if style.round else "bevel"
        common = f"fill='none' stroke-linecap='{caps}' stroke-linejoin='{join}'"
        lines_drawn = drawn
        drawn = f"<g {common} stroke='{colour}' stroke-width='{num(style.weight * size)}'>{drawn}</g>"
        if style.neon:  # the same lines twice: a wide glow under a thin tube
            halo = f"<use href='#{uid}n' stroke='{glow}' stroke-width='{num(4.2 * size)}' opacity='.35'/>"
            tube = f"<use href='#{uid}n' stroke='{colour}' stroke-width='{num(style.weight * size)}'/>"
            drawn = f"<defs><g id='{uid}n' {common}>{lines_drawn}</g></defs>{halo}{tube}"
    return drawn, first, first + step * (len(lines) - 1) + 10 * size


def _typed(line: str, style: Style, colour: str, where: str, *, size: float, width: float) -> str:
    """Return a line in a system font, fitted to `width`."""
    slope = " font-style='italic'" if style.italic else ""
    return (
        f"<text {where} font-family='{style.family}' font-size='{num(14 * size)}' fill='{colour}' "
        f"font-weight='{style.weight:.0f}'{slope} textLength='{num(max(width, 1))}' "
        f"lengthAdjust='spacingAndGlyphs'>{html.escape(line)}</text>"
    )


def _lined(line: str, style: Style, x: float, y: float, size: float) -> str:
    """Return a line of drawn letters; the group around it sets colour and width."""
    data = ""
    for letter in line:
        _, path = GLYPHS[letter]
        data += _moved(path, x, y, size * style.narrow, size)
        x += letter_width(letter, style) * size
    return f"<path d='{data}'/>"


@cache
def _tokens(path: str) -> tuple[tuple[str, tuple[float, ...]], ...]:
    parts = re.findall(r"([MLHVAQZ])([^MLHVAQZ]*)", path)
    return tuple((c, tuple(float(n) for n in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", rest))) for c, rest in parts)


def _moved(path: str, x: float, y: float, across: float, down: float) -> str:
    """Return the glyph's path, scaled and moved to absolute coordinates."""
    out = ""
    for command, numbers in _tokens(path):
        match command:
            case "H":
                values = [x + n * across for n in numbers]
            case "V":
                values = [y + n * down for n in numbers]
            case "A":
                rx, ry, _, large, sweep, ex, ey = numbers
                values = [rx * across, ry * down, 0, large, sweep, x + ex * across, y + ey * down]
            case _:
                values = [n * across + x if i % 2 == 0 else n * down + y for i, n in enumerate(numbers)]
        texts = [num(v) for v in values]
        out += command + texts[0] if texts else command
        for before, text in pairwise(texts):
            out += text if text.startswith("-") or (text.startswith(".") and "." in before) else " " + text
    return out
