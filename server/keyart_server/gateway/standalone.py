"""Runs a standalone gateway: its application in the foreground, and the SuperNode that relays its cohort."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import keyart
from keyart.errors import SettingError

from ..clock import now
from ..http.address import Address
from ..http.certificate_expiry import certificate_expiry
from ..http.web_server import listen, run_application
from ..monitoring import events, tracing
from ..monitoring.metrics import Metrics
from ..releases import release_store
from ..signing.signing_keys import public_keys
from ..state import ServerState
from .gateway_app import create_gateway
from .revocations import Revocations, check_revocations


@dataclass(frozen=True, slots=True)
class GatewaySettings(Address):
    """Settings of a standalone gateway.

    Attributes:
        database_url: address of the server's database.
        name: unique name of the gateway.
        issuers: public keys that certify devices, in hex.
        revocations: the issuer's revocation list, a file that is read again when it changes.
        superlink: HOST:PORT of the SuperLink; without it no SuperNode is started.
        superlink_ca: PEM file of the authority that signed the SuperLink's certificate.
        node_key: private key that the SuperLink admits.

    Raises:
        SettingError: for settings that are invalid.
    """

    database_url: str
    name: str
    issuers: tuple[str, ...]
    revocations: Path | None = None
    superlink: str | None = None
    superlink_ca: Path | None = None
    node_key: Path | None = None

    def __post_init__(self) -> None:
        Address.__post_init__(self)
        public_keys(self.issuers)
        check_revocations(self.revocations)
        relayed = (self.superlink, self.superlink_ca, self.node_key)
        if any(part is not None for part in relayed) and None in relayed:
            raise SettingError("A relay needs --superlink, --superlink-ca and --node-key together.")
        for option, path in (("--superlink-ca", self.superlink_ca), ("--node-key", self.node_key)):
            if path is not None and not path.is_file():
                raise SettingError(f"{option}: the file {path} does not exist.")


def serve(
    settings: GatewaySettings, on_listening: Callable[[str], None], clock: Callable[[], datetime] = now
) -> None:
    """Serve until stopped; `on_listening` is called once with the address. Raises SettingError."""
    settings.check_tls()
    tracing.install("keyart-gateway")

    def ready(address: str) -> None:
        on_listening(address)
        events.emit("process.start", program="gateway", version=keyart.__version__)

    with ExitStack() as stack:
        listening = stack.enter_context(listen(settings.host, settings.port))
        state = ServerState.open(settings.database_url, upgrade=False)
        stack.callback(state.close)
        issuers = public_keys(settings.issuers)
        revoked = None if settings.revocations is None else Revocations(settings.revocations, issuers)
        metrics = Metrics(keyart.__version__)
        metrics.set_certificate("listener", certificate_expiry(settings.tls_cert))
        metrics.set_certificate("superlink_ca", certificate_expiry(settings.superlink_ca))
        app = create_gateway(
            state,
            settings.name,
            issuers,
            clock,
            metrics,
            offered=release_store.offered,
            tls=settings.tls,
            revoked=revoked,
        )
        address = settings.base_url(listening.getsockname()[1])
        with _relaying(settings):
            run_application(app, settings, listening, lambda: ready(address))


@contextmanager
def _relaying(settings: GatewaySettings) -> Iterator[None]:
    """Run the SuperNode, restarting it whenever it ends."""
    if settings.superlink is None or settings.superlink_ca is None or settings.node_key is None:
        yield
        return
    from ..flower import supernode

    stop = threading.Event()
    with TemporaryDirectory(prefix="keyart-gateway-") as folder:
        arguments = (
            settings.database_url,
            settings.name,
            settings.superlink,
            settings.superlink_ca,
            settings.node_key,
        )
        thread = threading.Thread(target=supernode.supervise, args=(stop, Path(folder), *arguments), name="relay")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
