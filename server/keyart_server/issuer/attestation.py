"""Attestation: a plug-in point for evidence that a key belongs to a genuine device (docs/how-to/issuer.md)."""

from __future__ import annotations

import importlib
from typing import Protocol

from keyart.errors import SettingError


class Attestation(Protocol):
    """Verifies the evidence of one platform, such as Android Key Attestation or App Attest."""

    def device_id(self, device: bytes, challenge: bytes, evidence: bytes) -> str | None:
        """Return a stable name of the physical device, or None if the evidence does not hold.

        The issuer keeps a hash of the name, and one certified key a name.

        Args:
            device: Public key that the device wants certified, 32 bytes.
            challenge: The issuer's challenge, 40 bytes, to which the evidence must be bound.
            evidence: What the device sent, not empty.
        """


def load_attestation(spec: str | None) -> Attestation | None:
    """Return the attestation that `module:factory` makes, None for None. Raises SettingError."""
    if spec is None:
        return None
    module, _, factory = spec.partition(":")
    try:
        made: Attestation = getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise SettingError(f"--attestation {spec!r} cannot be loaded ({error}); give module:factory.") from None
    return made
