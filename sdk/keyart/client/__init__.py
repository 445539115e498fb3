"""A device's visits to a server: what a host's background job calls from time to time.

It carries the bytes of `Personalizer.answer` over the host's own transport, and may use every other package of
`keyart`. It opens no connection.

    transport          the host's way to carry bytes
    discovery          which rounds and which model the server announces
    sampling           which rounds ask a device, and which models it takes early
    round_client       a device's part in one round, step by step
    visit              one visit: as many steps as can be made without waiting
    enrolment_request  the certificate that rounds need, and the list of revoked ones
"""

from .discovery import ModelOffer, RoundListing, ServerStatus
from .enrolment_request import CERTIFICATE_PATH, CHALLENGE_PATH, REVOKED_PATH, enrol, update_revocations
from .round_client import RoundVisit
from .sampling import offered_version, sampling_bucket
from .transport import MAX_RESPONSE_BYTES, Response, Send
from .visit import Visit, visit

__all__ = [
    "CERTIFICATE_PATH",
    "CHALLENGE_PATH",
    "MAX_RESPONSE_BYTES",
    "REVOKED_PATH",
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
    "update_revocations",
    "visit",
]
