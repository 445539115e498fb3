"""The store on the device: sealed records in the standard library's SQLite, and the keys that open them.

keys        where a root key comes from (passphrase, the host's key store, the OS keyring, memory)
envelope    one sealed record: its bytes, and what they are bound to
schema      the file: opaque tables, ordered migrations, the one writer
vault       the keys inside the file: root key → wrapped profile keys → data keys
ledger      how many records each table holds, so that a lost one is noticed
records     the rows of one profile: sealed, counted, in order
shredding   forgetting: the keys go, then the bytes, then somebody looks
database    `Store`: lock, transactions, forgetting; all that the rest of keyart uses
faults      what SQLite reports, as errors of keyart
"""
