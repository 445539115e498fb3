"""Enrolment: the key of a device in secure aggregation, and its certificate.

The key is drawn when it is first asked for, lives in the sealed store, and is erased by `forget`: a profile that
starts anew is a new device. It reveals nothing of a person, and signs nothing but the keys of a round.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from ..errors import MessageError, StoreDamaged
from ..secagg import Identity, RevocationList
from ..secagg.identity import CERTIFICATE_BYTES, verify_record
from ..secagg.key_agreement import KEY_BYTES
from ..store.database import Store, Table

_RECORD_ID: Final = b"device"
_REVOKED_ID: Final = b"revoked"
_NOTHING: Final = bytes(KEY_BYTES)


def find_identity(store: Store) -> Identity | None:
    """Return the device's identity, or None if none was made yet.

    Raises:
        StoreDamaged: The record has a wrong length.
    """
    data = store.get(Table.DEVICE, _RECORD_ID)
    if data is None:
        return None
    if len(data) not in (KEY_BYTES, KEY_BYTES + CERTIFICATE_BYTES):
        raise StoreDamaged("The device's key has a wrong length; update keyart.")
    return Identity(data[:KEY_BYTES], data[KEY_BYTES:])


def find_or_create_identity(store: Store, random: Callable[[int], bytes]) -> Identity:
    """Return the device's identity, which is created if there is none."""
    identity = find_identity(store)
    if identity is None:
        identity = Identity.create(random)
        store.put(Table.DEVICE, _RECORD_ID, identity.private)
    return identity


def is_certified(identity: Identity, issuers: Collection[bytes], now: int) -> bool:
    """Return whether the neighbours of a round would take the certificate.

    Args:
        identity: The device's identity.
        issuers: Public keys whose certificates count.
        now: Unix seconds.
    """
    try:
        _require_certified(identity, issuers, now)
    except MessageError:
        return False
    return True


def store_certificate(store: Store, certificate: bytes, issuers: Collection[bytes], now: int) -> None:
    """Store the certificate of the device's key.

    Raises:
        MessageError: Neighbours would not accept it.
    """
    identity = find_identity(store)
    if identity is None or not isinstance(certificate, bytes) or len(certificate) != CERTIFICATE_BYTES:
        raise MessageError(f"A certificate is {CERTIFICATE_BYTES} bytes, for the key that device_key() has given.")
    identity = Identity(identity.private, certificate)
    _require_certified(identity, issuers, now)
    store.put(Table.DEVICE, _RECORD_ID, identity.private + certificate)


def store_revocations(store: Store, data: bytes, issuers: Collection[bytes], now: int) -> None:
    """Store a revocation list in place of an older one.

    Raises:
        MessageError: It is not an issuer's, has expired, or is older than the one that is stored.
    """
    new, known = RevocationList.read(data, issuers, now), find_revocations(store, issuers)
    if known is not None and new.version < known.version:
        raise MessageError("The revocation list is older than the one that this device has; fetch it again.")
    store.put(Table.DEVICE, _REVOKED_ID, data)


def find_revocations(store: Store, issuers: Collection[bytes]) -> RevocationList | None:
    """Return the stored revocation list, which may have expired; None if there is none of these issuers."""
    data = store.get(Table.DEVICE, _REVOKED_ID)
    try:
        return None if data is None else RevocationList.read(data, issuers, 0)
    except MessageError:
        return None


def _require_certified(identity: Identity, issuers: Collection[bytes], now: int) -> None:
    """Check the certificate as a neighbour will: by the record of a round, here of a fictitious one."""
    if not identity.certificate:
        raise MessageError("This device has no certificate; see Personalizer.federated.enrol.")
    record = identity.record(_NOTHING, _NOTHING, _NOTHING)
    if verify_record(record, _NOTHING, issuers, now).device != identity.public:
        raise MessageError("The certificate is of another device's key; pass device_key() to the issuer.")
