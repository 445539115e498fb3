"""The pages of the server, for people: rendered here, without a script or an asset from outside."""

from __future__ import annotations

from .rendering import Pages

__all__ = ["Pages"]
