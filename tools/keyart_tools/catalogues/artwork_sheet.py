"""A contact sheet of a catalogue: a row a title, its artworks with id, tags, rating and badges; HTML or one JPEG."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from keyart.bundle import replace_file
from keyart.catalog import Artwork, Title
from keyart.errors import InputError

from .artwork_files import relative_path
from .tagged_folder import is_local

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

    Font = ImageFont.FreeTypeFont

SUFFIXES = frozenset({".html", ".htm", ".jpg", ".jpeg"})
MAX_PIXELS = 64_000_000  # of a picture that is opened, as in `keyart compose`
MAX_SIDE = 65_000  # of a JPEG file
QUALITY = 88
WIDTH = 1784  # of the sheet, in pixels: a poster and four landscapes in a line
MARGIN, GAP, PADDING = 32, 16, 10
PICTURE_HEIGHT = 210
CARD_WIDTHS = (150, 374)  # narrowest and widest card: a poster's and a landscape's
CARD_HEIGHT = PICTURE_HEIGHT + 88
HEADER_HEIGHT = 64
BACKGROUND, PANEL, EDGE, BLANK = "#14161a", "#1e2127", "#343943", "#2a2e37"
INK, SOFT = "#f2f3f5", "#a3abb8"
BADGES = {
    "rating": ("#2f5d8a", "#ffffff"),
    "unrated": ("#4a505c", "#d5d9e0"),
    "spoiler": ("#a4343a", "#ffffff"),
    "synthetic": ("#6b4fa0", "#ffffff"),
}


@dataclass(frozen=True, slots=True)
class SheetCard:
    """An artwork as the sheet shows it.

    Attributes:
        name: Its id without its title's.
        image: Path of its picture from the sheet's folder, or an address; "" if there is none.
        tags: Its tags, the heaviest first.
        badges: Kind and text of each badge.
    """

    id: str
    name: str
    image: str
    tags: str
    badges: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A title as the sheet shows it."""

    id: str
    name: str
    about: str
    cards: tuple[SheetCard, ...]


def write_artwork_sheet(titles: Sequence[Title], images: Path, out: Path, heading: str) -> None:
    """Write a contact sheet, whole or not at all.

    Args:
        titles: The titles.
        images: Folder that the paths of their pictures are relative to.
        out: File to write; its suffix says whether it is HTML or JPEG.
        heading: First line of the sheet.

    Raises:
        InputError: The suffix is neither, or Pillow is missing for a JPEG, or there are too many titles for one.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"{out} is neither an HTML nor a JPEG file; call it sheet.html or sheet.jpg.")
    rows = [_row(title, images, out.parent) for title in titles]
    if out.suffix.lower() in (".html", ".htm"):
        replace_file(out, _html(rows, heading).encode())
    else:
        replace_file(out, _jpeg(rows, heading, out.parent))


def _row(title: Title, images: Path, base: Path) -> SheetRow:
    minutes = f"{title.duration / 60:.0f} min" if title.duration else "no duration"
    genres = ", ".join(tag.partition(":")[2] for tag in title.tags if tag.startswith("genre:")) or "no genre"
    count = len(title.artworks)
    about = f"{title.id}  ·  {minutes}  ·  {genres}  ·  {count} artwork{'s' if count != 1 else ''}"
    cards = tuple(_card(title, artwork, images, base) for artwork in title.artworks)
    return SheetRow(title.id, title.name or title.id, about, cards)


def _card(title: Title, artwork: Artwork, images: Path, base: Path) -> SheetCard:
    badges = [("rating", artwork.maturity) if artwork.maturity else ("unrated", "unrated")]
    badges += [(name, name) for name in ("spoiler", "synthetic") if getattr(artwork, name)]
    heaviest = sorted(artwork.tags, key=lambda tag: -artwork.tags[tag])
    tags = ", ".join(tag if artwork.tags[tag] == 1 else f"{tag} {artwork.tags[tag]:.2g}" for tag in heaviest)
    image = relative_path(images / artwork.image, base) if is_local(artwork.image) else artwork.image
    name = artwork.id.removeprefix(f"{title.id}/") or artwork.id
    return SheetCard(artwork.id, name, image, tags or "no tags", tuple(badges))


def _html(rows: Sequence[SheetRow], heading: str) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("keyart_tools", "catalogues"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["address"] = lambda image: image if "://" in image else quote(os.fsencode(image))
    return environment.get_template("artwork_sheet.html.j2").render(heading=heading, rows=rows)


def _jpeg(rows: Sequence[SheetRow], heading: str, folder: Path) -> bytes:
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise InputError(
            "A sheet as JPEG needs Pillow, which comes with keyart[tagging]; install it, or name an HTML file."
        ) from None
    import io

    fonts = _SheetFonts.load()
    pictures = {card.id: _picture(card, folder) for row in rows for card in row.cards}
    laid = [(row, _lines(row, pictures)) for row in rows]
    height = (
        2 * MARGIN + HEADER_HEIGHT + sum(HEADER_HEIGHT + len(lines) * (CARD_HEIGHT + GAP) + GAP for _, lines in laid)
    )
    if height > MAX_SIDE:
        raise InputError(
            f"{len(rows):,} titles are too many for one JPEG file; show fewer with --limit, or use HTML."
        )
    sheet = Image.new("RGB", (WIDTH, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), _fitting(heading, fonts.large, WIDTH - 2 * MARGIN), INK, fonts.large)
    top = MARGIN + HEADER_HEIGHT
    for row, lines in laid:
        draw.line((MARGIN, top - 8, WIDTH - MARGIN, top - 8), EDGE)
        draw.text((MARGIN, top), _fitting(row.name, fonts.title, WIDTH - 2 * MARGIN), INK, fonts.title)
        draw.text((MARGIN, top + 32), _fitting(row.about, fonts.small, WIDTH - 2 * MARGIN), SOFT, fonts.small)
        top += HEADER_HEIGHT
        for line in lines:
            left = MARGIN
            for card in line:
                width = _card_width(pictures[card.id])
                _draw_card(sheet, draw, (left, top, width), card, pictures[card.id], fonts)
                left += width + GAP
            top += CARD_HEIGHT + GAP
        top += GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class _SheetFonts:
    large: Font
    title: Font
    small: Font
    badge: Font

    @classmethod
    def load(cls) -> _SheetFonts:
        import matplotlib as mpl
        from PIL import ImageFont

        folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
        bold, plain = folder / "DejaVuSans-Bold.ttf", folder / "DejaVuSans.ttf"
        return cls(
            *(ImageFont.truetype(file, size) for file, size in ((bold, 28), (bold, 20), (plain, 14), (bold, 12)))
        )


def _picture(card: SheetCard, folder: Path) -> Image.Image | str:
    """Return the picture at the sheet's size, or why there is none."""
    from PIL import Image, ImageOps

    if not is_local(card.image):
        return "on a server" if card.image else "no file"
    path = folder / card.image
    if not path.is_file():
        return "missing"
    try:
        with Image.open(path, formats=("JPEG", "PNG", "WEBP", "AVIF")) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return "too large"
            picture.draft("RGB", (2 * CARD_WIDTHS[1], 2 * PICTURE_HEIGHT))
            turned = ImageOps.exif_transpose(picture).convert("RGBA")
    except Exception:  # Pillow's decoders have no common error
        return "damaged"
    turned.thumbnail((CARD_WIDTHS[1], PICTURE_HEIGHT), Image.Resampling.LANCZOS)
    ground = Image.new("RGB", turned.size, BLANK)
    ground.paste(turned, mask=turned.getchannel("A"))
    return ground


def _card_width(picture: Image.Image | str) -> int:
    return CARD_WIDTHS[1] // 2 if isinstance(picture, str) else max(CARD_WIDTHS[0], picture.width) + 2


def _lines(row: SheetRow, pictures: dict[str, Image.Image | str]) -> list[list[SheetCard]]:
    """Break the cards of a row into lines that are as wide as the sheet."""
    lines: list[list[SheetCard]] = []
    left = WIDTH
    for card in row.cards:
        width = _card_width(pictures[card.id])
        if left + width > WIDTH - MARGIN:
            lines.append([])
            left = MARGIN
        lines[-1].append(card)
        left += width + GAP
    return lines


def _draw_card(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int, int],
    card: SheetCard,
    picture: Image.Image | str,
    fonts: _SheetFonts,
) -> None:
    left, top, width = place
    draw.rounded_rectangle((left, top, left + width, top + CARD_HEIGHT), 8, PANEL, EDGE)
    draw.rectangle((left + 1, top + 8, left + width - 1, top + PICTURE_HEIGHT), BLANK)
    if isinstance(picture, str):
        draw.text((left + width // 2, top + PICTURE_HEIGHT // 2), picture, SOFT, fonts.small, "mm")
    else:
        across = left + (width - picture.width) // 2
        sheet.paste(picture, (across, top + (PICTURE_HEIGHT - picture.height) // 2))
    edge = left + PADDING
    for kind, text in card.badges:
        ground, ink = BADGES[kind]
        badge_width = round(draw.textlength(text, fonts.badge)) + 12
        draw.rounded_rectangle((edge, top + 8, edge + badge_width, top + 27), 5, ground)
        draw.text((edge + 6, top + 17), text, ink, fonts.badge, "lm")
        edge += badge_width + 5
    inner = width - 2 * PADDING
    base = top + PICTURE_HEIGHT + 8
    draw.text((left + PADDING, base), _fitting(card.name, fonts.badge, inner), INK, fonts.badge)
    for number, line in enumerate(_wrapped(card.tags, fonts.small, inner, 3)):
        draw.text((left + PADDING, base + 20 + 18 * number), line, SOFT, fonts.small)


def _wrapped(text: str, font: Font, width: float, max_lines: int) -> Iterator[str]:
    """Yield the text broken at spaces; what does not fit into the last line is cut."""
    words = text.split(" ")
    for number in range(max_lines):
        line = ""
        while words and (not line or font.getlength(f"{line} {words[0]}") <= width):
            line = f"{line} {words.pop(0)}".strip()
        if number == max_lines - 1 and words:
            line = f"{line} {' '.join(words)}"
        if line:
            yield _fitting(line, font, width)


def _fitting(text: str, font: Font, width: float) -> str:
    """Return the text, cut with an ellipsis if it is wider."""
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)[:400]
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
