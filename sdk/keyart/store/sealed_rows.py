"""A record as a row: the keyed hash of its id beside it, everything else sealed.

The content that is sealed is `length of the id (2) | label of the group (16) | id | payload`. The label is a keyed
hash of the group's name, zeros for no group; it is inside, so the file does not show which records share a group. The
associated data binds schema version, table, order of first insertion, and the hashes of the profile's name and of the
id.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from ..errors import SettingError, StoreDamaged
from . import vault
from .envelope import MAX_CONTENT_BYTES, WHAT_HELPS
from .schema import RECORD_SCHEMA, Table

MAX_ID_BYTES: Final = 0xFFFF
NO_GROUP: Final = bytes(vault.HASH_BYTES)

_BINDING: Final = struct.Struct(f">BBQ{vault.HASH_BYTES}s{vault.HASH_BYTES}s")
_HEAD: Final = struct.Struct(f">H{vault.HASH_BYTES}s")
MAX_PAYLOAD_BYTES: Final = MAX_CONTENT_BYTES - MAX_ID_BYTES - _HEAD.size


class RecordContent(NamedTuple):
    """The sealed content of a record. `label` is that of its group, or NO_GROUP."""

    record_id: bytes
    label: bytes
    payload: bytes


def require_fitting(record_id: bytes, payload: bytes) -> None:
    """Raise SettingError if a record would be larger than the format allows."""
    if len(record_id) > MAX_ID_BYTES or len(payload) > MAX_PAYLOAD_BYTES:
        raise SettingError(
            f"A record's id holds at most {MAX_ID_BYTES} bytes and its payload {MAX_PAYLOAD_BYTES}; "
            f"these are {len(record_id)} and {len(payload)}. Split the record."
        )


def hash_of(profile: vault.ProfileKeys, table: Table, record_id: bytes) -> bytes:
    """Return the keyed hash of a record's id."""
    return vault.keyed_hash(profile.index_key, b"record%c%s" % (table, record_id))


def label_of(profile: vault.ProfileKeys, table: Table, group: str | None) -> bytes:
    """Return the label of a group; NO_GROUP for None."""
    if group is None:
        return NO_GROUP
    return vault.keyed_hash(profile.label_key, b"group%c%s" % (table, group.encode("utf-8", "surrogatepass")))


def seal(profile: vault.ProfileKeys, table: int, order: int, record_hash: bytes, content: RecordContent) -> bytes:
    """Return the sealed record for the row of that table, order and hash."""
    record_id, label, payload = content
    plain = b"".join((_HEAD.pack(len(record_id), label), record_id, payload))
    return profile.records.seal(plain, _binding(profile, table, order, record_hash))


def unseal(
    profile: vault.ProfileKeys, table: int, order: object, record_hash: object, sealed: object
) -> RecordContent:
    """Return the content of a row.

    Raises:
        StoreDamaged: The row, or its place, has changed.
    """
    if not (isinstance(order, int) and order > 0 and isinstance(record_hash, bytes)):
        raise StoreDamaged(f"A row of the profile makes no sense. {WHAT_HELPS}")
    plain = profile.records.unseal(sealed, _binding(profile, table, order, record_hash))
    length, label = _HEAD.unpack_from(plain)
    split = _HEAD.size + length
    return RecordContent(plain[_HEAD.size : split], label, plain[split:])


def _binding(profile: vault.ProfileKeys, table: int, order: int, record_hash: bytes) -> bytes:
    return _BINDING.pack(RECORD_SCHEMA, table, order, profile.name_hash, record_hash)
