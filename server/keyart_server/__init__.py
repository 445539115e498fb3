"""The coordinating server: what an operator runs so that devices can train together and receive new bundles.

`serve` runs the server from its settings, and `app` assembles its routes. The packages: `access` (accounts, tokens,
scopes), `campaigns`, `rounds` and `engine` (which rounds run, and when), `budget` (privacy budget), `gateway` and
`flower` (how messages reach devices), `releases` and `bundles` (which model devices get), `signing` (keys and the TUF
repository), `dashboard`, `state` (database), `http` and `monitoring`.
"""
