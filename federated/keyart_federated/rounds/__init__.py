"""The round of a campaign: the driver, and the transport that carries its messages. It uses the SDK and `secagg`.

The driver is a state machine without I/O. It knows no device, no clock, no database and no masks: the stages of an
aggregation (`Coordinating`) talk to the gateways through a `Transport`. Three transports exist:

- in memory: `keyart_federated.secagg.in_process`, and `keyart_federated.simulation.local_fleet` for simulated
devices;
- Flower's Grid, a node being the gateway of its cohort: `keyart_federated.flower.simulated_fleet`;
- the server's database and HTTP gateways: `keyart_server.flower.server_app`.
"""

from .driver import run_round
from .transport import Coordinating, Transport

__all__ = ["Coordinating", "Transport", "run_round"]
