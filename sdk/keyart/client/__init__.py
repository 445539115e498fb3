"""A device's visits to a server: what a host's background job calls now and then.

transport   the host's own way to carry bytes; keyart opens no connection
current     what the server says is going on
draws       chances that stay the same: which rounds ask a device, and which models it takes early
part        a device's part in one round, step by step
visits      one visit: as many steps as can be made without waiting
enrolment   the certificate that rounds need
"""

from .discovery import Current, Listed, Model
from .enrolment_request import enrol
from .round_client import Part
from .sampling import draw, offered
from .transport import MOST_BYTES, Answer, Send
from .visit import Visit, visit

__all__ = [
    "MOST_BYTES",
    "Answer",
    "Current",
    "Listed",
    "Model",
    "Part",
    "Send",
    "Visit",
    "draw",
    "enrol",
    "offered",
    "visit",
]
