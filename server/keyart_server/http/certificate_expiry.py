"""The expiry of a TLS certificate in a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate


def certificate_expiry(path: Path | None) -> datetime | None:
    """Return when the first certificate of a PEM file expires, or None without a file that holds one."""
    if path is None:
        return None
    try:
        return load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):  # whoever uses the file reports that
        return None
