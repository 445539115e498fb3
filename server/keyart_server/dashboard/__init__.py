"""The dashboard: HTML pages for people, rendered on the server without external scripts or assets.

The package reads `state` and the other packages' stores, and performs actions through the same functions as the API.
"""

from __future__ import annotations

from .rendering import Pages

__all__ = ["Pages"]
