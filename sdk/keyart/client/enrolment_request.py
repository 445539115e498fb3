"""Enrolment over HTTP: the device sends its public key and receives its certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import MessageError, SettingError
from .transport import RetryLater, Send, send_request

if TYPE_CHECKING:
    from ..personalizer import Personalizer


def enrol(art: Personalizer, send: Send, token: str) -> bool:
    """Have this device's key certified, and store the certificate. Repeat it before the certificate ends (90 days).

    Args:
        art: The profile.
        send: The host's transport.
        token: The operator's token of scope "enrol".

    Returns:
        False if nothing may be kept.

    Raises:
        SettingError: The server rejects the token or the key.
        MessageError: Other devices would not accept the certificate.
        OSError: Server or network is away.
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
