"""Output of finished pictures, written atomically, and their artwork in the catalogue."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyart.catalog import UNRATED, Artwork, Catalog, kind_of, rating_of
from keyart.errors import SettingError
from keyart_tools.tagging.catalogue import ADULT

from .composer import SHAPES, Composition
from .sources import CompositionSources

if TYPE_CHECKING:
    from keyart_tools.tagging.tagging_file import Tagging

FORMAT = "keyart-composed/1"
RECORD = "composed.json"
SUBJECT_KINDS = frozenset({"faces", "mood", "object", "shot", "cast", "genre", "theme"})  # of a cut-out


def check_folder(out: Path) -> None:
    """Require that no file would be replaced that is not from an earlier run.

    Raises:
        SettingError: the folder holds such a file.
    """
    if (out / RECORD).exists():
        return
    foreign = [name for name in (f"{crop}.jpg" for crop in SHAPES) if (out / name).exists()]
    if foreign:
        raise SettingError(f"{out} holds a {foreign[0]} that is not from keyart compose; give --out another folder.")


def record(composition: Composition, title: str | None, rights: str) -> dict[str, Any]:
    """Return the content of composed.json: the files, what they are, and their sources."""
    return {
        "format": FORMAT,
        "title": title,
        "synthetic": composition.synthetic,
        "source_type": composition.source_type,
        "rights": rights,
        "ingredients": [
            {"part": ingredient.part, "name": ingredient.name, "sha256": ingredient.sha256}
            for ingredient in composition.ingredients
        ],
        "files": {
            picture.crop: {
                "file": picture.file,
                "width": picture.width,
                "height": picture.height,
                "bytes": len(picture.data),
                "title_contrast": None if picture.contrast is None else round(picture.contrast, 2),
            }
            for picture in composition.made
        },
        "skipped": composition.skipped,
    }


def write(out: Path, composition: Composition, document: Mapping[str, Any]) -> None:
    """Write the pictures and then composed.json; earlier files stay until the new ones are complete."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=out) as staging:
        files = {picture.file: picture.data for picture in composition.made}
        files[RECORD] = json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
        for name, data in files.items():
            (Path(staging) / name).write_bytes(data)
        for name in files:
            (Path(staging) / name).replace(out / name)
    for crop in SHAPES.keys() - {picture.crop for picture in composition.made}:  # of an earlier composition
        (out / f"{crop}.jpg").unlink(missing_ok=True)


def _strictest(maturities: Sequence[str]) -> str:
    """Return the strictest of age ratings; "" if no part has one.

    A part without a rating is not for children, while a profile of adults with a limit shows it. So beside a part
    that has one, it counts as for adults until a person has rated it.
    """
    rated = [maturity or ADULT for maturity in maturities] if any(maturities) else []
    return max(rated, key=_strictness, default="")


def _strictness(maturity: str) -> tuple[int, int]:
    """Return a key by which the stricter of two age ratings is the larger."""
    rating = rating_of(maturity) or UNRATED
    return rating.age, rating.rank


def with_artwork(
    catalog: Catalog, tagging: Tagging, sources: CompositionSources, composition: Composition, image: str
) -> Catalog:
    """Return `catalog` with the composition as one more artwork of its title; its crops are one artwork.

    The tags are those of the subject's still that concern the subject; maturity and spoiler are the stricter of both
    stills. `image` is the path of the picture relative to the catalogue.
    """
    title = catalog[tagging.title_id]
    stills = {still.id: still for still in tagging.stills}
    by_image = {artwork.image: artwork for artwork in title.artworks}
    used = [stills[one.still] for one in (sources.front, sources.back) if one is not None and one.still]
    shown = [artwork for still in used if (artwork := by_image.get(still.image))]
    digest = hashlib.sha256(json.dumps([one.sha256 for one in composition.ingredients]).encode()).hexdigest()[:8]
    artwork = Artwork(
        f"{title.id}/composed-{digest}",
        tags={tag: weight for tag, weight in used[0].tags.items() if kind_of(tag) in SUBJECT_KINDS},
        image=image,
        synthetic=True,
        maturity=_strictest([one.maturity for one in shown]),
        spoiler=any(one.spoiler for one in shown),
    )
    others = [one for one in title.artworks if one.id != artwork.id]
    changed = replace(title, artworks=[*others, artwork])
    return Catalog.from_titles(changed if one.id == title.id else one for one in catalog)
