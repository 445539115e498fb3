"""A device's visits to a server: what a host's background job calls now and then.

transport   the host's own way to carry bytes; keyart opens no connection
current     what the server says is going on
draws       chances that stay the same: which rounds ask a device, and which models it takes early
part        a device's part in one round, step by step
visits      one visit: as many steps as can be made without waiting
enrolment   the certificate that rounds need
"""

from .discovery import ModelOffer, RoundListing, ServerStatus
from .enrolment_request import enrol
from .round_client import RoundVisit
from .sampling import offered_version, sampling_bucket
from .transport import MAX_RESPONSE_BYTES, Response, Send
from .visit import Visit, visit

__all__ = [
    "MAX_RESPONSE_BYTES",
    "ModelOffer",
    "Response",
    "RoundListing",
    "RoundVisit",
    "Send",
    "ServerStatus",
    "Visit",
    "enrol",
    "offered_version",
    "sampling_bucket",
    "visit",
]
