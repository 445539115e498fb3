"""The store on the device: sealed records in the standard library's SQLite, and the keys that open them.

It may use cryptography and `keyart.errors`, and no other package. Import names from here; each brings its module on
first use.

    keys        where a root key comes from (passphrase, the host's key store, the OS keyring, memory)
    envelope    one sealed record: its bytes, and what they are bound to
    schema      the file: opaque tables, the one writer, no more bytes than it needs
    migrations  the steps from any older file to the present schema
    header      the head of the file: which root key it needs
    vault       the keys inside the file: root key → wrapped profile keys → data keys
    sealed_rows one record as a row
    ledger      how many records each table holds, so that a lost one is noticed
    records     the rows of one profile: sealed, counted, in order
    transaction all or nothing
    rotation    fresh keys, and every record sealed anew
    shredding   forgetting: the keys are deleted, then the bytes, then the files are searched
    fork        a child process gets no store of its parent
    open_rounds records of federated rounds in progress
    store_file  one connection to a file, shared by the profiles that are open
    database    `Store`: locking, transactions, rotating and forgetting; the interface for the rest of keyart
    faults      errors of SQLite as errors of keyart
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy_exports

if TYPE_CHECKING:
    from .database import Store
    from .header import FileHeader
    from .keys import EphemeralKey, HostKey, KeyProvider, KeyringKey, PassphraseKey
    from .rotation import RotateReceipt
    from .schema import APPLICATION_ID, Table, store_files
    from .shredding import ForgetReceipt

__all__ = [
    "APPLICATION_ID",
    "EphemeralKey",
    "FileHeader",
    "ForgetReceipt",
    "HostKey",
    "KeyProvider",
    "KeyringKey",
    "PassphraseKey",
    "RotateReceipt",
    "Store",
    "Table",
    "store_files",
]

__getattr__ = _lazy_exports(
    __name__,
    {
        "database": "Store",
        "header": "FileHeader",
        "keys": "EphemeralKey HostKey KeyProvider KeyringKey PassphraseKey",
        "rotation": "RotateReceipt",
        "schema": "APPLICATION_ID Table store_files",
        "shredding": "ForgetReceipt",
    },
)
