"""Composed artwork: the subject of one still in front of another, in several shapes, titled and signed."""

from __future__ import annotations

from .composer import SHAPES, ComposedPicture, Composition, compose
from .credentials import Ingredient
from .credentials import read as read_credentials
from .crop import CropWindow, crop
from .cutout import Cutout, cut_out
from .picture_file import Picture, read_picture
from .signing_keys import SigningKey, open_keys
from .sources import CompositionSources, SourcePicture, read_sources
from .title_overlay import checked_title

__all__ = [
    "SHAPES",
    "ComposedPicture",
    "Composition",
    "CompositionSources",
    "CropWindow",
    "Cutout",
    "Ingredient",
    "Picture",
    "SigningKey",
    "SourcePicture",
    "checked_title",
    "compose",
    "crop",
    "cut_out",
    "open_keys",
    "read_credentials",
    "read_picture",
    "read_sources",
]
