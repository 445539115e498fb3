"""Monitoring: log lines and Prometheus metrics.

Neither may name a person, a device or the content of a campaign. The package uses nothing else of the server.
"""
