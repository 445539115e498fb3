"""One round of a campaign: the driver, and the transport that carries its messages.

The driver is a state machine without I/O. It knows no device, no clock and no database: what the stages of secure
aggregation ask of the gateways, and what these answer, goes through a `Transport`. Three implementations exist:

- in memory: `keyart_federated.secagg.in_process`, and `keyart_federated.simulation.fleet` for simulated devices;
- Flower's Grid, a node being the gateway of its cohort: `keyart_federated.flower.simulated_fleet`;
- the server's database and HTTP gateways: `keyart_server.flower.server_app`.
"""

from .driver import run_round
from .transport import Coordinating, Transport

__all__ = ["Coordinating", "Transport", "run_round"]
