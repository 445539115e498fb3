"""The issuer: certifies device keys, apart from the server of rounds, so that this server cannot invent devices.

attestation            plug-in point for evidence of a device's platform
issuer_store           vouchers, certified keys and revoked keys, in SQLite
certificate_authority  challenges, certificates and the revocation list
routes                 the HTTP routes, for the process of its own and for `keyart serve --insecure-issuer`
issuer_process         `keyart issuer`: a process with a key and a data folder of its own

The package uses `http`, `monitoring`, and of `gateway` how bodies are read and rates are limited.
"""
