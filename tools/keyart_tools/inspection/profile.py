"""A profile: what its file shows without keys, and counts of its contents with a passphrase; never keys or titles.

The file is copied, still encrypted, and the copy is opened, so that inspection changes nothing, not even the format.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keyart import PassphraseKey
from keyart.errors import InputError, StoreDamaged
from keyart.profile import PURPOSES, Consent, EventLog
from keyart.store import APPLICATION_ID, FileHeader, Store, Table, store_files

from .tables import fields, plain, table


def document(path: Path, passphrase: str | None = None, profile: str = "default") -> dict[str, Any]:
    """Describe the profile; without a `passphrase`, only what is readable without keys.

    Raises:
        WrongKey: the passphrase is wrong.
        StoreDamaged: the file is damaged.
        InputError: the file or the profile does not exist.
    """
    with _copied(path) as copy:
        size = sum(part.stat().st_size for part in store_files(copy) if part.exists())
        result = {"kind": "profile", "file": str(path), "bytes": size, **_outside(copy)}
        if passphrase is not None:
            result["profile"] = profile
            result |= _inside(copy, passphrase, profile, result["profiles"])
    return result


@contextlib.contextmanager
def _copied(path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="keyart-") as folder:
        for part in store_files(path.resolve()):
            if part.exists():
                shutil.copyfile(part, Path(folder, part.name))
        yield Path(folder, path.resolve().name)


def _outside(copy: Path) -> dict[str, Any]:
    connection = sqlite3.connect(copy)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        if application != APPLICATION_ID:
            raise InputError(f"{copy.name} is a database, but not a profile of keyart.")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        header = FileHeader.read(connection)
    except sqlite3.Error as error:
        raise StoreDamaged(f"{copy.name} cannot be read ({error}); restore it from a backup.") from None
    finally:
        connection.close()
    return {
        "schema": version,
        "profiles": header.profiles,
        "a_key_is_still_to_be_destroyed": header.retired is not None,
    }


def _inside(copy: Path, passphrase: str, name: str, profiles: int) -> dict[str, Any]:
    with Store.open(copy, PassphraseKey(passphrase), name) as store:
        consent = Consent(store, lambda: datetime.now(UTC))
        counts = {
            "views": store.count(Table.VIEW),
            "decisions": sum(1 for _ in EventLog(store, lambda: 0).entries()),
            "handed_in": store.count(Table.RECEIPT),
            "consent": {purpose: consent.allows(purpose) for purpose in PURPOSES},
            "consent_receipts": [
                {
                    "purpose": receipt.purpose,
                    "granted": receipt.granted,
                    "at": receipt.at.isoformat(),
                    "expires": receipt.expires.isoformat() if receipt.expires is not None else None,
                }
                for receipt in consent.receipts()
            ],
        }
    if _outside(copy)["profiles"] > profiles:  # opening made it, in the copy
        raise InputError(f"There is no profile {name!r} in this file of {profiles}; name another with --profile.")
    return counts


def tables(document: Mapping[str, Any]) -> list[Any]:
    """Return tables of the document."""
    receipts = document.get("consent_receipts", [])
    names = [name for name in document if name not in ("kind", "file", "consent_receipts")]
    about = fields(f"Profile {document['file']}", document, *names)
    if not receipts:
        return [about]
    consent = table("Consent", "purpose", "", "at", "expires")
    for receipt in receipts:
        word = "granted" if receipt["granted"] else "withdrawn"
        consent.add_row(plain(receipt["purpose"]), word, receipt["at"], plain(receipt["expires"]))
    return [about, consent]
