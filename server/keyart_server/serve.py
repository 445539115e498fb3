"""Runs the server in the foreground, from its settings to the last request.

Settings are checked completely before anything is written.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import keyart
from keyart import Catalog

from . import audit_log, budget
from .access import Guard, people, tokens
from .access.sealing import Sealer
from .app import create_app
from .bundles import PublishedBundles
from .bundles.published_bundles import check_bundle
from .catalogs import CurrentCatalog, catalog_store, catalog_upload
from .clock import now
from .dashboard import Pages
from .data_folder import DataFolder
from .engine import CampaignEngine, RoundDriver, RoundRunner
from .gateway import enrolment
from .gateway.revocations import Revocations
from .http.certificate_expiry import certificate_expiry
from .http.web_server import listen, run_application
from .issuer.certificate_authority import LIST_FILE
from .issuer.issuer_process import OpenIssuer, open_issuer
from .monitoring import events, tracing
from .monitoring.database_metrics import watch_database
from .monitoring.metrics import Metrics
from .releases import publishing
from .rounds import round_store
from .service import Service
from .settings import ServerSettings
from .signing import signing_keys
from .state import ServerState
from .webhooks.delivery_worker import DeliveryWorker

log = logging.getLogger("keyart.server")


@dataclass(frozen=True, slots=True)
class StartupReport:
    """The report of a server start, made when the server listens.

    Attributes:
        address: base URL of the server.
        published: model version that this start has published, or None.
        join: one-time link for the first administrator while no account exists, else None.
        offline_keys: key files that should be moved to another machine.
        offers_key: public key that verifies offers, in hex; apps ship it (`keyart.Limits`).
        issuer_key: public key that verifies device certificates, in hex; apps ship it.
        insecure_issuer: whether this server certifies devices itself.
    """

    address: str
    data: Path
    version: str
    published: int | None
    join: str | None
    offline_keys: tuple[Path, ...]
    offers_key: str
    issuer_key: str
    insecure_issuer: bool


def serve(
    settings: ServerSettings, on_listening: Callable[[StartupReport], None], clock: Callable[[], datetime] = now
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: settings of the process.
        on_listening: called once, when the server listens.
        clock: returns the current time, with zone.

    Raises:
        SettingError, BundleError, CatalogError: if the server cannot start.
    """
    settings.check_tls()
    settings.check_issuer()
    tracing.install("keyart-server")
    if settings.bundle is not None:
        check_bundle(settings.bundle)
    with ExitStack() as stack:
        listening = stack.enter_context(listen(settings.host, settings.port))
        service = stack.enter_context(open_service(settings, clock))
        port: int = listening.getsockname()[1]
        started = _prepare(service, settings.base_url(port))
        app = create_app(service)

        def ready() -> None:
            on_listening(started)
            events.emit("process.start", program="serve", version=keyart.__version__)
            if not settings.sees_clients:
                log.warning("behind a proxy without --proxy, wrong passwords of all clients are counted as of one")

        with _engine_running(service, started.address):
            run_application(app, settings, listening, ready)


@contextmanager
def open_service(settings: ServerSettings, clock: Callable[[], datetime] = now) -> Iterator[Service]:
    """Open the service of these settings, with exclusive use of the data folder.

    Raises:
        SettingError, CatalogError: if the folder, the database or the catalogue cannot be used.
    """
    if settings.catalog is not None:
        Catalog.load(settings.catalog)  # before anything is written
    data = DataFolder(settings.data)
    with ExitStack() as stack:
        state = None
        if settings.database_url is not None:  # before a folder is created for an unreachable database
            state = ServerState.open(settings.database_url)
            stack.callback(state.close)
        data.make()
        stack.enter_context(data.locked())
        if state is None:
            state = ServerState.open(data.database)
            stack.callback(state.close)
        metrics = Metrics(keyart.__version__)
        watch_database(state.engine, metrics)
        metrics.set_certificate("listener", certificate_expiry(settings.tls_cert))
        metrics.set_certificate("superlink_ca", certificate_expiry(settings.superlink_ca))
        keys = signing_keys.load_or_create(data.keys, settings.insecure_issuer)
        issuer, issuers = None, signing_keys.public_keys(settings.issuers)
        if keys.issuer is not None:
            issuer = stack.enter_context(_own_issuer(data, keys.issuer, state, clock))
            issuers = (issuer.public,)
        revoked = None if settings.revocations is None else Revocations(settings.revocations, issuers)
        if issuer is not None:
            revoked = Revocations(data.issuer / LIST_FILE, issuers, issuer.authority.current_list)
        service = Service(
            settings=settings,
            data=data,
            state=state,
            guard=Guard(
                state, clock, settings.secure, metrics, settings.identity.totp_roles, settings.identity.passwords
            ),
            bundles=PublishedBundles(data, clock),
            metrics=metrics,
            pages=Pages(server_trusted=issuer is not None),
            clock=clock,
            keys=keys,
            sealer=Sealer(signing_keys.sealing_key(data.keys)),
            issuers=issuers,
            issuer=issuer,
            revoked=revoked,
            catalogs=CurrentCatalog(data.catalog),
        )
        _upload_catalog(service)
        yield service


def _upload_catalog(service: Service) -> None:
    """Upload the catalogue named at start, or the one that an older keyart left in the data folder."""
    path = service.settings.catalog or service.data.catalog
    if service.settings.catalog is None:
        with service.state.reading() as session:
            if not path.is_file() or catalog_store.newest(session) is not None:
                return
    if warning := catalog_upload.accept_at_start(service, path):
        log.warning("the catalogue of --catalog is not used", extra={"error": warning})


def _own_issuer(
    data: DataFolder, key: bytes, state: ServerState, clock: Callable[[], datetime]
) -> AbstractContextManager[OpenIssuer]:
    """Open the issuer of a server that is its own; the audit log counts its certificates by the hour."""

    def count() -> None:
        with state.writing() as session:
            enrolment.count_certificate(session, clock(), "issuer")

    return open_issuer(data.issuer, clock, key=key, certified=count)


@contextmanager
def _engine_running(service: Service, address: str) -> Iterator[None]:
    """Run the engine and the webhooks, each in a thread.

    They stop after the last request; rounds and deliveries resume at the next start.
    """
    if not service.settings.rounds:
        yield
        return
    stop = threading.Event()
    engine = CampaignEngine(
        service, RoundDriver(lambda: _round_runner(service), lambda round_id: _is_active(service, round_id))
    )
    works = {"engine": engine.run, "webhooks": DeliveryWorker(service, address).run}
    threads = [threading.Thread(target=run, args=(stop,), name=name) for name, run in works.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _round_runner(service: Service) -> RoundRunner:
    from .flower.superlink import FlowerRunner as FlowerLink

    settings, folder = service.settings, service.data.path / "flower"
    if settings.superlink is not None and settings.superlink_ca is not None:
        return FlowerLink.connect(folder, settings.superlink, settings.superlink_ca, settings.gateways)
    database_url = settings.database_url or f"sqlite:///{service.data.database.resolve()}"
    return FlowerLink.start(folder, database_url, service.issuers)


def _is_active(service: Service, round_id: str) -> bool:
    with service.state.reading() as session:
        round_ = round_store.find(session, round_id)
    return round_ is not None and round_.is_active


def _prepare(service: Service, address: str) -> StartupReport:
    """Do the work of every start: admin token, budget, interrupted releases, bundle, first invitation."""
    state, clock = service.state, service.clock
    tokens.ensure_admin(state, service.data, clock())
    with state.writing() as session:
        budget.configure(session, clock(), service.settings.epsilon, service.settings.delta)
    if service.issuer is not None:
        with state.writing() as session:
            audit_log.append(session, clock(), "server", "issuer.insecure", "server", trust="server trusted")
    publishing.resume_interrupted(service)
    bundle = service.settings.bundle
    published = None if bundle is None else publishing.publish_at_start(service, bundle)
    with state.writing() as session:
        joinable = service.settings.identity.passwords and people.is_empty(session)
        code = people.invite(session, clock(), "server", "administrator") if joinable else None
    return StartupReport(
        address=address,
        data=service.data.path,
        version=keyart.__version__,
        published=published,
        join=None if code is None else f"{address}/join/{code}",
        offline_keys=tuple(service.bundles.offline_keys_here()),
        offers_key=service.keys.offers_public.hex(),
        issuer_key=service.issuers[0].hex(),
        insecure_issuer=service.issuer is not None,
    )
