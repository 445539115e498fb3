"""Model bundles on the device: what a bundle says of itself, whether to trust it, and where it is installed.

`manifest` and `trust` are pure; `folder` reads a bundle from disk, `slots` installs it, `update` fetches a
newer one.
"""

from .folder import verify
from .manifest import Manifest
from .slots import Slots

__all__ = ["Manifest", "Slots", "verify"]
