"""Monitoring: log lines, Prometheus metrics and traces, none of which names a viewer, a device or a title.

logs, events       lines of the log: their form, and the vocabulary of events
metrics            the registry of a process; database_metrics: its database
tracing            OpenTelemetry, if the extra is installed and the environment asks for it
fleet_metrics      what the database says about the fleet, at each scrape
audit_follower     logs and counts what other processes have done; round_metrics and round_traces: rounds

The first three rows use nothing else of the server. The others read its stores, and nothing but `engine` and `health`
uses them.
"""
