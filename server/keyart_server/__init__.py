"""The coordinating server: what an operator runs so that devices can learn together and get new bundles.

`serve` runs it; `app` wires the rooms: `campaigns`, `bundles`, `access`, `dashboard`, over `state`. `repository`
publishes bundles as signed static files; `rolekeys` keeps the keys that sign them.
"""
