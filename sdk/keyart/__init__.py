"""keyart picks the artwork of a title on the viewer's own device.

`import keyart` loads nothing but this file: each public name brings its module on first use, so that an app's
start-up pays for what it calls (PEP 562).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

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


def _lazy_exports(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a `__getattr__` for a package whose names bring their modules on first use (PEP 562).

    Args:
        package: Name of the package.
        modules: The exported names of each module, separated by spaces, by the module's name within the package.
    """
    homes = {name: module for module, names in modules.items() for name in names.split()}

    def get(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            # `import keyart; keyart.errors` works as with any package, without loading the rest.
            if not name.startswith("_"):
                try:
                    return importlib.import_module(f"{package}.{name}")
                except ModuleNotFoundError:
                    pass
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{home}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get


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

__getattr__ = _lazy_exports(
    __name__,
    {
        "bundle.manifest": "Manifest",
        "campaigns.limits": "Limits",
        "catalog": "Artwork Catalog Title",
        "context": "Context",
        "decision": "Decision",
        "errors": "KeyartError",
        "history": "Outcome Reward View",
        "model.explain": "Explanation Factor",
        "model.policy": "Policy",
        "personalizer": "Personalizer",
        "profile.consent": "Consent",
        "store.keys": "EphemeralKey HostKey KeyProvider KeyringKey PassphraseKey",
    },
)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
