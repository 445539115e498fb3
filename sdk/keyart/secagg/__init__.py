"""Private sums: what a device does so that a server learns the sum of a cohort's vectors, and no vector.

terms     what is added up, and how many must be in it
identity  who takes part: certified signing keys
graph     who is whose neighbour, and how many of them rebuild a secret
keys      derived and agreed
shamir    shares of secrets
masks     streams that hide a vector
messages  the bytes on the wire
session   the device's part, stage by stage
kept      a session as bytes, between two stages

The server's part is `keyart_federated.secagg`; docs/protocol.md says it all in words.
"""

from .device_session import DeviceSession
from .graph import Graph, min_required
from .identity import Identity, certify
from .messages import Stage
from .parameters import AggregationParameters, modulus_bits

__all__ = [
    "AggregationParameters",
    "DeviceSession",
    "Graph",
    "Identity",
    "Stage",
    "certify",
    "min_required",
    "modulus_bits",
]
