"""The sources of a composition: given pictures, or stills of a folder written by `keyart tag`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from keyart.errors import CatalogError, InputError

from .attention import Box
from .cutout import Cutout, cut_out
from .picture_file import Picture, read_picture

if TYPE_CHECKING:
    from keyart_tools.models import Models
    from keyart_tools.tagging.still import Still
    from keyart_tools.tagging.tagging_file import Tagging

MAX_TRIES = 30  # stills whose subject is looked for, a second or two each; of an animated film one in 15 is clear

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """A picture, and the boxes in it that must not be cut or covered; `still` is its id in a tagging folder."""

    picture: Picture
    faces: tuple[Box, ...] = ()
    lettering: tuple[Box, ...] = ()
    still: str = ""


@dataclass(frozen=True, slots=True)
class CompositionSources:
    """The pictures of a composition; without `back`, `front` is cropped instead of cut out."""

    front: SourcePicture
    subject: Cutout | None = field(default=None, repr=False)
    back: SourcePicture | None = None
    tagging: Tagging | None = field(default=None, repr=False)


def read_sources(path: Path, background: Path | None, models: Models, progress: Progress) -> CompositionSources:
    """Read a picture or a tagging folder, and a background if one is given.

    Raises:
        InputError: a picture cannot be used.
    """
    back = None if background is None else read_source(background, models)
    if path.is_dir():
        return _from_folder(path, back, progress)
    front = read_source(path, models)
    return CompositionSources(front, cut_out(front.picture, front.faces) if back is not None else None, back)


def read_source(path: Path, models: Models) -> SourcePicture:
    """Read a picture, and detect faces and lettering with the available models."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a picture.")
    picture = read_picture(path)
    faces = () if models.faces is None else tuple(face.box for face in models.faces.find(picture.pixels))
    lettering = () if models.lettering is None else tuple(models.lettering.find(picture.pixels))
    return SourcePicture(picture, faces, lettering)


def _from_folder(folder: Path, back: SourcePicture | None, progress: Progress) -> CompositionSources:
    from keyart_tools.tagging.tagging_file import NAME, Tagging

    if not (folder / NAME).exists():
        raise InputError(f"{folder} holds no {NAME} of keyart tag; give the folder of a tagged film, or a picture.")
    tagging = Tagging.load(folder)
    stills = sorted(
        (s for s in tagging.stills if s.accepted), key=lambda s: (s.selected or len(tagging.stills), s.id)
    )
    if not stills:
        raise CatalogError(f"{folder} has no accepted still; tag the film to its end, or accept some of them.")
    # Faces are what a viewer looks for; lettering would come along with the subject.
    fronts = sorted((s for s in stills if not s.lettering), key=lambda s: not s.faces)[:MAX_TRIES]
    sources: CompositionSources | None = None
    for done, still in enumerate(fronts):
        progress(done, len(fronts))
        background = back or _background(folder, still, stills)
        if background is None:
            break
        front = _source(folder, still)
        try:
            subject = cut_out(front.picture, front.faces)
        except InputError:
            continue
        sources = sources or CompositionSources(front, subject, background, tagging)
        if "top" not in subject.touches:  # all shapes can be made of it
            sources = CompositionSources(front, subject, background, tagging)
            break
    progress(len(fronts), len(fronts))
    if sources is None and back is not None:
        raise InputError(
            f"No still of {folder} has a subject that can be cut out; give a PNG with a transparent one."
        )
    return sources or CompositionSources(_source(folder, stills[0]), tagging=tagging)


def _background(folder: Path, front: Still, stills: Sequence[Still]) -> SourcePicture | None:
    """Return a still of another shot, preferably without faces and lettering and with calm space."""
    others = [still for still in stills if still.shot != front.shot]
    if not others:
        return None
    best = min(others, key=lambda s: (len(s.faces) + len(s.lettering), -sum(w * h for _, _, w, h in s.calm)))
    return _source(folder, best)


def _source(folder: Path, still: Still) -> SourcePicture:
    picture = read_picture(folder / still.image)
    return SourcePicture(picture, tuple(face.box for face in still.faces), tuple(still.lettering), still.id)
