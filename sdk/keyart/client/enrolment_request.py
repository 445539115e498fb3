"""Enrolment over HTTP: the device proves that it has its key, and receives a certificate from the issuer.

The host's transport reaches the issuer here, which is another process than the server of rounds, and should be
another party's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import MessageError, SettingError
from .transport import Response, RetryLater, Send, send_request

if TYPE_CHECKING:
    from ..personalizer import Personalizer

CHALLENGE_PATH: Final = "/issuer/challenge"
CERTIFICATE_PATH: Final = "/issuer/certificate"
REVOKED_PATH: Final = "/issuer/revoked"


def enrol(art: Personalizer, send: Send, voucher: str = "", attestation: bytes = b"") -> bool:
    """Have this device's key certified, and store the certificate. Repeat it before the certificate ends (90 days).

    Args:
        art: The profile.
        send: The host's transport, to the issuer.
        voucher: One-use voucher that the app's account service has got from the issuer. A renewal needs none.
        attestation: Evidence of the platform, for issuers that ask for it.

    Returns:
        False if nothing may be kept.

    Raises:
        SettingError: The issuer rejects the voucher or the key.
        MessageError: Other devices would not accept the certificate.
        OSError: Issuer or network is away.
    """
    key = art.federated.device_key()
    if key is None:
        return False
    challenge = _body(_sent(send, "POST", CHALLENGE_PATH, key))
    request = art.federated.request_certificate(challenge, attestation)
    if request is None:
        return False
    headers = {"Authorization": f"Voucher {voucher}"} if voucher else {}
    return art.federated.enrol(_body(_sent(send, "POST", CERTIFICATE_PATH, request, headers)))


def update_revocations(art: Personalizer, send: Send) -> bool:
    """Fetch the issuer's revocation list and store it. Repeat it daily; a list lasts a few days.

    Args:
        art: The profile.
        send: The host's transport, to the issuer or to whoever carries its list.

    Returns:
        False if nothing may be kept.

    Raises:
        MessageError: It is not the list of an issuer of `Limits`, has expired, or is older than the stored one.
        OSError: Issuer or network is away.
    """
    return art.federated.update_revocations(_body(_sent(send, "GET", REVOKED_PATH)))


def _sent(send: Send, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Response:
    try:
        return send_request(send, method, path, body, headers)
    except RetryLater as later:
        when = "later" if later.seconds is None else f"in {later.seconds:g} seconds"
        raise ConnectionError(f"The issuer cannot be reached; try again {when}.") from None


def _body(answer: Response) -> bytes:
    if 400 <= answer.status < 500:
        raise SettingError(
            f"The issuer refuses: it says {answer.status}. A voucher is for one device; ask the app's account "
            "service for another one."
        )
    if answer.status != 200:
        raise MessageError(f"The issuer says {answer.status} in place of what was asked for; is this its address?")
    return answer.body
