"""Model bundles on the device: what a bundle says of itself, whether to trust it, and where it is installed.

`manifest` and `trust` are pure; `folder` reads a bundle from disk, `slots` installs it, `update` fetches a
newer one. Each name brings its module on first use (PEP 562): a choice needs no rules for graphs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .folder import verify
    from .manifest import Manifest
    from .slots import Slots

_HOME = {"Manifest": "manifest", "Slots": "slots", "verify": "folder"}

__all__ = ["Manifest", "Slots", "verify"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
