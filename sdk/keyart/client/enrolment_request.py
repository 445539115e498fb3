"""Enrolment over HTTP: the device's public key goes out, its certificate comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import MessageError, SettingError
from .transport import RetryLater, Send, send_request

if TYPE_CHECKING:
    from ..personalizer import Personalizer


def enrol(art: Personalizer, send: Send, token: str) -> bool:
    """Has this device's key certified, and keeps the certificate; again before that ends (90 days) renews it.

    token: the operator's, of scope "enrol". False where nothing may be kept. Raises SettingError where the server
    does not take token or key, MessageError for a certificate that other devices would not take, and OSError while
    server or network is away.
    """
    key = art.federated.device_key()
    if key is None:
        return False
    try:
        answer = send_request(send, "POST", "/device/enrol", key, {"Authorization": f"Bearer {token}"})
    except RetryLater as later:
        when = "later" if later.seconds is None else f"in {later.seconds:g} seconds"
        raise ConnectionError(f"The server cannot be reached to enrol this device; try again {when}.") from None
    if 400 <= answer.status < 500:
        raise SettingError(
            f"The server does not enrol this device: it says {answer.status}. Ask its operator for another token of "
            "scope 'enrol'."
        )
    if answer.status != 200:
        raise MessageError(f"The server says {answer.status} in place of a certificate; is this its address?")
    return art.federated.enrol(answer.body)
