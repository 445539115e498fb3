"""The certificate authority of devices: challenges, certificates, and the list of those that count no more.

A certificate is given for a one-use voucher, or for the attestation of a platform, to whoever proves to have the key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keyart.bundle import replace_file
from keyart.errors import InputError, MessageError, SettingError
from keyart.secagg import CertificationRequest, RevocationList, certify

from ..monitoring import events
from .attestation import Attestation
from .issuer_store import IssuerStore

CERTIFICATE_LIFETIME: Final = timedelta(days=90)
VOUCHER_LIFETIME: Final = timedelta(days=30)
LIST_LIFETIME: Final = timedelta(days=7)  # a revocation is held back for so long at most
LIST_RENEWAL: Final = timedelta(days=1)
CHALLENGE_LIFETIME: Final = timedelta(minutes=10)
MAX_VOUCHERS: Final = 10_000  # at once
LIST_FILE: Final = "revoked.kar"
_SECONDS = struct.Struct("<Q")

Certified = Callable[[], None]


class CertificateAuthority:
    """Certifies devices with one key.

    Args:
        folder: Folder of the revocation list, `revoked.kar`, which any static server may carry.
        key: Private key (Ed25519, 32 bytes).
        store: The records.
        clock: Returns the current time, with zone.
        attestation: Verifies evidence of a platform. None: vouchers only.
        certified: Called whenever a key gets a certificate.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes,
        store: IssuerStore,
        clock: Callable[[], datetime],
        attestation: Attestation | None = None,
        certified: Certified | None = None,
    ) -> None:
        self._file, self._key, self._store, self._clock = folder / LIST_FILE, key, store, clock
        self._attestation, self._certified = attestation, certified
        self._public = Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
        self._challenge_key = hmac.digest(key, b"keyart/issuer/challenge", "sha256")

    def challenge(self, device: bytes) -> bytes:
        """Return a challenge for a device's public key, [40]. It lasts ten minutes, and nothing is stored."""
        expires = _SECONDS.pack(int((self._clock() + CHALLENGE_LIFETIME).timestamp()))
        return expires + self._mac(device, expires)

    def certificate(self, request: CertificationRequest, voucher: str | None) -> bytes:
        """Return the certificate of a key.

        Args:
            request: What the device sent.
            voucher: Its voucher. None for a renewal, or with an attestation.

        Raises:
            InputError: Nothing entitles the device to one.
        """
        at, expires = self._clock(), self._clock() + CERTIFICATE_LIFETIME
        self._require_proof(request, at)
        now, until = int(at.timestamp()), int(expires.timestamp())
        device = hashlib.sha256(request.device).digest()
        if request.attestation:
            entitled = self._store.attest(self._attested(request), device, now, until)
        else:
            entitled = self._store.certify(device, None if voucher is None else voucher_hash(voucher), now, until)
        if not entitled:
            raise InputError(
                "No certificate: the voucher is unknown, has expired or has served another device, or this key was "
                "revoked. Ask the app's account service for another voucher."
            )
        if self._certified is not None:
            self._certified()
        return certify(self._key, request.device, until)

    def vouchers(self, count: int) -> list[str]:
        """Return new vouchers; each certifies one key within 30 days. Raises SettingError."""
        if not 1 <= count <= MAX_VOUCHERS:
            raise SettingError(f"Vouchers are made 1 to {MAX_VOUCHERS:,} at once, not {count}.")
        made = [secrets.token_urlsafe(24) for _ in range(count)]
        expires = int((self._clock() + VOUCHER_LIFETIME).timestamp())
        self._store.add_vouchers([voucher_hash(voucher) for voucher in made], expires)
        return made

    def count_devices(self) -> int:
        """Return the number of devices with a valid certificate."""
        return self._store.count_certified(int(self._clock().timestamp()))

    def revoke(self, device: bytes) -> None:
        """Revoke a device's public key, and write the list."""
        self._store.revoke(hashlib.sha256(device).digest(), int(self._clock().timestamp()))
        self.write_list()

    def write_list(self) -> bytes:
        """Sign the revocation list anew and write it to its file."""
        at = self._clock()
        self._store.forget_expired(int(at.timestamp()))
        version, hashes = self._store.next_list()
        data = RevocationList(version, int((at + LIST_LIFETIME).timestamp()), hashes).sign(self._key)
        try:
            replace_file(self._file, data, 0o644)
        except OSError as error:
            raise SettingError(f"Cannot write {self._file}: {error.strerror or error}.") from None
        events.emit("revocation.publish", list=version, count=len(hashes))
        return data

    def current_list(self) -> bytes:
        """Return the revocation list, which is signed anew once it is a day old."""
        try:
            data = self._file.read_bytes()  # another process may have revoked a key
            found = RevocationList.read(data, [self._public], 0)
        except (OSError, MessageError):
            return self.write_list()
        fresh = self._clock() + LIST_LIFETIME - LIST_RENEWAL
        return data if found.expires >= fresh.timestamp() else self.write_list()

    def _require_proof(self, request: CertificationRequest, at: datetime) -> None:
        expires, mac = request.challenge[: _SECONDS.size], request.challenge[_SECONDS.size :]
        own = hmac.compare_digest(mac, self._mac(request.device, expires))
        if not own or _SECONDS.unpack(expires)[0] < at.timestamp() or not request.proves_possession:
            raise InputError(
                "No certificate: the request does not prove that the device has this key. Ask for a new challenge."
            )

    def _attested(self, request: CertificationRequest) -> bytes:
        if self._attestation is None:
            raise InputError("This issuer verifies no attestation; send a voucher.")
        name = self._attestation.device_id(request.device, request.challenge, request.attestation)
        if name is None:
            raise InputError("No certificate: the attestation does not hold.")
        return hashlib.sha256(b"attested" + name.encode()).digest()

    def _mac(self, device: bytes, expires: bytes) -> bytes:
        return hmac.digest(self._challenge_key, device + expires, "sha256")


def voucher_hash(voucher: str) -> bytes:
    """Return the hash under which a voucher is stored, [32]; vouchers have 192 random bits."""
    return hashlib.sha256(voucher.encode("utf-8", "surrogateescape")).digest()
