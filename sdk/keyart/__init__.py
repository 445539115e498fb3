"""keyart picks the artwork of a title on the viewer's own device.

`import keyart` loads nothing but this file: each public name brings its module on first use, so that an app's
start-up pays for what it calls (PEP 562).
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

if "numpy" not in sys.modules:
    # OpenBLAS's idle threads spin for a while after numpy is imported, which doubles the CPU time of an app's start:
    # on a device that is battery. 4 is the shortest wait; what the app has set stays, and another BLAS reads nothing.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

if TYPE_CHECKING:
    from .bundle.manifest import Manifest
    from .campaigns.limits import Limits
    from .catalog import Artwork, Catalog, Title
    from .context import Context
    from .decision import Decision
    from .errors import KeyartError
    from .history import Outcome, Reward, View
    from .model.explain import Explanation, Factor
    from .model.policy import Policy
    from .personalizer import Personalizer
    from .profile.consent import Consent
    from .store.keys import EphemeralKey, HostKey, KeyProvider, KeyringKey, PassphraseKey

__version__ = "0.1.0"

_HOME = {
    "Artwork": "catalog",
    "Catalog": "catalog",
    "Consent": "profile.consent",
    "Context": "context",
    "Decision": "decision",
    "EphemeralKey": "store.keys",
    "Explanation": "model.explain",
    "Factor": "model.explain",
    "HostKey": "store.keys",
    "KeyProvider": "store.keys",
    "KeyartError": "errors",
    "KeyringKey": "store.keys",
    "Limits": "campaigns.limits",
    "Manifest": "bundle.manifest",
    "Outcome": "history",
    "PassphraseKey": "store.keys",
    "Personalizer": "personalizer",
    "Policy": "model.policy",
    "Reward": "history",
    "Title": "catalog",
    "View": "history",
}

__all__ = [
    "Artwork",
    "Catalog",
    "Consent",
    "Context",
    "Decision",
    "EphemeralKey",
    "Explanation",
    "Factor",
    "HostKey",
    "KeyProvider",
    "KeyartError",
    "KeyringKey",
    "Limits",
    "Manifest",
    "Outcome",
    "PassphraseKey",
    "Personalizer",
    "Policy",
    "Reward",
    "Title",
    "View",
]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        # `import keyart; keyart.errors` works as with any package, without loading the rest.
        if not name.startswith("_"):
            try:
                return importlib.import_module(f"{__name__}.{name}")
            except ModuleNotFoundError:
                pass
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
