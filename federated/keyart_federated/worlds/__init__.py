"""Worlds to learn in: `load("synthetic")`, `load("movielens")`, `load("openbandit")`, `load("module:factory")`.

A world implements `keyart_federated.World`; the package uses that protocol, `datasets` and the SDK, and simulations
and the tools use the package. A world's module is imported on first use, so that a command line can list them
without loading any.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from keyart.errors import WorldError

if TYPE_CHECKING:
    from ..world import World
    from .movielens import MovieLensWorld
    from .openbandit import OpenBanditLog, OpenBanditWorld
    from .synthetic import SyntheticWorld

__all__ = ["MovieLensWorld", "OpenBanditLog", "OpenBanditWorld", "SyntheticWorld", "load"]

_HOME = {
    "MovieLensWorld": "movielens",
    "OpenBanditLog": "openbandit",
    "OpenBanditWorld": "openbandit",
    "SyntheticWorld": "synthetic",
}
_SPECS = {"movielens": "MovieLensWorld", "openbandit": "OpenBanditWorld", "synthetic": "SyntheticWorld"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def load(spec: str, **settings: Any) -> World:
    """Return the world of a name: "movielens", "openbandit", "synthetic", or "module:factory" with anybody's factory.

    Args:
        spec: Name of the world.
        settings: Arguments of the world's constructor or factory.

    Raises:
        WorldError: The name, the settings or what the factory returns is wrong.
        SettingError: The world refuses a setting.
        DataUnavailable: The world's data cannot be fetched.
    """
    from ..world import World

    world = _factory(spec)
    try:
        made = world(**settings)
    except TypeError as error:
        raise WorldError(f"World {spec!r} cannot be made with {sorted(settings)}: {error}.") from error
    if not isinstance(made, World):
        raise WorldError(
            f"World {spec!r}: the factory returned {type(made).__name__}, which is not a World. It needs "
            "catalog, devices, history, impression, outcome and expected_reward (keyart_federated.World)."
        )
    return made


def _factory(spec: str) -> Any:
    if spec in _SPECS:
        return __getattr__(_SPECS[spec])
    module_name, _, name = spec.partition(":")
    if not (module_name and name):
        raise WorldError(
            f"No world {spec!r}; use 'synthetic', 'movielens', 'openbandit', or 'module:factory' for your own."
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise WorldError(
            f"World {spec!r}: cannot import {module_name!r} ({error}). Is its folder on PYTHONPATH?"
        ) from error
    factory = getattr(module, name, None)
    if not callable(factory):
        raise WorldError(f"World {spec!r}: module {module_name!r} has no callable {name!r}.")
    return factory
