"""Signing: the server's private keys, and the TUF repository of bundles that some of them sign.

`tuf_keys` holds the keys of the repository's four roles, `key_ceremony` creates them offline, `signing_keys` has the
two keys that sign campaign offers and device certificates, and `repository` publishes bundles as signed static files.
The package uses the SDK's bundle format, tuf and cryptography, and of the server its clock and its data folder.
"""
