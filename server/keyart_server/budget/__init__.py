"""What the fleet may lose of its privacy, what of it is spent, and on what."""

from __future__ import annotations

from .charges import Budget, Charge, charge, every, of_fleet, settle, would_be

__all__ = ["Budget", "Charge", "charge", "every", "of_fleet", "settle", "would_be"]
