"""Secure aggregation, the server's half: the sum of vectors that the server cannot read. It uses the SDK.

stage_messages  one message a stage between gateway and coordinator
gateway         relays for its devices, and adds up their masked vectors
coordinator     the server's state machine over the four stages
unmasking       the last stage: masks out of the sum
blame           which devices have caused that secrets cannot be rebuilt
in_process      a whole round in one process

The device's half is `keyart.secagg`; docs/reference/protocol.md says it all in words.
"""

from .coordinator import Coordinator, SumResult
from .gateway import Gateway
from .in_process import InProcessTransport, run_in_process

__all__ = ["Coordinator", "Gateway", "InProcessTransport", "SumResult", "run_in_process"]
