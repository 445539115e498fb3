"""Flower: apps for a real SuperLink with real SuperNodes, with TLS and node authentication.

The package uses the simulation, and the server uses its deployment half.

app              the folder that `flwr run` takes
fleet            a SuperLink with SuperNodes on this machine; `process`, `supervisor`, `programs`, `flwr_cli`,
`tls_keys`
server_app       the ServerApp of a simulation; `client_app`: its ClientApp; `engine`: both, for `simulate`
simulated_fleet  the fleet that the ServerApp drives; `simulation_messages`: its messages; `retrying_grid`: lost
ones
"""

from __future__ import annotations

from .app import write_app
from .fleet import Fleet, RunResult

__all__ = ["Fleet", "RunResult", "write_app"]
