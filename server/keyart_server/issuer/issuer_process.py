"""`keyart issuer`: a small process with a key and a data folder of its own, which takes no part in rounds.

DIR/issuer.pem      private key, mode 0600
DIR/issuer.token    bearer token of the app's account service, mode 0600
DIR/issuer.db       vouchers, certified and revoked keys, as hashes
DIR/revoked.kar     the signed revocation list, which any static server may carry
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI, Request, Response

import keyart
from keyart.bundle import replace_file
from keyart.errors import SettingError

from ..access import secrets
from ..clock import now
from ..data_folder import DataFolder
from ..gateway.rate_limits import for_direct_clients, for_proxied_clients
from ..http.address import Address
from ..http.application import build_application, health_routes
from ..http.certificate_expiry import certificate_expiry
from ..http.error_responses import error_json
from ..http.web_server import listen, run_application
from ..monitoring import events, tracing
from ..monitoring.metrics import Metrics
from ..signing import tuf_keys
from .attestation import load_attestation
from .certificate_authority import CertificateAuthority, Certified
from .issuer_metrics import IssuerMetrics
from .issuer_store import IssuerStore
from .routes import issuer_routes

KEY, TOKEN_FILE, DATABASE = "issuer", "issuer.token", "issuer.db"


@dataclass(frozen=True, slots=True)
class IssuerSettings(Address):
    """Settings of an issuer.

    Attributes:
        data: Folder for everything that the issuer stores.
        attestation: module:factory of an `Attestation`. None: vouchers only.

    Raises:
        SettingError: A setting is invalid.
    """

    data: Path
    attestation: str | None = None


@dataclass(frozen=True, slots=True)
class OpenIssuer:
    """An issuer whose folder is open.

    Attributes:
        authority: Certifies.
        public: Its public key, 32 bytes, which apps ship with.
        token: Bearer token of the app's account service.
    """

    authority: CertificateAuthority
    public: bytes
    token: str


@contextmanager
def open_issuer(
    folder: Path,
    clock: Callable[[], datetime] = now,
    *,
    attestation: str | None = None,
    key: bytes | None = None,
    certified: Certified | None = None,
) -> Iterator[OpenIssuer]:
    """Open an issuer's folder, which is created if it is missing.

    Args:
        folder: The folder.
        clock: Returns the current time, with zone.
        attestation: module:factory of an `Attestation`.
        key: Private key of 32 bytes; None for the one in the folder, which is created if it is missing.
        certified: Called whenever a key gets a certificate.

    Raises:
        SettingError: Folder, key or attestation cannot be used.
    """
    verifier = load_attestation(attestation)
    DataFolder(folder).make()
    path = tuf_keys.path_of(folder, KEY)
    if key is None:
        if not path.exists():
            tuf_keys.create(path)
        key = tuf_keys.private_key(path).private_bytes_raw()
    store = IssuerStore(folder / DATABASE)
    try:
        authority = CertificateAuthority(folder, key, store, clock, verifier, certified)
        public = Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
        yield OpenIssuer(authority, public, _token(folder / TOKEN_FILE))
    finally:
        store.close()


def create_issuer(issuer: OpenIssuer, settings: IssuerSettings, metrics: Metrics) -> FastAPI:
    """Build the application of an issuer."""

    counts = IssuerMetrics(metrics)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        issuer.authority.current_list()
        async with counts.summarising():
            yield

    rates = for_direct_clients() if settings.tls else for_proxied_clients()
    health = health_routes(lambda: {"issuer": "ok"}, metrics)
    routers = [health, *issuer_routes(issuer.authority, issuer.token, rates, counts)]
    summary = "Certifies the keys of devices."
    hosts, secure = settings.allowed_hosts, settings.secure
    return build_application(
        "keyart issuer", summary, routers, running, _no_page, metrics, hosts=hosts, secure=secure
    )


def serve(settings: IssuerSettings, on_listening: Callable[[str, str], None]) -> None:
    """Serve until stopped; `on_listening` is called once with the address and the public key in hex.

    Raises:
        SettingError: The issuer cannot start.
    """
    settings.check_tls()
    tracing.install("keyart-issuer")
    metrics = Metrics(keyart.__version__)
    metrics.set_certificate("listener", certificate_expiry(settings.tls_cert))
    with (
        listen(settings.host, settings.port) as listening,
        open_issuer(settings.data, attestation=settings.attestation) as issuer,
    ):
        app = create_issuer(issuer, settings, metrics)
        address = settings.base_url(listening.getsockname()[1])

        def ready() -> None:
            on_listening(address, issuer.public.hex())
            events.emit("process.start", program="issuer", version=keyart.__version__)

        run_application(app, settings, listening, ready)


def _token(path: Path) -> str:
    try:
        if not path.exists():
            replace_file(path, f"{secrets.make()}\n".encode(), 0o600)
        return path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise SettingError(f"Cannot use {path}: {error}; remove it.") from None


def _no_page(_: Request, status: int, sentence: str, headers: dict[str, str]) -> Response:
    return error_json(status, sentence, headers)
