"""The store on the device: sealed records in the standard library's SQLite, and the keys that open them.

keys        where a root key comes from (passphrase, the host's key store, the OS keyring, memory)
envelope    one sealed record: its bytes, and what they are bound to
schema      the file: opaque tables, the one writer, no more bytes than it needs
migrations  the way from any older file to today's
header      the head of the file: which root key it needs
vault       the keys inside the file: root key → wrapped profile keys → data keys
rows        one record as a row
ledger      how many records each table holds, so that a lost one is noticed
records     the rows of one profile: sealed, counted, in order
transaction all or nothing
rotation    fresh keys, and every record sealed anew
shredding   forgetting: the keys go, then the bytes, then somebody looks
fork        what a fork leaves to the child: no store
database    `Store`: lock, transactions, rotating, forgetting; all that the rest of keyart uses
faults      what SQLite reports, as errors of keyart
"""
